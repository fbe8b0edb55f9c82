//! One track of a media: what is kept of it, and how its packets are held back for a moment, so that a reader can be
//! given what was kept and then goes on with what comes next.

use super::group::{Group, Lately, Start, header, sequence};
use gst::prelude::*;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock};
use std::time::{Duration, Instant};

/// Nobody waits longer than this for a reader that begins.
const LONGEST_HOLD: Duration = Duration::from_millis(150);

/// The name of the event behind which nothing is under way.
const MARK: &str = "headwater-mark";

/// A track. All threads.
#[derive(Debug)]
pub struct Track {
    state: Mutex<State>,
    changed: Condvar,
    /// Behind this packets part.
    pad: OnceLock<gst::Pad>,
}

#[derive(Debug)]
struct State {
    kept: Kept,
    /// Until when packets are held back at most.
    held_until: Option<Instant>,
    /// How often they were held back.
    holds: u64,
    /// Packets are held back, or on their way to the sinks.
    is_busy: bool,
    /// How often packets have passed.
    passed: u64,
    /// The number of the last packet that all readers on TCP were given.
    given: Option<u16>,
    mark: Option<Mark>,
    /// Those who are told each packet that passes.
    listeners: Vec<Sender<Vec<gst::Buffer>>>,
}

#[derive(Debug)]
enum Kept {
    Pictures(Group),
    Sound(Lately),
}

/// An event that is on its way to all sinks.
#[derive(Debug)]
struct Mark {
    number: gst::Seqnum,
    /// How many it has reached.
    reached: usize,
    /// The number of the last packet before it, where readers on TCP are given packets by another thread.
    before: Option<u16>,
}

impl Kept {
    fn add(&mut self, packets: &[gst::Buffer], most_packets: usize) {
        match self {
            Self::Pictures(group) => group.add(packets, most_packets),
            Self::Sound(lately) => lately.add(packets),
        }
    }

    fn clear(&mut self) {
        match self {
            Self::Pictures(group) => group.clear(),
            Self::Sound(lately) => lately.clear(),
        }
    }
}

impl Track {
    pub fn of_pictures() -> Arc<Self> {
        Self::new(Kept::Pictures(Group::default()))
    }

    pub fn of_sound() -> Arc<Self> {
        Self::new(Kept::Sound(Lately::default()))
    }

    fn new(kept: Kept) -> Arc<Self> {
        let state = State {
            kept,
            held_until: None,
            holds: 0,
            is_busy: false,
            passed: 0,
            given: None,
            mark: None,
            listeners: Vec::new(),
        };
        Arc::new(Self { state: Mutex::new(state), changed: Condvar::new(), pad: OnceLock::new() })
    }

    /// Keeps what passes this pad as long as `keeps` says so. Probes that are added later see nothing.
    pub fn watch(
        self: &Arc<Self>,
        pad: &gst::Pad,
        most_packets: usize,
        keeps: impl Fn() -> bool + Send + Sync + 'static,
    ) {
        let track = Arc::downgrade(self);
        pad.add_probe(gst::PadProbeType::BUFFER | gst::PadProbeType::BUFFER_LIST, move |pad, info| {
            let Some(track) = track.upgrade() else { return gst::PadProbeReturn::Ok };
            let packets: Vec<gst::Buffer> = match &info.data {
                Some(gst::PadProbeData::Buffer(packet)) => vec![packet.clone()],
                Some(gst::PadProbeData::BufferList(packets)) => packets.iter_owned().collect(),
                _ => return gst::PadProbeReturn::Ok,
            };
            track.pass(&packets, keeps().then_some(most_packets));
            // Handed on here, since only so it is known when that is done.
            let next = pad.peer().ok_or(gst::FlowError::NotLinked);
            info.flow_res = match info.data.take() {
                Some(gst::PadProbeData::Buffer(packet)) => next.and_then(|next| next.chain(packet)),
                Some(gst::PadProbeData::BufferList(packets)) => {
                    next.and_then(|next| next.chain_list(packets))
                }
                _ => Ok(gst::FlowSuccess::Ok),
            };
            track.state.lock().unwrap().is_busy = false;
            track.changed.notify_all();
            gst::PadProbeReturn::Handled
        });
        let _ = self.pad.set(pad.clone());
    }

    fn pass(&self, packets: &[gst::Buffer], most_packets: Option<usize>) {
        let mut state = self.state.lock().unwrap();
        state.is_busy = true;
        let longest = Instant::now() + LONGEST_HOLD;
        while let Some(until) = state.held_until
            && let left = until.min(longest).saturating_duration_since(Instant::now())
            && !left.is_zero()
        {
            state = self.changed.wait_timeout(state, left).unwrap().0;
        }
        state.passed += 1;
        match most_packets {
            Some(most) => state.kept.add(packets, most),
            None => state.kept.clear(),
        }
        state.listeners.retain(|listener| listener.send(packets.to_vec()).is_ok());
    }

