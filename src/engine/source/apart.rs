//! Elements of the network and of devices hang now and then, when they are opened as well as when they are closed. Both
//! is done on threads of their own; the rest of the graph never waits for them for long, and what hangs is left behind.

use super::wait_for_decoders;
use crate::engine::elements::end;
use crate::engine::state::StreamError;
use gst::prelude::*;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

/// How long one may take for its goodbye before nobody waits for it any more.
const GOODBYE: Duration = Duration::from_millis(500);

/// What is opened apart from the graph that it is in.
pub struct Apart {
    bin: gst::Bin,
    closed: Closed,
}

impl Apart {
    /// Adds it to a source, and brings it to these states one after the other. Why that fails comes as a message.
    pub fn open(
        source: &gst::Bin,
        bin: gst::Bin,
        states: &'static [gst::State],
    ) -> Result<Self, StreamError> {
        let apart = Self::add(source, bin)?;
        apart.start(states)?;
        Ok(apart)
    }

    /// Adds it to a source, to be linked before it is started.
    pub fn add(source: &gst::Bin, bin: gst::Bin) -> Result<Self, StreamError> {
        source.add(&bin).map_err(StreamError::internal)?;
        // Its state is changed on its own threads alone; so nobody else tells it when running time was zero.
        bin.set_locked_state(true);
        bin.set_base_time(source.base_time().unwrap_or_default());
        Ok(Self { bin, closed: Closed::default() })
    }

    /// Brings it to these states one after the other. Why that fails comes as a message.
    pub fn start(&self, states: &'static [gst::State]) -> Result<(), StreamError> {
        let (opened, closed) = (self.bin.clone(), self.closed.clone());
        spawn("open source", move || {
            for state in states {
                closed.open(&opened, *state);
            }
        })
    }

    /// Whether this is a part of it.
    pub fn has(&self, object: &gst::Object) -> bool {
        object.has_as_ancestor(&self.bin)
    }

    /// Takes it out of its source: what it says from now on is heard by nobody. What it needs to the end is given
    /// along.
    pub fn close(self, source: &gst::Bin, needed: impl Send + 'static) {
        let _ = source.remove(&self.bin);
        let name = self.bin.name();
        let (ended, wait) = mpsc::channel();
        let closing = spawn("close source", move || {
            self.closed.close();
            wait_for_decoders(&self.bin);
            end(&self.bin);
            drop(needed);
            let _ = ended.send(());
        });
        // The next one may want the same device.
        if closing.is_ok() && wait.recv_timeout(GOODBYE) == Err(mpsc::RecvTimeoutError::Timeout) {
            tracing::debug!("{name} takes long to close");
        }
    }
}

/// Whether it was closed, which may be before it is open: then it stays closed. One that plays still when it is let go of
/// ends the process.
#[derive(Debug, Clone, Default)]
struct Closed(Arc<Mutex<bool>>);

impl Closed {
    fn open(&self, element: &impl IsA<gst::Element>, state: gst::State) {
        let closed = self.0.lock().unwrap();
        if !*closed {
            let _ = element.set_state(state);
        }
    }

    fn close(&self) {
        *self.0.lock().unwrap() = true;
    }
}

/// Does something on a thread of its own.
pub fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), StreamError> {
    let thread = std::thread::Builder::new().name(name.into()).spawn(work);
    thread.map(drop).map_err(StreamError::internal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::elements::make;

    #[test]
    fn what_is_closed_before_it_is_open_stays_closed() {
        gst::init().unwrap();
        let closed = Closed::default();
        let camera = make("videotestsrc", "camera").unwrap();
        closed.close();
        closed.open(&camera, gst::State::Playing);
        assert_eq!(camera.current_state(), gst::State::Null);
    }
}
