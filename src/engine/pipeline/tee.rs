//! What pictures pass, and what takes them there: each taker comes and goes while the others go on.

use crate::engine::elements::{end, make};
use crate::engine::state::StreamError;
use gst::prelude::*;
use std::sync::mpsc;
use std::time::Duration;

/// A change at a pad waits for the picture that is under way; when it takes longer than this, nothing flows.
const PICTURE_UNDER_WAY: Duration = Duration::from_secs(1);

/// The tee, in the bin that it is in.
pub struct Tee {
    bin: gst::Bin,
    tee: gst::Element,
}

/// Elements behind a pad of the tee.
pub struct Branch {
    pad: gst::Pad,
    elements: Vec<gst::Element>,
}

impl Tee {
    pub fn new(bin: &gst::Bin) -> Result<Self, StreamError> {
        let tee = make("tee", "pictures")?;
        // Nobody may be looking.
        tee.set_property("allow-not-linked", true);
        bin.add(&tee).map_err(StreamError::internal)?;
        Ok(Self { bin: bin.clone(), tee })
    }

    pub fn element(&self) -> &gst::Element {
        &self.tee
    }

    /// The first of the elements has a sink pad.
    pub fn attach(&self, elements: Vec<gst::Element>) -> Result<Branch, StreamError> {
        self.bin.add_many(&elements).map_err(StreamError::internal)?;
        gst::Element::link_many(&elements).map_err(StreamError::internal)?;
        for element in elements.iter().rev() {
            // The feed's sink and the bins of previews were used before, and ended.
            element.set_locked_state(false);
            element.sync_state_with_parent().map_err(StreamError::internal)?;
        }
        let pad = self.tee.request_pad_simple("src_%u").expect("a tee has request pads");
        let sink = elements[0].static_pad("sink").expect("a branch begins with a sink pad");
        pad.link(&sink).map_err(StreamError::internal)?;
        Ok(Branch { pad, elements })
    }

    pub fn detach(&self, branch: Branch) {
        while_blocked(&branch.pad, || {
            if let Some(peer) = branch.pad.peer() {
                let _ = branch.pad.unlink(&peer);
            }
        });
        self.tee.release_request_pad(&branch.pad);
        for element in &branch.elements {
            end(element);
            let _ = self.bin.remove(element);
        }
    }
}

/// Runs `change` while no picture passes the pad.
pub fn while_blocked<T>(pad: &gst::Pad, change: impl FnOnce() -> T) -> T {
    let (blocked, wait) = mpsc::channel();
    // Idle: called at once, on this thread, where nothing flows. Block: otherwise at the next picture.
    let probe = pad.add_probe(gst::PadProbeType::IDLE | gst::PadProbeType::BLOCK_DOWNSTREAM, move |_, _| {
        let _ = blocked.send(());
        gst::PadProbeReturn::Ok
    });
    let _ = wait.recv_timeout(PICTURE_UNDER_WAY);
    let result = change();
    if let Some(probe) = probe {
        pad.remove_probe(probe);
    }
    result
}
