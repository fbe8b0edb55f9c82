//! What is heard: in each codec, with its picture, over loops, and while the source is lost.

use crate::players;
use crate::program::{
    Home, PATIENCE, Program, Stream, alone, config, data, finish, finish_within, shared, words,
};
use crate::published::Sender;
use crate::rtsp::{Client, Reader, Transport};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

const SMALL: &str = "size = \"160x90\"\nframe_rate = \"25\"";

/// A clip in which the picture is white, and a tone is heard, from the 400th to the 520th millisecond.
struct Clip {
    /// In seconds.
    picture: f64,
    sound: f64,
    sound_codec: &'static str,
}

impl Clip {
    const OF_A_SECOND: Self = Self { picture: 1.0, sound: 1.04, sound_codec: "aac" };

    fn make(&self, at: &Path) {
        let Self { picture, sound, sound_codec } = self;
        let mut command = Command::new("ffmpeg");
        command.args(["-nostdin", "-loglevel", "error", "-f", "lavfi", "-i"]);
        command.arg(format!(
            "color=black:size=160x90:rate=25:duration={picture},drawbox=c=white:t=fill:enable='between(t,0.39,0.51)'"
        ));
        command.args(["-f", "lavfi", "-i"]);
        command.arg(format!(
            "sine=frequency=1000:sample_rate=48000:duration={sound},volume='between(t,0.4,0.52)':eval=frame"
        ));
        // Of pictures in another order ffmpeg does not know when the first is to be written, and records nothing.
        command.args(["-pix_fmt", "yuv420p", "-bf", "0", "-c:a", sound_codec]).arg(at);
        let output = finish(command, "");
        assert!(output.status.success(), "ffmpeg: {}", words(&output));
    }
}

/// Records so many seconds, as they come.
pub fn record(address: &str, seconds: u64, to: &Path) {
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-loglevel", "error", "-rtsp_transport", "tcp", "-i", address]);
    command.args(["-t", &seconds.to_string(), "-c:v", "copy", "-c:a", "pcm_s16le"]).arg(to);
    let output = finish_within(command, "", Duration::from_secs(seconds) + PATIENCE);
    assert!(output.status.success(), "ffmpeg: {}", words(&output));
}

/// The moments at which a measure of a recording, by ffmpeg's filters, comes over a threshold, in seconds.
fn rises(graph: &str, measure: &str, threshold: f64) -> Vec<f64> {
    let mut command = Command::new("ffprobe");
    command.args(["-loglevel", "error", "-f", "lavfi", graph, "-of", "csv=p=0", "-show_entries"]);
    command.arg(format!("frame=pts_time:frame_tags={measure}"));
    let output = finish(command, "");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let rows = text.lines().filter_map(|line| {
        let (time, value) = line.trim_end_matches(',').split_once(',')?;
        Some((time.parse::<f64>().ok()?, value.parse::<f64>().ok()? > threshold))
    });
    let rows: Vec<(f64, bool)> = rows.collect();
    let mut found: Vec<f64> = Vec::new();
    for pair in rows.windows(2) {
        if !pair[0].1 && pair[1].1 && found.last().is_none_or(|last| pair[1].0 - last > 0.3) {
            found.push(pair[1].0);
        }
    }
    found
}

pub fn flashes(recording: &Path) -> Vec<f64> {
    rises(&format!("movie={},signalstats", recording.display()), "lavfi.signalstats.YAVG", 120.0)
}

/// To the millisecond.
pub fn beeps(recording: &Path) -> Vec<f64> {
    let graph = format!(
        "amovie={},aformat=sample_rates=8000:channel_layouts=mono,asetnsamples=8,astats=metadata=1:reset=1",
        recording.display()
    );
    rises(&graph, "lavfi.astats.Overall.Peak_level", -30.0)
}

