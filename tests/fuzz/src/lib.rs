//! Inputs for fuzz tests: good ones, spoilt here and there. Random bytes alone never come past the first look of a
//! decoder. It uses nothing of ours.

use bolero::{ValueGenerator, produce};

/// How many inputs a fuzz test tries in `make test`. `make fuzz` tries as many as fit into its time.
pub const ITERATIONS: usize = 1000;

/// The most places in which an input is spoilt.
const EDITS: usize = 4;

/// What parsers stumble over.
const WORDS: [&str; 24] = [
    "null",
    "true",
    "-1",
    "0",
    "1e999",
    "18446744073709551616",
    "0.1",
    "\"\"",
    "{}",
    "[]",
    "\\u0000",
    "\\ud800",
    "\u{202e}",
    "\u{feff}",
    "//",
    "/../",
    "%2f",
    "%2e%2e",
    "?",
    "#",
    "\\",
    "\n",
    "\u{1b}[2J",
    "latest",
];

/// One of these, as it is or spoilt in up to four places: bytes flipped, put in, taken out, repeated, cut off.
#[must_use]
pub fn near(seeds: Vec<Vec<u8>>) -> impl ValueGenerator<Output = Vec<u8>> {
    produce::<(u16, u8, [(u8, u16, u8, u8); EDITS])>().map_gen(move |(seed, count, edits)| {
        let mut bytes = seeds.get(usize::from(seed) % seeds.len().max(1)).cloned().unwrap_or_default();
        for edit in &edits[..usize::from(count) % (EDITS + 1)] {
            spoil(&mut bytes, *edit);
        }
        bytes
    })
}

/// The same for texts.
#[must_use]
pub fn near_text(seeds: Vec<String>) -> impl ValueGenerator<Output = String> {
    near(seeds.into_iter().map(String::into_bytes).collect())
        .map_gen(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

fn spoil(bytes: &mut Vec<u8>, (how, at, a, b): (u8, u16, u8, u8)) {
    let at = usize::from(at) % (bytes.len() + 1);
    let end = (at + usize::from(a)).min(bytes.len());
    match how % 8 {
        0 => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << (a % 8)),
        1 => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte = a),
        2 => bytes.insert(at, a),
        3 => drop(bytes.drain(at..(at + usize::from(a % 8)).min(bytes.len()))),
        4 => drop(bytes.drain(at..end)),
        5 => {
            let part = bytes[at..end].repeat(1 + usize::from(b % 4));
            bytes.splice(at..at, part);
        }
        6 => {
            let word = WORDS[usize::from(a) % WORDS.len()];
            bytes.splice(
                at..(at + usize::from(b % 8)).min(bytes.len()),
                word.bytes().cycle().take(word.len() * (1 + usize::from(b) / 64)),
            );
        }
        _ => bytes.truncate(at),
    }
}
