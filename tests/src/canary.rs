//! Recognisable secrets, and a search for them over files and texts in every form that bytes usually take.
//!
//! What is not found: what is compressed or enciphered, base64 that is broken into lines, and text in UTF-16. So Redis must run
//! with `rdbcompression no`; RabbitMQ compresses nothing, and what is shorter than a frame (128 KiB) it writes in one piece.

pub mod written;

mod forms;
mod places;

use std::{collections::HashSet, fmt, io};

use aho_corasick::AhoCorasick;

/// Bytes that are shorter are found by chance.
const SHORTEST: usize = 8;

/// Secrets by their names.
#[derive(Default, Clone)]
pub struct Canaries {
    all: Vec<Canary>,
}

#[derive(Clone)]
struct Canary {
    name: String,
    bytes: Vec<u8>,
}

/// What looks for all forms of some secrets at once.
#[derive(Debug)]
pub struct Search {
    automaton: AhoCorasick,
    /// Of each pattern: whose form it is, and which.
    meanings: Vec<(String, &'static str)>,
}

/// A secret where it does not belong. It tells the name, never the secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Find {
    /// The secret's name.
    pub secret: String,
    /// In which form it is there.
    pub form: &'static str,
    /// The file, or what the text is.
    pub place: String,
    /// Where the form begins, in bytes.
    pub offset: usize,
}

impl Canaries {
    /// Adds a secret, which may be any bytes. One that is there already keeps its first name.
    pub fn add(&mut self, name: &str, secret: impl AsRef<[u8]>) {
        let bytes = secret.as_ref();
        assert!(bytes.len() >= SHORTEST, "{name} is too short to be recognised");
        if !self.has(bytes) {
            self.all.push(Canary { name: name.into(), bytes: bytes.into() });
        }
    }

    /// Whether it is one of them.
    #[must_use]
    pub fn has(&self, secret: impl AsRef<[u8]>) -> bool {
        self.all.iter().any(|canary| canary.bytes == secret.as_ref())
    }

    /// Those that are none of `others`.
    #[must_use]
    pub fn without(&self, others: &Self) -> Self {
        Self { all: self.all.iter().filter(|canary| !others.has(&canary.bytes)).cloned().collect() }
    }

    /// How many begin with this name.
    #[must_use]
    pub fn count(&self, name: &str) -> usize {
        self.all.iter().filter(|canary| canary.name.starts_with(name)).count()
    }

    /// The search for all of them.
    #[must_use]
    pub fn search(&self) -> Search {
        let (mut known, mut patterns, mut meanings) = (HashSet::new(), Vec::new(), Vec::new());
        for canary in &self.all {
            for (form, bytes) in forms::of(&canary.bytes) {
                if known.insert(bytes.clone()) {
                    patterns.push(bytes);
                    meanings.push((canary.name.clone(), form));
                }
            }
        }
        Search { automaton: AhoCorasick::new(patterns).expect("patterns that fit into memory"), meanings }
    }
}

impl fmt::Debug for Canaries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.all.iter().map(|canary| &canary.name)).finish()
    }
}

impl Search {
    /// Each form of each secret that is in it, once, where it is first. A form that overlaps another one may be left out.
    #[must_use]
    pub fn text(&self, place: &str, text: impl AsRef<[u8]>) -> Vec<Find> {
        self.read(place, text.as_ref()).expect("memory can be read")
    }

    fn read(&self, place: &str, from: impl io::Read) -> io::Result<Vec<Find>> {
        let (mut seen, mut finds) = (HashSet::new(), Vec::new());
        for found in self.automaton.stream_find_iter(from) {
            let found = found?;
            if seen.insert(found.pattern()) {
                let (secret, form) = self.meanings[found.pattern().as_usize()].clone();
                finds.push(Find { secret, form, place: place.into(), offset: found.start() });
            }
        }
        Ok(finds)
    }
}

impl fmt::Display for Find {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} as {} in {} at byte {}", self.secret, self.form, self.place, self.offset)
    }
}

/// The form in which one secret is in a text, if it is.
#[must_use]
pub fn found(secret: &str, text: impl AsRef<[u8]>) -> Option<&'static str> {
    let mut canaries = Canaries::default();
    canaries.add("the secret", secret);
    canaries.search().text("the text", text).first().map(|find| find.form)
}

/// Fails the test if anything was found, and tells all of it.
pub fn none(finds: &[Find]) {
    let told: Vec<_> = finds.iter().map(ToString::to_string).collect();
    assert!(finds.is_empty(), "{} finds:\n{}", finds.len(), told.join("\n"));
}
