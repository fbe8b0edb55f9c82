//! Pipelines of the user's own: raw or encoded, that end, or that are not right.

use crate::players::{self, seconds};
use crate::program::{PATIENCE, Program, Stream, shared};
use crate::rtsp::{Client, Transport};

const SMALL: &str = "size = \"320x240\"\nframe_rate = \"25\"";

fn custom(id: &str, pipeline: &str) -> Stream {
    Stream::custom(id, pipeline).picture(SMALL)
}

#[test]
fn a_pipeline_is_served_whatever_it_brings() {
    let _turn = shared();
    let streams = [
        custom("raw", "videotestsrc is-live=true pattern=ball ! video/x-raw,width=640,height=480"),
        custom("encoded", "videotestsrc is-live=true ! x264enc tune=zerolatency ! video/x-h264,profile=high"),
        custom("fast", "videotestsrc ! jpegenc"),
    ];
    let mut program = Program::start(&[], &streams);
    for stream in ["raw", "encoded", "fast"] {
        let pictures = players::ffmpeg(&program.address(stream), "tcp");
        let expected = 25 * seconds();
        assert!(pictures * 4 >= expected * 3, "{stream}: {pictures} of {expected} pictures");
    }
    program.stop();
}

#[test]
fn a_pipeline_that_ends_or_fails_is_started_again_and_nobody_connects_again() {
    let _turn = shared();
    let streams = [
        custom("ends", "videotestsrc is-live=true num-buffers=60"),
        custom("fails", "videotestsrc is-live=true ! identity error-after=60"),
    ];
    let mut program = Program::start(&[], &streams);
    let readers = ["ends", "fails"].map(|stream| {
        let reader = Client::connect(&program.address(stream)).play(Transport::Tcp);
        (stream, reader)
    });
    for (stream, reader) in &readers {
        let mut from = 0;
        for _ in 0..2 {
            from = program.wait_for_log(&format!("{stream}: trying again"), from);
            from = program.wait_for_log(&format!("{stream}: live"), from);
        }
        reader.forget();
        reader.wait_for("key frame", PATIENCE, |packet| packet.key);
    }
    readers.into_iter().for_each(|(_, reader)| reader.leave());
    program.stop();
}

#[test]
fn what_is_wrong_with_a_pipeline_is_said_and_the_others_are_served() {
    let _turn = shared();
    let streams = [
        custom("typo", "videotestsource ! jpegenc"),
        custom("sink", "videotestsrc ! fakesink"),
        custom("good", "videotestsrc is-live=true"),
    ];
    let mut program = Program::start(&[], &streams);
    program.wait_for_log("typo: failed: its pipeline: there is no element videotestsource", 0);
    program.wait_for_log("sink: failed: its pipeline: it has no open end", 0);
    let reader = Client::connect(&program.address("good")).play(Transport::Tcp);
    reader.wait_for("key frame", PATIENCE, |packet| packet.key);
    reader.leave();
    program.stop();
}