    /// A sink is reached by an event that may be the mark, behind the packet with this number.
    pub fn reach(&self, number: gst::Seqnum, before: Option<u16>) {
        let mut state = self.state.lock().unwrap();
        if let Some(mark) = state.mark.as_mut().filter(|mark| mark.number == number) {
            mark.reached += 1;
            mark.before = mark.before.or(before);
            drop(state);
            self.changed.notify_all();
        }
    }

    /// All readers on TCP were given this packet.
    pub fn give(&self, packet: &gst::Buffer) {
        let number = header(packet).map(|header| sequence(&header));
        let mut state = self.state.lock().unwrap();
        state.given = number;
        if state.mark.is_some() {
            drop(state);
            self.changed.notify_all();
        }
    }

    /// Holds packets back, and waits until those that have passed have reached every reader that is there. None where
    /// that takes too long.
    pub fn hold(self: &Arc<Self>) -> Option<Hold> {
        let deadline = Instant::now() + LONGEST_HOLD;
        let pad = self.pad.get()?;
        let mut state = self.state.lock().unwrap();
        // Whoever holds them now goes first, and then what is held back.
        while state.is_busy || state.held_until.is_some_and(|until| until > Instant::now()) {
            state = self.wait(state, deadline)?;
        }
        state.held_until = Some(deadline);
        state.holds += 1;
        let hold = Hold { track: self.clone(), number: state.holds, passed: state.passed };
        drop(state);

        let parts = pad.peer()?;
        let sinks = self.sinks().len();
        let event = gst::event::CustomDownstream::new(gst::Structure::new_empty(MARK));
        let mark = Mark { number: event.seqnum(), reached: 0, before: None };
        self.state.lock().unwrap().mark = Some(mark);
        // Sinks take no more than note of it.
        let _ = parts.send_event(event);
        let mut state = self.state.lock().unwrap();
        let is_under_way = |state: &State| {
            state.mark.as_ref().is_some_and(|mark| {
                mark.reached < sinks || (mark.before.is_some() && mark.before != state.given)
            })
        };
        while is_under_way(&state) {
            state = self.wait(state, deadline)?;
        }
        state.mark = None;
        drop(state);
        Some(hold)
    }

    /// Where packets go to from where they part: a sink each for UDP, multicast and TCP, where somebody reads so.
    pub fn sinks(&self) -> Vec<gst::Element> {
        let parts = self.pad.get().and_then(|pad| pad.peer()?.parent_element());
        let branches = parts.map(|parts| parts.src_pads()).unwrap_or_default();
        let sink_of = |branch: &gst::Pad| {
            let next = branch.peer()?.parent_element()?;
            // There is a queue where there are several.
            match next.static_pad("src") {
                Some(branch) => branch.peer()?.parent_element(),
                None => Some(next),
            }
        };
        branches.iter().filter_map(sink_of).collect()
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>, deadline: Instant) -> Option<MutexGuard<'a, State>> {
        let left = deadline.saturating_duration_since(Instant::now());
        (!left.is_zero()).then(|| self.changed.wait_timeout(state, left).unwrap().0)
    }
}

/// Whether an event is a mark.
pub fn is_mark(event: &gst::EventRef) -> bool {
    event.structure().is_some_and(|structure| structure.name() == MARK)
}

/// As long as it is there, but no longer than [`LONGEST_HOLD`], no packet passes.
#[derive(Debug)]
pub struct Hold {
    track: Arc<Track>,
    number: u64,
    passed: u64,
}

impl Hold {
    /// Whether it did hold until now.
    pub fn is_whole(&self) -> bool {
        self.track.state.lock().unwrap().passed == self.passed
    }

    pub fn track(&self) -> &Arc<Track> {
        &self.track
    }

    pub fn pictures(&self) -> Option<Start> {
        match &self.track.state.lock().unwrap().kept {
            Kept::Pictures(group) => group.brought_to_now(),
            Kept::Sound(_) => None,
        }
    }

    /// The sound from this running time on.
    pub fn sound(&self, from: gst::ClockTime) -> Option<Start> {
        match &self.track.state.lock().unwrap().kept {
            Kept::Pictures(_) => None,
            Kept::Sound(lately) => lately.since(from),
        }
    }

    /// What passes from now on.
    pub fn listen(&self) -> Receiver<Vec<gst::Buffer>> {
        let (listener, passing) = channel();
        self.track.state.lock().unwrap().listeners.push(listener);
        passing
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut state = self.track.state.lock().unwrap();
        // It may have taken too long, and be another's by now.
        if state.holds == self.number {
            state.held_until = None;
        }
        drop(state);
        self.track.changed.notify_all();
    }
}
