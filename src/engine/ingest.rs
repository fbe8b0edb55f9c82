//! Where the RTSP server and a stream's thread meet the other way round: what a publisher sends comes in here. Shared
//! by all threads; nothing here waits.

use super::feed::TRACKS;
use super::gop::{Gop, Kept};
use super::runner::Command;
use super::state::Publisher;
use gst_app::AppSrc;
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

/// The tracks of a publisher, as those of a media.
pub const PICTURES: usize = 0;
pub const SOUND: usize = 1;

/// Another publisher takes the place of one that has sent nothing for so long: its program has vanished.
const SILENCE: Duration = Duration::from_secs(5);

/// The way into one stream.
#[derive(Debug)]
pub struct Ingest {
    commands: mpsc::Sender<Command>,
    current: Mutex<Option<Arc<Publication>>>,
}

/// Somebody else is sending.
#[derive(Debug)]
pub struct Taken {
    pub by: Publisher,
}

impl Ingest {
    pub fn new(commands: mpsc::Sender<Command>) -> Arc<Self> {
        Arc::new(Self { commands, current: Mutex::default() })
    }

    /// What is being sent now.
    pub fn current(&self) -> Option<Arc<Publication>> {
        self.current.lock().unwrap().clone()
    }

    /// Whether this publisher could begin now.
    pub fn check(&self, publisher: &Publisher) -> Result<(), Taken> {
        check(self.current.lock().unwrap().as_deref(), publisher)
    }

    /// Takes in what somebody sends from now on, and returns what was sent in its place.
    pub fn begin(&self, publication: &Arc<Publication>) -> Result<Option<Arc<Publication>>, Taken> {
        let mut current = self.current.lock().unwrap();
        check(current.as_deref(), &publication.publisher)?;
        let before = current.replace(publication.clone());
        drop(current);
        self.tell();
        Ok(before)
    }

    /// It is not sent any more.
    pub fn end(&self, publication: &Arc<Publication>) {
        let mut current = self.current.lock().unwrap();
        let was_current = current.take_if(|current| Arc::ptr_eq(current, publication)).is_some();
        drop(current);
        if was_current {
            self.tell();
        }
    }

    fn tell(&self) {
        let _ = self.commands.send(Command::Publisher);
    }
}

fn check(current: Option<&Publication>, publisher: &Publisher) -> Result<(), Taken> {
    match current {
        Some(current) if !current.yields_to(publisher) => Err(Taken { by: current.publisher.clone() }),
        _ => Ok(()),
    }
}

/// What one publisher sends, from its RECORD to its end.
#[derive(Debug)]
pub struct Publication {
    pub publisher: Publisher,
    /// The RTSP session.
    pub session: String,
    pub has_sound: bool,
    tracks: [Mutex<Track>; TRACKS],
    /// See [`Publication::set_ahead`], of each track.
    ahead: Mutex<[Option<gst::ClockTimeDiff>; TRACKS]>,
    heard: Mutex<Instant>,
}

#[derive(Debug, Default)]
struct Track {
    gop: Gop,
    /// Who takes it now.
    to: Option<AppSrc>,
}

impl Publication {
    pub fn new(publisher: Publisher, session: String, has_sound: bool) -> Self {
        Self {
            publisher,
            session,
            has_sound,
            tracks: Default::default(),
            ahead: Mutex::default(),
            heard: Mutex::new(Instant::now()),
        }
    }

    /// A program that was started again comes before the system has noticed that it had ended.
    fn yields_to(&self, other: &Publisher) -> bool {
        let is_same = (&self.publisher.address, &self.publisher.user) == (&other.address, &other.user);
        is_same || self.heard.lock().unwrap().elapsed() > SILENCE
    }

    /// Passes on what came.
    pub fn take(&self, track: usize, sample: gst::Sample) {
        *self.heard.lock().unwrap() = Instant::now();
        let sample = self.timed(track, sample);
        let mut state = self.tracks[track].lock().unwrap();
        if track == PICTURES {
            state.gop.keep(&sample);
        }
        if let Some(to) = &state.to {
            // Where it is being taken down, nobody wants it.
            let _ = to.push_sample(&sample);
        }
    }

    /// Says how much later the time stamps of a track are than its time by the sender's clock: in nanoseconds, and most
    /// likely far below zero.
    pub fn set_ahead(&self, track: usize, ahead: gst::ClockTimeDiff) {
        self.ahead.lock().unwrap()[track] = Some(ahead);
    }

    /// Brings sound to where the sender's clock has it beside the pictures, once that is known.
    fn timed(&self, track: usize, mut sample: gst::Sample) -> gst::Sample {
        let ahead = *self.ahead.lock().unwrap();
        if let (SOUND, [Some(pictures), Some(sound)], Some(mut buffer)) =
            (track, ahead, sample.buffer_owned())
            && let Some(time) = buffer.pts()
        {
            let time = u64::try_from(time.nseconds() as i64 + pictures - sound).unwrap_or(0);
            buffer.make_mut().set_pts(gst::ClockTime::from_nseconds(time));
            sample.make_mut().set_buffer(Some(&buffer));
        }
        sample
    }

    /// What is kept of the pictures, if there is anything.
    pub fn kept(&self) -> Option<Kept> {
        self.tracks[PICTURES].lock().unwrap().gop.kept()
    }

    /// Gives a track to this source from now on: first what is kept of it, and then what comes.
    pub fn attach(&self, track: usize, to: &AppSrc) {
        let mut state = self.tracks[track].lock().unwrap();
        for sample in state.gop.pictures() {
            let _ = to.push_sample(sample);
        }
        state.to = Some(to.clone());
    }

    /// Gives the tracks to nobody.
    pub fn detach(&self) {
        for track in &self.tracks {
            track.lock().unwrap().to = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn publication(user: &str) -> Arc<Publication> {
        let publisher = Publisher { address: "192.0.2.1".into(), user: user.into(), program: String::new() };
        Arc::new(Publication::new(publisher, "1".into(), false))
    }

    fn sound(at: u64) -> gst::Sample {
        let mut buffer = gst::Buffer::with_size(1).unwrap();
        buffer.get_mut().unwrap().set_pts(gst::ClockTime::from_mseconds(at));
        gst::Sample::builder().buffer(&buffer).build()
    }

    #[test]
    fn one_publisher_at_a_time_and_the_same_one_takes_its_own_place() {
        let (commands, inbox) = mpsc::channel();
        let ingest = Ingest::new(commands);
        let (first, second, again) = (publication("ann"), publication("bob"), publication("ann"));
        assert!(ingest.begin(&first).unwrap().is_none());
        assert_eq!(ingest.begin(&second).unwrap_err().by.user, "ann");
        assert!(Arc::ptr_eq(&ingest.begin(&again).unwrap().unwrap(), &first));
        // That the first one ends now is no end of the second.
        ingest.end(&first);
        assert!(ingest.current().is_some());
        ingest.end(&again);
        assert!(ingest.current().is_none());
        assert_eq!(inbox.try_iter().count(), 3);
    }

    #[test]
    fn sound_stands_beside_the_picture_of_its_time_at_the_sender() {
        gst::init().unwrap();
        let publication = publication("ann");
        let placed = |time: u64| {
            let sample = publication.timed(SOUND, sound(time));
            sample.buffer().unwrap().pts().unwrap().mseconds()
        };
        publication.set_ahead(SOUND, -8_000_000_000);
        assert_eq!(placed(1150), 1150);
        // It came 150 ms later than its picture.
        publication.set_ahead(PICTURES, -8_150_000_000);
        assert_eq!(placed(1150), 1000);
    }
}
