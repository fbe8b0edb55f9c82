//! Folders, shuffled lists and slide shows, watched by a reader that stays.

use crate::loops::{assert_continuous, clip};
use crate::program::{PATIENCE, Program, Running, Stream, alone, shared};
use crate::rtsp::{Client, Transport};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Command, Stdio};
use std::time::Instant;

const SMALL: &str = "size = \"160x90\"\nframe_rate = \"25\"";
/// Points of a picture as the watcher sees it.
const WIDTH: usize = 32;
const HEIGHT: usize = 18;

/// One ffmpeg that decodes for as long as the test goes.
struct Watcher {
    _ffmpeg: Running,
    pictures: ChildStdout,
}

/// A picture, by red, green and blue.
struct Seen(Vec<u8>);

impl Watcher {
    fn new(address: &str) -> Self {
        let mut command = Command::new("ffmpeg");
        command.args(["-nostdin", "-loglevel", "error", "-rtsp_transport", "tcp", "-i", address]);
        command.args(["-vf", &format!("scale={WIDTH}:{HEIGHT}"), "-fps_mode", "passthrough"]);
        command.args(["-pix_fmt", "rgb24", "-f", "rawvideo", "-flush_packets", "1", "-"]);
        let mut ffmpeg = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let pictures = ffmpeg.stdout.take().unwrap();
        Self { _ffmpeg: Running(ffmpeg), pictures }
    }

    fn next(&mut self) -> Seen {
        let mut picture = vec![0; WIDTH * HEIGHT * 3];
        self.pictures.read_exact(&mut picture).expect("the reader was not sent away");
        Seen(picture)
    }

    /// The colours until the last of them has come, each with how many pictures it stood.
    fn runs(&mut self, mut is_last: impl FnMut(&[(char, usize)]) -> bool) -> Vec<(char, usize)> {
        let start = Instant::now();
        let mut runs: Vec<(char, usize)> = Vec::new();
        while !is_last(&runs) {
            let colour = self.next().colour();
            match runs.last_mut() {
                Some((last, length)) if *last == colour => *length += 1,
                _ => runs.push((colour, 1)),
            }
            assert!(start.elapsed() < PATIENCE, "{runs:?}");
        }
        runs
    }

    fn wait_for(&mut self, colour: char) {
        self.runs(|runs| runs.last().is_some_and(|(last, _)| *last == colour));
    }
}

impl Seen {
    fn at(&self, x: usize, y: usize) -> char {
        let point = &self.0[(y * WIDTH + x) * 3..][..3];
        let names =
            [(255, 0, 0, 'r'), (0, 255, 0, 'g'), (0, 0, 255, 'b'), (255, 255, 0, 'y'), (0, 0, 0, '-')];
        let distance = |(red, green, blue, _): &(i32, i32, i32, char)| {
            let parts = [(*red, point[0]), (*green, point[1]), (*blue, point[2])];
            parts.iter().map(|(wanted, seen)| (wanted - i32::from(*seen)).abs()).sum::<i32>()
        };
        names.iter().min_by_key(|name| distance(name)).unwrap().3
    }

    /// In the middle.
    fn colour(&self) -> char {
        self.at(WIDTH / 2, HEIGHT / 2)
    }
}

/// A clip of one colour, of so many seconds.
fn colour(folder: &Path, name: &str, colour: &str, seconds: f64) -> PathBuf {
    let file = folder.join(name);
    let source = format!("color={colour}:size=160x90:rate=25:duration={seconds}");
    clip(&file, &source, &["-pix_fmt", "yuv420p"]);
    file
}

/// A picture of one colour.
fn picture(folder: &Path, name: &str, colour: &str, size: &str) -> PathBuf {
    let file = folder.join(name);
    clip(&file, &format!("color={colour}:size={size}:duration=1"), &["-frames:v", "1"]);
    file
}

