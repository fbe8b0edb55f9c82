//! What a microphone is, and who knows them: the sound server, by the protocol of PulseAudio. PipeWire speaks it, too, and a
//! sandbox has no other way to sound.

use super::{Kind, Providers, property};
use crate::engine::state::DeviceError;
use gst::prelude::*;
use std::sync::mpsc;

pub const KIND: Kind =
    Kind { thread: "microphones", start, is_one: is_microphone, is_second_choice: is_monitor };

fn start(changes: &mpsc::Sender<super::Command>) -> Result<Providers, DeviceError> {
    let providers = Providers::start(&["pulsedeviceprovider"], None, changes);
    if providers.is_whole() { Ok(providers) } else { Err(DeviceError::NoService) }
}

fn is_microphone(device: &gst::Device) -> bool {
    device.has_classes("Audio/Source")
}

/// What this computer plays: listed where there is nothing else, and never taken unless it is named.
fn is_monitor(device: &gst::Device) -> bool {
    property(device, &["device.class"]).is_some_and(|class| class == "monitor")
}
