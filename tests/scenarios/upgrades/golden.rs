//! The files that releases left in `tests/golden`: a folder each, which is made once (`make golden`) and never changed.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// What this release is called.
pub(super) const PRESENT: &str = env!("CARGO_PKG_VERSION");

/// Where the folders are.
pub(super) fn home() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden")
}

/// A release's files.
pub(super) struct Release {
    pub(super) name: String,
    folder: PathBuf,
}

impl Release {
    pub(super) fn at(folder: &Path) -> Self {
        Self { name: folder.file_name().unwrap().to_string_lossy().into_owned(), folder: folder.into() }
    }

    /// The names of the files in a folder of it, in their order.
    pub(super) fn files(&self, folder: &str) -> Vec<String> {
        names(&self.folder.join(folder))
    }

    pub(super) fn bytes(&self, file: &str) -> Vec<u8> {
        let path = self.folder.join(file);
        fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}; {}", path.display(), advice()))
    }

    pub(super) fn json(&self, file: &str) -> Value {
        serde_json::from_slice(&self.bytes(file)).unwrap_or_else(|error| panic!("{file} of {}: {error}", self.name))
    }
}

/// What is done when this release has no file for something.
pub(super) fn advice() -> String {
    format!(
        "{PRESENT} has no golden file for it. Where {PRESENT} was released: raise the version in Cargo.toml, then make golden. Where \
         it was not: delete tests/golden/{PRESENT}, then make golden"
    )
}

/// Every release that left files.
pub(super) fn releases() -> Vec<Release> {
    let all: Vec<_> = names(&home()).iter().map(|name| Release::at(&home().join(name))).collect();
    assert!(all.iter().any(|release| release.name == PRESENT), "{}", advice());
    all
}

/// This release's files.
pub(super) fn present() -> Release {
    releases().into_iter().find(|release| release.name == PRESENT).unwrap()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}; {}", folder.display(), advice()));
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    // what `make golden` is about to finish begins with a dot
    let mut names: Vec<_> = names.filter(|name| !name.starts_with('.')).collect();
    names.sort();
    names
}

/// Whether all that was written is there still, and says the same. What a newer release writes beside it is its own.
pub(super) fn says_the_same(then: &Value, now: &Value) -> Result<(), String> {
    match (then, now) {
        (Value::Object(then), Value::Object(now)) => then.iter().try_for_each(|(field, then)| {
            let now = now.get(field).ok_or_else(|| format!("{field} is gone"))?;
            says_the_same(then, now).map_err(|problem| format!("{field}: {problem}"))
        }),
        (Value::Array(then), Value::Array(now)) if then.len() == now.len() => {
            then.iter().zip(now).try_for_each(|(then, now)| says_the_same(then, now))
        }
        _ if then == now => Ok(()),
        _ => Err(format!("{then} is {now} now")),
    }
}
