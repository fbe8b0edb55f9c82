//! What a camera is, and who knows them: PipeWire, by the camera portal where there is one, which asks the user. Outside
//! of a sandbox V4L2 has those besides that PipeWire does not know.

use super::{Kind, Providers, property};
use crate::engine::portal::{self, PortalError};
use crate::engine::state::DeviceError;
use gst::prelude::*;
use std::env;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::mpsc;

pub const KIND: Kind = Kind { thread: "cameras", start, is_one: is_camera, is_second_choice: |_| false };

fn start(changes: &mpsc::Sender<super::Command>) -> Result<Providers, DeviceError> {
    let is_sandboxed = ashpd::is_sandboxed();
    let remote = match futures_lite::future::block_on(portal::cameras()) {
        Ok(remote) => Some(remote),
        Err(PortalError::Denied) => return Err(DeviceError::Denied),
        Err(PortalError::Missing) if is_sandboxed => return Err(DeviceError::NoService),
        Err(PortalError::Failed { message }) if is_sandboxed => {
            return Err(DeviceError::Failed { message });
        }
        Err(_) => own_connection(),
    };
    let names: &[&str] = match is_sandboxed {
        true => &["pipewiredeviceprovider"],
        false => &["pipewiredeviceprovider", "v4l2deviceprovider"],
    };
    Ok(Providers::start(names, remote, changes))
}

/// The connection that a program has that no portal looks after, at the place that PipeWire looks itself. The one that
/// GStreamer would make is one for all, and stays the one to a PipeWire that is gone as long as anything hangs by it.
fn own_connection() -> Option<OwnedFd> {
    let folder = env::var_os("PIPEWIRE_RUNTIME_DIR").or_else(|| env::var_os("XDG_RUNTIME_DIR"));
    let name = env::var_os("PIPEWIRE_REMOTE").unwrap_or_else(|| "pipewire-0".into());
    UnixStream::connect(PathBuf::from(folder?).join(name)).ok().map(OwnedFd::from)
}

/// PipeWire has pictures of screens as well.
fn is_camera(device: &gst::Device) -> bool {
    let role = property(device, &["media.role"]);
    device.has_classes("Video/Source") && role.is_none_or(|role| role == "Camera")
}
