//! The files of known answers in `schemas/vectors`: they are what the code makes.
//!
//! After a wanted change: `SEALPOST_WRITE_VECTORS=1 cargo test -p sealpost-shared the_committed_vectors`.

use std::collections::BTreeSet;
use std::path::Path;
use std::{env, fs};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct File<V> {
    about: String,
    vectors: V,
}

fn read(name: &str) -> String {
    fs::read_to_string(path(name)).unwrap()
}

fn path(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas/vectors").join(name)
}

/// The vectors of a file.
pub(crate) fn committed<V: DeserializeOwned>(name: &str) -> Vec<V> {
    let file: File<Vec<V>> = serde_json::from_str(&read(name)).unwrap();
    file.vectors
}

/// Fails if a file does not hold these; writes them where that is asked for.
pub(crate) fn assert_made<V: Serialize>(name: &str, about: &str, made: &[V]) {
    let mut text = serde_json::to_string_pretty(&File { about: about.to_owned(), vectors: made }).unwrap();
    text.push('\n');
    if env::var_os("SEALPOST_WRITE_VECTORS").is_some() {
        fs::write(path(name), &text).unwrap();
    }
    assert!(read(name) == text, "{name} is not what the code makes; if the change is wanted: SEALPOST_WRITE_VECTORS=1");
}

/// Fails if one of these is there twice.
pub(crate) fn assert_once<T: Ord>(all: impl Iterator<Item = T>) {
    let all: Vec<T> = all.collect();
    let count = all.len();
    assert_eq!(all.into_iter().collect::<BTreeSet<_>>().len(), count);
}
