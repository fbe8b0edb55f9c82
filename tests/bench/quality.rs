//! What every figure of speed is to be read with: how the picture is made, and how good it is.

use crate::program::{finish, words};
use std::path::Path;
use std::process::Command;

/// What is served, in pixels and whole frames a second, with its bitrate.
#[derive(Clone, Copy)]
pub struct Picture {
    pub width: u32,
    pub height: u32,
    pub rate: u32,
    pub kbps: u32,
    /// The same in words.
    pub words: &'static str,
}

pub const HD: Picture = Picture {
    width: 1280,
    height: 720,
    rate: 25,
    kbps: 2300,
    words: "1280x720 at 25 fps, 2300 kbit/s, pattern smpte",
};
/// What many cameras at once are set to.
pub const HD_15: Picture = Picture {
    width: 1280,
    height: 720,
    rate: 15,
    kbps: 1400,
    words: "1280x720 at 15 fps, 1400 kbit/s, pattern smpte",
};
pub const SMALL: Picture = Picture {
    width: 640,
    height: 360,
    rate: 15,
    kbps: 350,
    words: "640x360 at 15 fps, 350 kbit/s, pattern smpte",
};
pub const FULL_HD: Picture = Picture {
    width: 1920,
    height: 1080,
    rate: 30,
    kbps: 6200,
    words: "1920x1080 at 30 fps, 6200 kbit/s, pattern smpte",
};

/// Moves in one corner, which gives the encoder work, and stands still elsewhere, which can be compared.
pub const PATTERN: &str = "smpte";

/// Pictures that are compared.
const COMPARED: u32 = 50;

impl Picture {
    /// The lines of a rendition.
    pub fn rendition(&self) -> String {
        let Self { width, height, rate, kbps, .. } = self;
        format!("size = \"{width}x{height}\"\nframe_rate = \"{rate}\"\nbitrate_kbps = {kbps}")
    }

    /// gst-launch-1.0 with the source alone, so many pictures of it, ended by this.
    fn source(&self, pictures: u32, end: &str) -> Command {
        gst_launch(&format!("{} num-buffers={pictures} ! {} ! {end}", self.pattern(), self.caps()))
    }

    /// gst-launch-1.0 with so many encoded pictures, as fast as they come, ended by this.
    fn encoded(&self, pictures: u32, end: &str) -> Command {
        let (pattern, caps, encode) = (self.pattern(), self.caps(), self.encode());
        gst_launch(&format!("{pattern} num-buffers={pictures} ! {caps} ! {encode} ! h264parse ! {end}"))
    }

    /// gst-launch-1.0 with the elements that nobody can do without, and Headwater's settings, in real time:
    /// the picture as RTP to this port on this computer.
    pub fn bare_stream(&self, port: u16) -> Command {
        let (pattern, caps, encode) = (self.pattern(), self.caps(), self.encode());
        gst_launch(&format!(
            "{pattern} ! {caps} ! clocksync ! queue max-size-buffers=3 max-size-bytes=0 max-size-time=0 \
             leaky=downstream ! {encode} ! h264parse ! rtph264pay config-interval=-1 \
             aggregate-mode=zero-latency ! udpsink host=127.0.0.1 port={port}"
        ))
    }

    /// As [`Picture::bare_stream`], of a film that is passed through.
    pub fn bare_passthrough(&self, film: &Path, port: u16) -> Command {
        gst_launch(&format!(
            "filesrc location={} ! qtdemux ! h264parse config-interval=-1 ! \
             video/x-h264,stream-format=byte-stream,alignment=au ! clocksync ! rtph264pay config-interval=-1 \
             aggregate-mode=zero-latency ! udpsink host=127.0.0.1 port={port}",
            film.display()
        ))
    }

    fn pattern(&self) -> String {
        format!("videotestsrc pattern={PATTERN}")
    }

    fn caps(&self) -> String {
        let Self { width, height, rate, .. } = self;
        format!("video/x-raw,format=I420,width={width},height={height},framerate={rate}/1")
    }

