//! The content of a keyring file, and its JSON.
//!
//! Key bytes go from the text into their boxes without a copy that is not wiped; messages about the text never quote
//! it, since a key may stand wherever a person put it.

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::error::Category;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::KeyringError;
use crate::keys::{IndexKey, VersionInfo};
use crate::seal::{Key, KeyId, KeyRef, KeyVersion};

mod field;
#[cfg(test)]
mod tests;

/// What a keyring file holds.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Keyring {
    #[serde(deserialize_with = "field::format")]
    format: u32,
    #[serde(serialize_with = "field::write_index_key", deserialize_with = "field::index_key")]
    pub(super) index_key: Arc<IndexKey>,
    /// In the order they were made.
    #[serde(deserialize_with = "field::versions")]
    pub(super) versions: Vec<Entry>,
}

/// One version of one key.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    id: KeyId,
    pub(super) version: KeyVersion,
    #[serde(deserialize_with = "field::created")]
    created: Timestamp,
    pub(super) enabled: bool,
    #[serde(serialize_with = "field::write_key", deserialize_with = "field::key")]
    pub(super) key: Arc<Key>,
}

impl Entry {
    pub(super) fn info(&self) -> VersionInfo {
        VersionInfo { version: self.version.clone(), created: self.created, enabled: self.enabled }
    }

    fn is(&self, other: &Self) -> bool {
        self.id == other.id && self.version == other.version
    }
}

impl Keyring {
    pub(super) fn new(index_key: IndexKey) -> Self {
        Self { format: field::FORMAT, index_key: Arc::new(index_key), versions: Vec::new() }
    }

    /// The versions of one key, oldest first.
    pub(super) fn of(&self, id: &KeyId) -> impl DoubleEndedIterator<Item = &Entry> {
        self.versions.iter().filter(move |entry| entry.id == *id)
    }

    /// Adds a new version of a key. Its name is random, like those of Key Vault: 32 hex digits.
    pub(super) fn add(&mut self, id: &KeyId, created: Timestamp) -> Result<KeyVersion, KeyringError> {
        let mut name = [0; 16];
        getrandom::fill(&mut name).map_err(KeyringError::Randomness)?;
        let version = KeyVersion::from_random(name);
        let key = Arc::new(Key::random().map_err(KeyringError::Randomness)?);
        self.versions.push(Entry { id: id.clone(), version: version.clone(), created, enabled: true, key });
        Ok(version)
    }

    /// Switches a version on or off.
    pub(super) fn set_enabled(&mut self, path: &Path, key: &KeyRef, enabled: bool) -> Result<(), KeyringError> {
        let path = || path.to_owned();
        if !enabled && self.of(&key.id).last().is_some_and(|latest| latest.version == key.version) {
            return Err(KeyringError::Latest { path: path(), key: key.clone() });
        }
        let entry = self.versions.iter_mut().find(|entry| entry.id == key.id && entry.version == key.version);
        entry.ok_or_else(|| KeyringError::NoVersion { path: path(), key: key.clone() })?.enabled = enabled;
        Ok(())
    }

    /// Whether a process that works with `before` can go on with this: what it sealed and hashed must stay the same.
    pub(super) fn continues(&self, path: &Path, before: &Self) -> Result<(), KeyringError> {
        let contradicts = |what: String| KeyringError::Contradicts { path: path.to_owned(), what };
        if !bool::from(self.index_key.bytes().ct_eq(before.index_key.bytes())) {
            return Err(contradicts("the index key".to_owned()));
        }
        for entry in &self.versions {
            let other_bytes = |old: &&Entry| old.is(entry) && !bool::from(old.key.bytes().ct_eq(entry.key.bytes()));
            if before.versions.iter().find(other_bytes).is_some() {
                let key = KeyRef { id: entry.id.clone(), version: entry.version.clone() };
                return Err(contradicts(key.to_string()));
            }
        }
        Ok(())
    }

    pub(super) fn parse(path: &Path, text: &[u8]) -> Result<Self, KeyringError> {
        serde_json::from_slice(text).map_err(|error| KeyringError::Content {
            path: path.to_owned(),
            line: error.line(),
            problem: problem(&error),
        })
    }

    pub(super) fn to_text(&self, path: &Path) -> Result<Zeroizing<Vec<u8>>, KeyringError> {
        // Room for the longest names, so that the buffer never grows: a growing one leaves keys in freed memory.
        let mut text = Zeroizing::new(Vec::with_capacity(256 + 512 * self.versions.len()));
        serde_json::to_writer_pretty(&mut *text, self).map_err(|error| KeyringError::Io {
            doing: "writing",
            path: path.to_owned(),
            source: error.into(),
        })?;
        text.push(b'\n');
        Ok(text)
    }
}

/// What is wrong, without the text it is wrong in. Of serde's own messages only those pass that cannot quote it; ours
/// (of [`field`] and of names) quote nothing and begin with "not a".
fn problem(error: &serde_json::Error) -> String {
    let mut message = error.to_string();
    // The line is told already.
    message.truncate(message.rfind(" at line ").unwrap_or(message.len()));
    let passes = ["not a", "missing field", "duplicate field"].iter().any(|start| message.starts_with(start));
    match error.classify() {
        Category::Data if message.starts_with("unknown field") => {
            "not a field of a keyring: format, index_key, versions (id, version, created, enabled, key)".to_owned()
        }
        Category::Data if !passes => "not a value that can stand here".to_owned(),
        Category::Data | Category::Syntax | Category::Eof | Category::Io => message,
    }
}
