//! The source's own pictures are served unchanged, from the first packet on.

use crate::loops::clip;
use crate::players;
use crate::program::{PATIENCE, Program, Stream, alone, finish, shared, words};
use crate::rtsp::{Client, Reader, Transport, longest_pause, lost};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// As the source has it.
const SOURCE: &str = "size = \"source\"\nframe_rate = \"source\"";
/// A test picture in which no frame is like another.
const FILM: &str = "testsrc2=size=320x240:rate=25:duration=2";
/// Frames of that.
const FRAMES: usize = 50;

/// The frames that ffmpeg decodes, one hash each; it has nothing to complain of.
fn hashes(input: &str, arguments: &[&str], frames: usize) -> Vec<String> {
    let mut command = Command::new("ffmpeg");
    command.args(["-hide_banner", "-nostdin", "-loglevel", "warning"]).args(arguments).args(["-i", input]);
    command.args([
        "-an",
        "-fps_mode",
        "passthrough",
        "-frames:v",
        &frames.to_string(),
        "-f",
        "framemd5",
        "-",
    ]);
    let output = finish(command, "");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    // RTP says when pictures are shown and not when they are decoded: for what it writes ffmpeg guesses that of the first.
    const OF_FFMPEG: [&str; 2] = ["still experimental", "Non-monotonic DTS"];
    let said: Vec<_> =
        said.lines().filter(|line| !OF_FFMPEG.iter().any(|words| line.contains(words))).collect();
    assert!(output.status.success() && said.is_empty(), "{input}: {}", words(&output));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.rsplit(',').next().unwrap().trim().to_owned()).collect()
}

fn file_hashes(file: &Path) -> Vec<String> {
    hashes(file.to_str().unwrap(), &[], 100_000)
}

/// Over TCP, which loses nothing.
fn stream_hashes(address: &str, frames: usize) -> Vec<String> {
    hashes(address, &["-rtsp_transport", "tcp"], frames)
}

/// Each is the one of the file that follows the one before, and the first follows the last.
fn assert_unchanged(name: &str, file: &[String], read: &[String]) {
    let at = |hash: &String| file.iter().position(|other| other == hash);
    let places: Vec<_> = read.iter().map(at).collect();
    assert!(places.iter().all(Option::is_some), "{name}: frames that the file does not have: {places:?}");
    let places: Vec<_> = places.into_iter().flatten().collect();
    let breaks: Vec<_> = places.windows(2).filter(|pair| pair[1] != (pair[0] + 1) % file.len()).collect();
    assert_eq!(breaks, Vec::<&[usize]>::new(), "{name}: frames are missing between");
}

/// A codec, and how its pictures refer to each other: the name of the file, and what ffmpeg is told.
const CLIPS: &[(&str, &[&str])] = &[
    ("b-frames.mp4", &["-c:v", "libx264", "-bf", "3", "-g", "250"]),
    ("pyramid.mkv", &["-c:v", "libx264", "-bf", "7", "-b-pyramid", "normal", "-g", "250"]),
    ("short-groups.ts", &["-c:v", "libx264", "-bf", "2", "-g", "12"]),
    ("baseline.mp4", &["-c:v", "libx264", "-profile:v", "baseline", "-g", "25"]),
    ("slices.mp4", &["-c:v", "libx264", "-x264-params", "slices=4:intra-refresh=0", "-bf", "0"]),
    ("ten-bit.mp4", &["-c:v", "libx264", "-pix_fmt", "yuv420p10le"]),
    ("interlaced.mp4", &["-c:v", "libx264", "-flags", "+ilme+ildct", "-x264-params", "tff=1"]),
    ("h265.mp4", &["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none:bframes=3"]),
    ("vp8.webm", &["-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8"]),
    ("vp9.webm", &["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8"]),
    ("jpeg.mkv", &["-c:v", "mjpeg", "-huffman", "default", "-pix_fmt", "yuvj420p"]),
];