#[test]
fn sound_and_picture_stay_together_over_loops() {
    let _turn = alone();
    let folder = tempfile::tempdir().unwrap();
    let (clip, recording) = (folder.path().join("clip.mp4"), folder.path().join("recording.mkv"));
    Clip::OF_A_SECOND.make(&clip);
    let codecs = ["aac", "opus", "pcmu", "pcma"];
    let streams = codecs.map(|codec| {
        Stream::file(codec, &clip).picture(SMALL).lines(&format!("sound = {{ codec = \"{codec}\" }}"))
    });
    let mut program = Program::start(&[], &streams);
    for codec in codecs {
        let seconds = players::seconds() + 3;
        record(&program.address(codec), seconds, &recording);
        let (flashes, beeps) = (flashes(&recording), beeps(&recording));
        assert!(flashes.len() as u64 + 2 >= seconds, "{codec}: {} flashes", flashes.len());
        // Before the first report of the sender, readers do not know better.
        let known = flashes.iter().skip(2).filter(|flash| **flash + 0.5 < seconds as f64);
        let apart = |flash: &f64| beeps.iter().map(|beep| (beep - flash).abs()).fold(f64::MAX, f64::min);
        // A busy machine may swallow the beginning of a beep, here and there; what drifts does so each time.
        let (good, all) = (known.clone().filter(|flash| apart(flash) < 0.04).count(), known.count());
        assert!(good * 4 >= all * 3, "{codec}: flashes at {flashes:?}, beeps at {beeps:?}");
        fs::remove_file(&recording).unwrap();
    }
    program.stop();
}

/// How much earlier or later the nearest beep is than each flash, in seconds. The first flashes are left out: before
/// the first report of the sender, readers do not know better.
pub fn apart(flashes: &[f64], beeps: &[f64]) -> Vec<f64> {
    let nearest = |flash: &f64| {
        let all = beeps.iter().map(|beep| beep - flash);
        all.min_by(|one, other| one.abs().total_cmp(&other.abs())).expect("a beep")
    };
    flashes.iter().skip(8).map(nearest).collect()
}

pub fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// A minute, or as long as HEADWATER_TEST_SECONDS says.
#[test]
fn sound_that_is_longer_than_its_picture_is_no_later_after_a_hundred_loops() {
    const LOOPS: f64 = 100.0;
    const LENGTH: f64 = 0.56;
    const LONGER: f64 = 0.032;
    let _turn = alone();
    let folder = tempfile::tempdir().unwrap();
    let clip = folder.path().join("clip.mkv");
    Clip { picture: LENGTH, sound: LENGTH + LONGER, sound_codec: "pcm_s16le" }.make(&clip);
    let sound = "sound = { codec = \"auto\" }";
    let streams = [
        Stream::file("encoded", &clip).picture(SMALL).lines(sound),
        Stream::file("passed", &clip).picture("size = \"source\"").lines(sound),
    ];
    let mut program = Program::start(&[], &streams);
    let seconds = players::seconds().max((LOOPS * LENGTH).ceil() as u64 + 1);
    let ways = ["encoded", "passed"]
        .map(|way| (way, program.address(way), folder.path().join(format!("{way}.mkv"))));
    thread::scope(|scope| {
        for (_, address, recording) in &ways {
            scope.spawn(|| record(address, seconds, recording));
        }
    });
    program.stop();
    for (way, _, recording) in &ways {
        let (flashes, beeps) = (flashes(recording), beeps(recording));
        let loops = seconds as f64 / LENGTH;
        assert!(flashes.len() as f64 > loops * 0.97, "{way}: {} flashes in {loops} loops", flashes.len());
        assert!(beeps.len() as f64 > loops * 0.97, "{way}: {} beeps in {loops} loops", beeps.len());
        let apart = apart(&flashes, &beeps);
        let (first, last) = (median(&apart[..20]), median(&apart[apart.len() - 20..]));
        let together = apart.iter().filter(|apart| apart.abs() < 0.04).count();
        println!(
            "{way}: apart by {first:.4} s at first, {last:.4} s at last; {together} of {} below 40 ms",
            apart.len()
        );
        let drifts = (last - first).abs() >= 0.01;
        assert!(first.abs() < 0.04 && !drifts, "{way}: {first} s at first, {last} s at last");
        // A busy machine may swallow the beginning of a beep, here and there.
        assert!(together * 10 >= apart.len() * 9, "{way}: apart by {apart:?}");
    }
}

