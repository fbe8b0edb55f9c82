//! Makes wrong input out of right one: the choices are a fuzzer's bytes, or a seed's random numbers.
//!
//! Part of the unit tests of each parser, and of the test that sends it to the running server.

use std::ops::Range;

/// Where the choices come from.
pub trait Choices {
    /// A number below this one, which is not 0.
    fn below(&mut self, bound: usize) -> usize;
}

impl Choices for fastrand::Rng {
    fn below(&mut self, bound: usize) -> usize {
        self.usize(..bound)
    }
}

/// What a fuzzer made up. Where it ends, every choice is the first.
impl Choices for &[u8] {
    fn below(&mut self, bound: usize) -> usize {
        let length = if bound > 256 { 2 } else { 1 };
        let (taken, rest) = self.split_at(length.min(self.len()));
        *self = rest;
        taken.iter().fold(0, |number, byte| number << 8 | usize::from(*byte)) % bound
    }
}

/// Numbers that are too big for something.
pub const NUMBERS: &[&str] = &[
    "0",
    "-1",
    "1",
    "255",
    "256",
    "65535",
    "65536",
    "2147483647",
    "2147483648",
    "4294967295",
    "4294967296",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "18446744073709551616",
    "1e999",
    "0x7f",
    "00000000000000000000000000000000001",
    "99999999999999999999999999999999999999999",
];

/// Signs that mean something to one of the grammars, or to none.
const SIGNS: &[&str] = &[
    "\"",
    "'",
    "\\",
    ",",
    ";",
    "=",
    ":",
    "/",
    "?",
    "#",
    "@",
    "%",
    "[",
    "]",
    "{",
    "}",
    "\n",
    "\r",
    "\r\n",
    "\t",
    " ",
    "\0",
    "\u{7f}",
    "$",
    "*",
    "..",
    "//",
    "%00",
    "%2f",
    "\"\"\"",
    "ß",
    "\u{202e}",
    "\u{10ffff}",
    "e\u{301}",
];

/// The next text: one of the corpus, changed up to `most` times.
pub fn mutated(corpus: &[&str], most: usize, choices: &mut impl Choices) -> String {
    let mut data = corpus[choices.below(corpus.len())].as_bytes().to_vec();
    for _ in 0..choices.below(most + 1) {
        mutate(&mut data, corpus, choices);
    }
    String::from_utf8_lossy(&data).into_owned()
}

/// One change.
pub fn mutate(data: &mut Vec<u8>, corpus: &[&str], choices: &mut impl Choices) {
    let at = choices.below(data.len() + 1);
    match choices.below(9) {
        0 if at < data.len() => data[at] ^= 1 << choices.below(8),
        1 => drop(data.drain(piece(data, at, choices))),
        2 => data.truncate(at),
        3 => {
            let copy = data[piece(data, at, choices)].to_vec();
            insert(data, at, &copy);
        }
        4 => {
            // To somewhere else.
            let moved: Vec<u8> = data.drain(piece(data, at, choices)).collect();
            let to = choices.below(data.len() + 1);
            insert(data, to, &moved);
        }
        5 => insert(data, at, SIGNS[choices.below(SIGNS.len())].as_bytes()),
        6 => {
            let number = NUMBERS[choices.below(NUMBERS.len())];
            let place = number_near(data, at).unwrap_or(at..at);
            data.splice(place, number.bytes());
        }
        7 => {
            // A piece of another one.
            let other = corpus[choices.below(corpus.len())].as_bytes();
            let from = choices.below(other.len() + 1);
            let found = piece(other, from, choices);
            insert(data, at, &other[found]);
        }
        _ => {
            // The same line, word or sign again and again.
            let copy = data[piece(data, at, choices)].repeat(1 << choices.below(9));
            insert(data, at, &copy[..copy.len().min(MUCH)]);
        }
    }
}

/// No single change adds more bytes.
const MUCH: usize = 16 * 1024;

fn insert(data: &mut Vec<u8>, at: usize, new: &[u8]) {
    data.splice(at..at, new.iter().copied());
}

/// The line around, what is between two signs, or some bytes from there on.
fn piece(data: &[u8], at: usize, choices: &mut impl Choices) -> Range<usize> {
    let until = |ends: fn(&u8) -> bool| {
        let start = data[..at].iter().rposition(ends).map_or(0, |place| place + 1);
        start..data[at..].iter().position(ends).map_or(data.len(), |length| (at + length + 1).min(data.len()))
    };
    match choices.below(3) {
        0 => until(|byte| *byte == b'\n'),
        1 => until(|byte| !byte.is_ascii_alphanumeric()),
        _ => at..(at + 1 + choices.below(64)).min(data.len()),
    }
}

/// The next number from there on.
fn number_near(data: &[u8], at: usize) -> Option<Range<usize>> {
    let start = at + data[at..].iter().position(u8::is_ascii_digit)?;
    let end = data[start..].iter().position(|byte| !byte.is_ascii_digit()).map_or(data.len(), |l| start + l);
    Some(start..end)
}