#[test]
fn every_codec_is_served_bit_by_bit_through_three_loops() {
    let _turn = shared();
    let folder = tempfile::tempdir().unwrap();
    let id = |name: &str| name.split('.').next().unwrap().to_owned();
    let files: Vec<PathBuf> = CLIPS
        .iter()
        .map(|(name, options)| {
            let file = folder.path().join(name);
            clip(&file, FILM, options);
            file
        })
        .collect();
    let streams: Vec<Stream> = CLIPS
        .iter()
        .zip(&files)
        .map(|((name, _), file)| Stream::file(&id(name), file).picture(SOURCE))
        .collect();
    let mut program = Program::start(&[], &streams);
    for ((name, _), file) in CLIPS.iter().zip(&files) {
        let address = program.address(&id(name));
        let whole = file_hashes(file);
        assert_eq!(whole.len(), FRAMES, "{name}");
        assert_unchanged(name, &whole, &stream_hashes(&address, 3 * FRAMES + FRAMES / 2));
    }
    program.stop();
}

#[test]
fn players_read_what_is_passed_through() {
    let _turn = shared();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("film.mp4");
    let film = "testsrc2=size=1280x720:rate=25:duration=4";
    let rate = ["-b:v", "2M", "-maxrate", "2M", "-bufsize", "500k"];
    clip(
        &file,
        film,
        &[&["-c:v", "libx264", "-preset", "veryfast", "-bf", "2", "-g", "100"], &rate[..]].concat(),
    );
    let mut program = Program::start(&[], &[Stream::file("film", &file).picture(SOURCE)]);
    let address = program.address("film");
    for transport in ["tcp", "udp"] {
        players::gstreamer(&address, transport);
        players::mpv(&address, transport);
        players::opencv(&address, transport);
    }
    program.stop();
}

/// What is served: a codec, a width and a height, as ffprobe says.
fn served(address: &str) -> String {
    let mut command = Command::new("ffprobe");
    command.args(["-loglevel", "error", "-rtsp_transport", "tcp", "-of", "default=noprint_wrappers=1"]);
    command.args(["-show_entries", "stream=codec_name,width,height", address]);
    let found = words(&finish(command, ""));
    let value = |name: &str| found.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    format!("{} {}x{}", value("codec_name="), value("width="), value("height="))
}

#[test]
fn what_cannot_be_passed_through_is_encoded() {
    let _turn = shared();
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    clip(&at("mpeg2.ts"), FILM, &["-c:v", "mpeg2video"]);
    // Tables of its own, which RTP cannot carry.
    clip(&at("jpeg.mkv"), FILM, &["-c:v", "mjpeg", "-huffman", "optimal", "-pix_fmt", "yuvj420p"]);
    clip(
        &at("h265.mp4"),
        FILM,
        &["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none"],
    );
    clip(&at("film.mp4"), FILM, &["-c:v", "libx264"]);
    let mut turn = Command::new("ffmpeg");
    turn.args(["-nostdin", "-loglevel", "error", "-display_rotation", "90", "-i"]).arg(at("film.mp4"));
    turn.args(["-c", "copy"]).arg(at("turned.mp4"));
    assert!(turn.status().unwrap().success());
    clip(&at("photo.jpg"), "testsrc2=size=320x240:duration=1", &["-frames:v", "1"]);
    let photos = folder.path().join("photos");
    fs::create_dir(&photos).unwrap();
    fs::copy(at("photo.jpg"), photos.join("photo.jpg")).unwrap();
    let file = |id: &str, name: &str| Stream::file(id, &at(name)).picture(SOURCE);
    let streams = [
        (file("mpeg2", "mpeg2.ts"), "h264 320x240"),
        (file("jpeg", "jpeg.mkv"), "h264 320x240"),
        (file("turned", "turned.mp4"), "h264 240x320"),
        (file("photos", "photos"), "h264 320x240"),
        (file("wanted", "h265.mp4").picture("codec = \"h264\""), "h264 320x240"),
        (file("smaller", "h265.mp4").picture("size = \"160x120\""), "h264 160x120"),
        (file("overlaid", "h265.mp4").clock("top-left"), "h264 320x240"),
        (file("passed", "h265.mp4"), "hevc 320x240"),
    ];
    let ids = ["mpeg2", "jpeg", "turned", "photos", "wanted", "smaller", "overlaid", "passed"];
    let (streams, expected): (Vec<_>, Vec<_>) = streams.into_iter().unzip();
    let mut program = Program::start(&[], &streams);
    for (id, expected) in ids.into_iter().zip(expected) {
        assert_eq!(served(&program.address(id)), expected, "{id}");
    }
    program.stop();
}