    /// The encoder with the settings of `src/engine/pipeline/encode.rs`.
    fn encode(&self) -> String {
        let Self { rate, kbps, .. } = self;
        let interval = 2 * rate;
        if has_x264() {
            format!(
                "x264enc tune=zerolatency speed-preset=veryfast key-int-max={interval} bitrate={kbps} ! \
                 video/x-h264,profile=main,stream-format=byte-stream"
            )
        } else {
            format!(
                "openh264enc complexity=low rate-control=bitrate gop-size={interval} bitrate={} ! \
                 video/x-h264,stream-format=byte-stream",
                kbps * 1000
            )
        }
    }

    /// Writes a film of so many pictures of the source, in MP4.
    pub fn film(&self, at: &Path, pictures: u32) {
        run(self.encoded(pictures, &format!("mp4mux ! filesink location={}", at.display())));
    }

    /// As `film`, with a key frame for so many pictures, and no other one of pictures of its own.
    pub fn film_of(&self, at: &Path, pictures: u32, interval: u32) {
        let mut command = Command::new("ffmpeg");
        command.args(["-nostdin", "-loglevel", "error", "-f", "lavfi", "-i"]);
        command.arg(format!("testsrc2=size={}x{}:rate={}", self.width, self.height, self.rate));
        command.args(["-frames:v", &pictures.to_string(), "-g", &interval.to_string(), "-sc_threshold", "0"]);
        command.args(["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"]);
        command.args(["-b:v", &format!("{}k", self.kbps)]).arg(at);
        run(command);
    }

    /// Writes one picture of the source, in PNG.
    pub fn still(&self, at: &Path) {
        run(self.source(1, &format!("videoconvert ! pngenc ! filesink location={}", at.display())));
    }

    /// How alike the stream at this address and the source are.
    pub fn ssim_of_stream(&self, address: &str) -> f64 {
        self.ssim(&["-rtsp_transport", "tcp", "-i", address])
    }

    /// How alike what the bare pipeline encodes and the source are.
    pub fn ssim_of_bare(&self) -> f64 {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("bare.h264");
        run(self.encoded(2 * COMPARED, &format!("filesink location={}", file.display())));
        self.ssim(&["-i", file.to_str().unwrap()])
    }

    /// By ffmpeg's filter of this name, over the part of the pattern that stands still.
    fn ssim(&self, input: &[&str]) -> f64 {
        const STILL: &str = "crop=iw:ih*3/4:0:0,settb=1/1000,setpts=N";
        let folder = tempfile::tempdir().unwrap();
        let reference = folder.path().join("reference.yuv");
        run(self.source(1, &format!("filesink location={}", reference.display())));
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(["-hide_banner", "-nostdin", "-nostats"]).args(input);
        ffmpeg.args(["-stream_loop", "-1", "-f", "rawvideo", "-pix_fmt", "yuv420p"]);
        ffmpeg.args(["-s", &format!("{}x{}", self.width, self.height), "-i"]).arg(&reference);
        ffmpeg.args(["-lavfi", &format!("[0:v]{STILL}[a];[1:v]{STILL}[b];[a][b]ssim")]);
        ffmpeg.args(["-frames:v", &COMPARED.to_string(), "-f", "null", "-"]);
        let said = run(ffmpeg);
        let all = said.split("All:").nth(1).and_then(|rest| rest.split_whitespace().next());
        all.and_then(|number| number.parse().ok())
            .unwrap_or_else(|| panic!("ffmpeg compared nothing: {said}"))
    }
}

/// The encoder that Headwater takes here, in words.
pub fn encoder() -> String {
    if has_x264() { "x264enc veryfast zerolatency" } else { "openh264enc complexity low" }.to_owned()
}

fn has_x264() -> bool {
    gst::ElementFactory::find("x264enc").is_some()
}

fn gst_launch(pipeline: &str) -> Command {
    let mut command = Command::new("gst-launch-1.0");
    command.arg("-q").args(pipeline.split_whitespace());
    command
}

/// Runs it to its end, and gives back what it said.
fn run(command: Command) -> String {
    let line = format!("{command:?}");
    let output = finish(command, "");
    assert!(output.status.success(), "{line}: {}", words(&output));
    words(&output)
}