#[test]
fn sound_comes_in_the_codec_that_is_set_and_not_at_all_where_there_is_none() {
    let _turn = shared();
    let sine = |id: &str, codec: &str| {
        Stream::sounding(id, "ball", "sine")
            .picture(SMALL)
            .lines(&format!("sound = {{ codec = \"{codec}\" }}"))
    };
    let mut program = Program::start(
        &[],
        &[
            sine("auto", "auto"),
            sine("opus", "opus"),
            sine("pcmu", "pcmu"),
            sine("pcma", "pcma"),
            sine("off", "off"),
            Stream::pattern("none", "ball").picture(SMALL),
            Stream::pattern("silent", "ball").picture(SMALL).lines("sound = { codec = \"auto\" }"),
            Stream::file("film", &data("bigbuckbunny.mp4"))
                .picture(SMALL)
                .lines("sound = { codec = \"auto\" }"),
        ],
    );
    for stream in ["auto", "opus", "pcmu"] {
        for transport in ["tcp", "udp"] {
            let pictures = players::ffmpeg(&program.address(stream), transport);
            assert!(pictures > 0, "{stream} over {transport}");
        }
    }
    players::mpv(&program.address("opus"), "tcp");
    for (stream, payload) in [
        ("auto", Some("MPEG4-GENERIC/48000/2")),
        ("opus", Some("OPUS/48000/2")),
        ("pcmu", Some("PCMU/8000")),
        ("pcma", Some("PCMA/8000")),
        ("off", None),
        ("none", None),
        ("silent", None),
        ("film", Some("MPEG4-GENERIC/48000/2")),
    ] {
        let description = Client::connect(&program.address(stream)).describe().body;
        assert_eq!(description.matches("m=audio").count(), usize::from(payload.is_some()), "{description}");
        assert!(payload.is_none_or(|payload| description.contains(payload)), "{description}");
    }
    program.stop();
}

#[test]
fn a_playlist_of_files_with_and_without_sound_keeps_both_together() {
    let _turn = alone();
    let folder = tempfile::tempdir().unwrap();
    let [clip, silent, recording] =
        ["clip.mp4", "silent.mp4", "rec.mkv"].map(|name| folder.path().join(name));
    Clip::OF_A_SECOND.make(&clip);
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-loglevel", "error", "-f", "lavfi", "-i"]);
    command.args(["color=black:size=320x180:rate=30:duration=1", "-pix_fmt", "yuv420p"]).arg(&silent);
    assert!(finish(command, "").status.success());
    let stream =
        Stream::files("both", &[&silent, &clip]).picture(SMALL).lines("sound = { codec = \"auto\" }");
    let mut program = Program::start(&[], &[stream]);
    record(&program.address("both"), 12, &recording);
    let (flashes, beeps) = (flashes(&recording), beeps(&recording));
    assert!((5..=6).contains(&flashes.len()), "flashes at {flashes:?}");
    for flash in flashes.iter().skip(1).filter(|flash| **flash < 11.5) {
        let apart = beeps.iter().map(|beep| (beep - flash).abs()).fold(f64::MAX, f64::min);
        assert!(apart < 0.04, "flashes at {flashes:?}, beeps at {beeps:?}");
    }
    program.stop();
}

/// Of a recording of 12 seconds. A relay, as every reader, knows better once it had a report of the sender.
fn together_in_the_end(recording: &Path) {
    let (flashes, beeps) = (flashes(recording), beeps(recording));
    let apart = |flash: &f64| beeps.iter().map(|beep| (beep - flash).abs()).fold(f64::MAX, f64::min);
    let known: Vec<f64> = flashes.iter().filter(|flash| **flash > 6.0 && **flash < 11.5).map(apart).collect();
    assert!(known.len() >= 3 && known.iter().all(|apart| *apart < 0.1), "{flashes:?}, {beeps:?}");
}

#[test]
fn the_sound_of_a_relayed_stream_is_brought_with_its_picture() {
    let _turn = alone();
    let folder = tempfile::tempdir().unwrap();
    let [clip, recording] = ["clip.mp4", "rec.mkv"].map(|name| folder.path().join(name));
    Clip::OF_A_SECOND.make(&clip);
    let mut origin = Program::start(
        &[],
        &[Stream::file("clip", &clip).picture(SMALL).lines("sound = { codec = \"auto\" }")],
    );
    let relay = Stream::relay("again", &origin.address("clip"), ", transport = \"tcp\"")
        .picture(SMALL)
        .lines("sound = { codec = \"auto\" }");
    let mut program = Home::new(&config(&[], &[relay])).serve();
    record(&program.address("again"), 12, &recording);
    together_in_the_end(&recording);
    program.stop();
    origin.stop();
}