/// Does something while a reader watches that loses nothing.
fn read_amid<T>(address: &str, act: impl FnOnce(&Reader) -> T) -> T {
    let reader = Client::connect(address).play(Transport::Tcp);
    reader.wait_for("packet", PATIENCE, |_| true);
    let done = act(&reader);
    assert_eq!(lost(&reader.packets()), 0);
    reader.leave();
    done
}

#[test]
fn a_source_that_is_lost_is_covered_in_its_own_codec_and_returns_unchanged() {
    let _turn = alone();
    let folder = tempfile::tempdir().unwrap();
    // One of each codec.
    let of_codecs = ["b-frames.mp4", "h265.mp4", "vp8.webm", "vp9.webm", "jpeg.mkv"];
    for (name, options) in CLIPS.iter().filter(|(name, _)| of_codecs.contains(name)) {
        let (file, aside) = (folder.path().join(name), folder.path().join(format!("aside-{name}")));
        clip(&file, FILM, options);
        let whole = file_hashes(&file);
        let mut program = Program::start(&[], &[Stream::file("film", &file).picture(SOURCE)]);
        let address = program.address("film");
        let codec = served(&address);
        let back = read_amid(&address, |reader| {
            let from = program.log().len();
            fs::rename(&file, &aside).unwrap();
            let away = program.wait_for_log("film: trying again", from);
            // Whoever comes now sees the slate, in what readers were told.
            assert_eq!(served(&address), codec, "{name}: the slate");
            fs::rename(&aside, &file).unwrap();
            let back = program.wait_for_log("film: live", away);
            let pause = longest_pause(&reader.packets());
            assert!(pause < Duration::from_secs(5), "{name}: nothing came for {pause:?}");
            back
        });
        program.wait_for_log("film: ready", back);
        assert_unchanged(name, &whole, &stream_hashes(&address, FRAMES));
        program.stop();
    }
}

#[test]
fn a_playlist_of_files_that_differ_is_encoded_as_its_first() {
    let _turn = shared();
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, source: &str, codec: &str| {
        let file = folder.path().join(name);
        clip(&file, source, &["-c:v", codec, "-pix_fmt", "yuv420p"]);
        file
    };
    let red = file("red.mp4", "color=red:size=320x240:rate=25:duration=2", "libx264");
    let blue = file("blue.webm", "color=blue:size=480x360:rate=25:duration=2", "libvpx");
    let mut program = Program::start(&[], &[Stream::files("both", &[red, blue]).picture(SOURCE)]);
    let address = program.address("both");
    read_amid(&address, |reader| {
        // Longer than a round.
        let start = reader.wait_for("packet", PATIENCE, |_| true).time;
        reader.wait_for("second round", PATIENCE, |packet| {
            (6 * 90_000..i32::MAX as u32).contains(&packet.time.wrapping_sub(start))
        });
        let pause = longest_pause(&reader.packets());
        assert!(pause < Duration::from_secs(1), "nothing came for {pause:?}");
    });
    assert_eq!(served(&address), "h264 320x240");
    program.stop();
}