#[test]
fn a_file_that_comes_into_a_folder_is_played_and_one_that_leaves_is_not_missed() {
    let _turn = alone();
    let (folder, aside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    colour(folder.path(), "1.mp4", "red", 0.6);
    let blue = colour(folder.path(), "2.mp4", "blue", 0.6);
    let lime = colour(aside.path(), "10.mp4", "lime", 0.6);
    let mut program = Program::start(&[], &[Stream::files("folder", &[folder.path()]).picture(SMALL)]);
    let address = program.address("folder");
    let reader = Client::connect(&address).play(Transport::Tcp);
    let mut watcher = Watcher::new(&address);
    watcher.wait_for('r');
    watcher.wait_for('b');
    watcher.wait_for('r');

    fs::rename(lime, folder.path().join("10.mp4")).unwrap();
    watcher.wait_for('g');
    // By name, the number ten comes behind two.
    let runs = watcher.runs(|runs| runs.len() == 5);
    let order: String = runs.iter().map(|(colour, _)| *colour).collect();
    assert_eq!(order, "grbgr", "{runs:?}");

    fs::remove_file(blue).unwrap();
    watcher.runs(|runs| {
        let order: String = runs.iter().map(|(colour, _)| *colour).collect();
        order.ends_with("rgrg")
    });
    assert_continuous(&reader.packets(), 25.0);
    assert!(!program.log().contains("trying again"), "{}", program.log());
    reader.leave();
    program.stop();
}

#[test]
fn a_shuffled_list_has_another_order_each_round_and_nothing_twice_in_a_row() {
    const FRAMES: usize = 10;
    let _turn = alone();
    let folder = tempfile::tempdir().unwrap();
    let files = ["red", "blue", "lime", "yellow"]
        .map(|name| colour(folder.path(), &format!("{name}.mp4"), name, FRAMES as f64 / 25.0));
    let stream = Stream::files("mixed", &files).picture(SMALL).of_source("shuffle = true");
    let mut program = Program::start(&[], &[stream]);
    let mut watcher = Watcher::new(&program.address("mixed"));
    let runs = watcher.runs(|runs| runs.len() == 34);
    // The first was cut by coming, and the last by leaving.
    let whole = &runs[1..33];
    assert!(whole.iter().all(|(_, length)| *length < 2 * FRAMES - 2), "something came twice: {whole:?}");
    assert!((4..32).any(|at| whole[at].0 != whole[at - 4].0), "the order is always the same: {whole:?}");
    for colour in ['r', 'b', 'g', 'y'] {
        let times = whole.iter().filter(|(seen, _)| *seen == colour).count();
        assert!((7..=9).contains(&times), "{colour} came {times} times: {whole:?}");
    }
    program.stop();
}

#[test]
fn pictures_and_films_of_any_size_are_one_slide_show() {
    const RATE: usize = 30;
    let _turn = alone();
    let folder = tempfile::tempdir().unwrap();
    let items = [
        picture(folder.path(), "wide.png", "red", "320x180"),
        colour(folder.path(), "film.mp4", "blue", 1.0),
        picture(folder.path(), "tall.jpg", "lime", "900x1600"),
        // A film of one picture is a picture too.
        colour(folder.path(), "one.mp4", "yellow", 0.04),
    ];
    let stream = Stream::files("slides", &items)
        .picture("size = \"source\"\nframe_rate = \"source\"")
        .of_source("picture_seconds = 1");
    let mut program = Program::start(&[], &[stream]);
    let address = program.address("slides");
    let description = crate::players::ffprobe(&address, "tcp");
    assert!(description.contains("width=320") && description.contains("height=180"), "{description}");
    let reader = Client::connect(&address).play(Transport::Tcp);
    let mut watcher = Watcher::new(&address);
    let runs = watcher.runs(|runs| runs.len() == 11);
    let order: String = runs.iter().map(|(colour, _)| *colour).collect();
    assert!("rbgyrbgyrbgyrbgy".contains(&order), "{runs:?}");
    for (colour, length) in &runs[1..10] {
        assert!((RATE - 3..=RATE + 3).contains(length), "{colour} stood {length} pictures: {runs:?}");
    }
    // The one that is taller has borders, and is not made wider.
    watcher.wait_for('g');
    let tall = watcher.next();
    let line: String = (0..WIDTH).step_by(4).map(|x| tall.at(x, HEIGHT / 2)).collect();
    assert_eq!(line, "---ggg--", "of the picture that is taller than it is wide");
    assert_continuous(&reader.packets(), RATE as f64);
    reader.leave();
    program.stop();
}

#[test]
fn a_folder_with_nothing_to_show_says_so_and_is_served_as_soon_as_there_is_something() {
    let _turn = shared();
    let (folder, aside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let picture = picture(aside.path(), "a.webp", "red", "320x180");
    let lost = "/run/user/1000/doc/1a2b3c4d/film.mp4";
    let streams =
        [Stream::files("folder", &[folder.path()]).picture(SMALL), Stream::file("lost", Path::new(lost))];
    let mut program = Program::start(&[], &streams);
    let sentence = format!("the folder {} has no video and no picture", folder.path().display());
    program.wait_for_log(&sentence, 0);
    program.wait_for_log(&format!("{lost} may not be read any more"), 0);
    fs::rename(picture, folder.path().join("a.webp")).unwrap();
    Watcher::new(&program.address("folder")).wait_for('r');
    program.stop();
}