#[test]
fn the_sound_of_what_is_published_is_brought_with_its_picture() {
    let _turn = alone();
    let folder = tempfile::tempdir().unwrap();
    let recording = folder.path().join("rec.mkv");
    let live = Stream::published("live", "\"anyone\"").picture(SMALL).lines("sound = { codec = \"auto\" }");
    let mut program = Program::start(&[], &[live]);
    let address = program.address("live");
    let sender = Sender::flashing(&address);
    program.wait_for_log("live: ready", 0);
    record(&address, 12, &recording);
    together_in_the_end(&recording);
    drop(sender);
    program.stop();
}

#[test]
fn who_listens_hears_silence_while_the_source_is_lost_and_sound_again() {
    let _turn = alone();
    let folder = tempfile::tempdir().unwrap();
    let [clip, aside, recording] = ["clip.mp4", "aside.mp4", "rec.mkv"].map(|name| folder.path().join(name));
    Clip::OF_A_SECOND.make(&clip);
    let mut program = Program::start(
        &[],
        &[Stream::file("film", &clip).picture(SMALL).lines("sound = { codec = \"auto\" }")],
    );
    let address = program.address("film");
    let before = Client::connect(&address).describe().body;
    let heard = thread::scope(|scope| {
        let recorder = scope.spawn(|| record(&address, 16, &recording));
        program.wait_for_log("film: live", 0);
        let reader = Client::connect(&address).play(Transport::Tcp);
        let start = reader.wait_for("packet", PATIENCE, |_| true).at;
        reader.wait_for("fourth loop", PATIENCE, |packet| packet.at > start + Duration::from_secs(3));
        reader.leave();
        fs::rename(&clip, &aside).unwrap();
        program.wait_for_log("film: trying again", 0);
        let during = Client::connect(&address).describe().body;
        assert!(during.contains("m=audio") && before.contains("m=audio"), "{during}");
        let gone = program.log().len();
        fs::rename(&aside, &clip).unwrap();
        program.wait_for_log("film: live", gone);
        recorder.join().unwrap();
        beeps(&recording)
    });
    // Some before and some behind the gap, in a recording without end or error.
    let gap = heard.windows(2).map(|pair| pair[1] - pair[0]).fold(0.0, f64::max);
    assert!(heard.len() >= 4 && gap > 1.2, "beeps at {heard:?}");
    program.stop();
}

/// Longer than it takes to send away who takes too little.
const JUDGED: Duration = Duration::from_secs(13);

/// The log says that it was handed about what came to it, and nothing of the other track.
fn assert_counted(program: &Program, stream: &str, reader: Reader) {
    let (packets, from) = (reader.packets(), program.log().len());
    reader.leave();
    program.wait_for_log(&format!("{stream}: 127.0.0.1 has gone"), from);
    let log = program.log();
    let line = log[from..].lines().find(|line| line.contains("has gone")).unwrap();
    let bytes = line.rsplit(", ").next().unwrap().trim_end_matches(" bytes").parse::<f64>().unwrap();
    let came = packets.iter().map(|packet| packet.bytes).sum::<usize>() as f64;
    // What was held back until it came is on its way, but not counted; the other track would be many times that.
    assert!((0.7..1.4).contains(&(bytes / came)), "{came} bytes came, and the log says: {line}");
}

#[test]
fn who_takes_the_picture_or_the_sound_alone_stays_and_is_counted_alone() {
    let _turn = shared();
    // Of the one nearly all is sound, of the other nearly all picture.
    let mut program = Program::start(
        &[],
        &[
            Stream::sounding("quiet", "black", "sine")
                .picture("size = \"160x90\"\nframe_rate = \"5\"")
                .lines("sound = { codec = \"auto\" }"),
            Stream::sounding("rough", "snow", "sine")
                .picture("size = \"320x180\"\nframe_rate = \"25\"\nbitrate_kbps = 2000")
                .lines("sound = { codec = \"pcmu\" }"),
        ],
    );
    // Both tracks of both are sent.
    let readers = ["quiet", "rough"].map(|stream| {
        let address = program.address(stream);
        let sound = Client::connect(&address).play_sound(Transport::Tcp);
        (stream, [Client::connect(&address).play(Transport::Tcp), sound])
    });
    for (_, readers) in &readers {
        for reader in readers {
            let asked = reader.asked;
            reader.wait_for("packet after the time", JUDGED + PATIENCE, |packet| packet.at > asked + JUDGED);
        }
    }
    for (stream, readers) in readers {
        readers.into_iter().for_each(|reader| assert_counted(&program, stream, reader));
    }
    program.stop();
}
