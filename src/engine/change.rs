//! What has to be done to get from one configuration to another.

use crate::config::StreamConfig;

/// What becomes of one stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Nothing that runs is touched.
    None,
    /// Applied while readers watch: they do not notice.
    Live,
    /// The stream is made again: its readers have to connect again. All other streams run on.
    Restart,
}

/// Compares two configurations of the same stream.
pub fn of_stream(old: &StreamConfig, new: &StreamConfig) -> Change {
    if old == new {
        return Change::None;
    }
    let (mut old_rendition, new_rendition) = (old.main_rendition(), new.main_rendition());
    old_rendition.bitrate = new_rendition.bitrate;
    let restarts = old.enabled != new.enabled
        || old.path != new.path
        || old.source != new.source
        || old.sound.codec != new.sound.codec
        || old_rendition != new_rendition
        // Those who came that way are sent away.
        || old.transports.iter().any(|transport| !new.transports.contains(transport));
    // Off before and after: there is nothing to restart.
    if restarts && (old.enabled || new.enabled) { Change::Restart } else { Change::Live }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::*;

    fn lobby() -> StreamConfig {
        StreamConfig {
            id: "lobby".into(),
            name: "Lobby".into(),
            path: "/lobby".into(),
            enabled: true,
            source: Source::Pattern(PatternSource::silent("ball")),
            access: Access { read: Readers::Anyone, publish: None, schemes: vec![Scheme::Digest] },
            renditions: vec![Rendition::default()],
            readers_limit: None,
            overlays: Vec::new(),
            sound: Sound::default(),
            transports: ReaderTransport::default_list(),
            slate: Slate::default(),
            lost_after_seconds: Slate::LOST_AFTER_SECONDS,
        }
    }

    fn changed(change: impl FnOnce(&mut StreamConfig)) -> Change {
        let (old, mut new) = (lobby(), lobby());
        change(&mut new);
        of_stream(&old, &new)
    }

    #[test]
    fn readers_do_not_notice_names_overlays_bitrate_and_access() {
        assert_eq!(changed(|_| ()), Change::None);
        assert_eq!(changed(|new| new.name = "Hall".into()), Change::Live);
        assert_eq!(changed(|new| new.renditions[0].bitrate = Bitrate::Kbps(900)), Change::Live);
        assert_eq!(changed(|new| new.access.read = Readers::Users(vec!["guest".into()])), Change::Live);
        let quiet = Sound { volume: 40, mute: true, ..Sound::default() };
        assert_eq!(changed(|new| new.sound = quiet), Change::Live);
        let clock = Overlay::Clock(Clock { position: Position::TopRight });
        assert_eq!(changed(|new| new.overlays.push(clock)), Change::Live);
    }

    #[test]
    fn what_was_described_to_readers_restarts_the_stream() {
        let size = Size::Pixels { width: 640, height: 360 };
        assert_eq!(changed(|new| new.renditions[0].size = size), Change::Restart);
        assert_eq!(changed(|new| new.renditions[0].codec = Codec::Mjpeg), Change::Restart);
        let rate = FrameRate::Fixed { numerator: 5, denominator: 1 };
        assert_eq!(changed(|new| new.renditions[0].frame_rate = rate), Change::Restart);
        assert_eq!(changed(|new| new.sound.codec = SoundCodec::Opus), Change::Restart);
        assert_eq!(changed(|new| new.path = "/hall".into()), Change::Restart);
        assert_eq!(changed(|new| new.enabled = false), Change::Restart);
        let snow = Source::Pattern(PatternSource::silent("snow"));
        assert_eq!(changed(|new| new.source = snow), Change::Restart);
    }

    #[test]
    fn a_way_that_is_closed_ends_those_who_came_by_it() {
        let multicast = ReaderTransport::Multicast;
        assert_eq!(changed(|new| new.transports.push(multicast)), Change::Live);
        assert_eq!(changed(|new| new.transports = vec![ReaderTransport::Tcp]), Change::Restart);
    }

    #[test]
    fn a_stream_that_is_off_is_not_restarted() {
        let mut old = lobby();
        old.enabled = false;
        let new = StreamConfig { path: "/hall".into(), ..old.clone() };
        assert_eq!(of_stream(&old, &new), Change::Live);
    }
}
