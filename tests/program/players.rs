//! The players and libraries that Headwater is made for.

use crate::program::{finish, words};
use std::process::Command;
use std::time::Duration;

/// How long each of them reads, in seconds; HEADWATER_TEST_SECONDS asks for another time.
pub fn seconds() -> u64 {
    std::env::var("HEADWATER_TEST_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(5)
}

/// Runs a player to its end: it has to succeed and to say nothing on standard error. Returns its output.
fn silent(mut command: Command) -> String {
    command.env("LC_ALL", "C.UTF-8").env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY");
    let line = format!("{command:?}");
    let output = finish(command, "");
    assert!(output.status.success() && output.stderr.is_empty(), "{line}: {}", words(&output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// ffmpeg, with `tcp`, `udp` or `http`: the number of pictures that it decoded.
pub fn ffmpeg(address: &str, transport: &str) -> u64 {
    let mut command = Command::new("ffmpeg");
    command.args([
        "-hide_banner",
        "-nostdin",
        "-loglevel",
        "warning",
        "-rtsp_transport",
        transport,
        "-i",
        address,
    ]);
    // Whoever comes late is given many pictures at once: their times are finer than a frame.
    command.args(["-enc_time_base", "demux", "-t", &seconds().to_string()]);
    command.args(["-f", "null", "-progress", "-", "-"]);
    let progress = silent(command);
    progress
        .lines()
        .rev()
        .find_map(|line| line.strip_prefix("frame="))
        .and_then(|frames| frames.trim().parse().ok())
        .unwrap_or_else(|| panic!("ffmpeg counted no pictures: {progress}"))
}

/// What ffprobe finds, as lines of `name=value`.
pub fn ffprobe(address: &str, transport: &str) -> String {
    let mut command = Command::new("ffprobe");
    command.args(["-loglevel", "warning", "-rtsp_transport", transport]);
    command.args([
        "-show_entries",
        "stream=codec_name,width,height,avg_frame_rate",
        "-of",
        "default=noprint_wrappers=1",
    ]);
    command.arg(address);
    silent(command)
}

/// GStreamer's rtspsrc: succeeds when so many seconds of pictures at 25 fps were decoded.
pub fn gstreamer(address: &str, transport: &str) {
    let mut command = Command::new("gst-launch-1.0");
    command.args(["rtspsrc", &format!("location={address}"), &format!("protocols={transport}")]);
    if address.starts_with("rtsps") {
        // Nobody but Headwater itself has signed its certificate.
        command.arg("tls-validation-flags=0");
    }
    command.args([
        "!",
        "decodebin",
        "!",
        "identity",
        &format!("eos-after={}", 25 * seconds()),
        "!",
        "fakesink",
    ]);
    command.env("LC_ALL", "C.UTF-8");
    let output = finish(command, "");
    assert!(words(&output).contains(GST_LAUNCH_ENDS), "{}", words(&output));
}

/// What gst-launch-1.0 says, without -q, when the pictures that it was to see have come. Its exit status does not tell:
/// rtspsrc ends the PAUSE that it sends by the TEARDOWN after it, and takes that for an error if it has not sent it yet.
pub const GST_LAUNCH_ENDS: &str = "Got EOS from element";

pub fn mpv(address: &str, transport: &str) {
    let mut command = Command::new("mpv");
    command.args(["--no-config", "--vo=null", "--ao=null", "--msg-level=all=error"]);
    command.args([&format!("--rtsp-transport={transport}"), &format!("--length={}", seconds()), address]);
    let said = silent(command);
    assert_eq!(said.trim(), "", "mpv found an error");
}

/// OpenCV from PyPI. HEADWATER_TEST_PYTHON names a Python that has it; `build-aux/test` makes one.
pub fn opencv(address: &str, transport: &str) {
    const SCRIPT: &str = "
import sys, cv2
capture = cv2.VideoCapture(sys.argv[1], cv2.CAP_FFMPEG)
for frame in range(int(sys.argv[2])):
    good, picture = capture.read()
    if not good: sys.exit(f'no picture {frame}')
print(picture.shape[1], picture.shape[0], picture.any())
";
    let mut command = Command::new(std::env::var("HEADWATER_TEST_PYTHON").unwrap_or("python3".into()));
    command.args(["-c", SCRIPT, address, &(25 * seconds()).to_string()]);
    command.env("OPENCV_FFMPEG_CAPTURE_OPTIONS", format!("rtsp_transport;{transport}"));
    assert_eq!(silent(command).trim(), "1280 720 True", "the last picture that OpenCV decoded");
}

/// One decoded picture as grey bytes, line by line, from about this time after the start.
pub fn picture(address: &str, after: Duration) -> Vec<u8> {
    grey(address, &["-ss", &after.as_secs_f64().to_string(), "-frames:v", "1"])
}

/// So many decoded pictures of 640x360, one after the other.
pub fn pictures(address: &str, number: usize) -> Vec<Vec<u8>> {
    let bytes = grey(address, &["-fps_mode", "passthrough", "-frames:v", &number.to_string()]);
    bytes.chunks_exact(640 * 360).map(<[u8]>::to_vec).collect()
}

fn grey(address: &str, options: &[&str]) -> Vec<u8> {
    let mut command = Command::new("ffmpeg");
    command.args(["-hide_banner", "-nostdin", "-loglevel", "error", "-rtsp_transport", "tcp", "-i", address]);
    command.args(options).args(["-f", "rawvideo", "-pix_fmt", "gray", "-"]);
    let output = finish(command, "");
    assert!(output.status.success(), "ffmpeg: {}", words(&output));
    output.stdout
}
