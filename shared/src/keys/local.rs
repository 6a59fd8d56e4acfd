//! The key source for one machine: a keyring file, re-read when it changes.
//!
//! While the file cannot be read, versions that are already known stay usable, and everything else is an error. What
//! a running process has seen never changes under it: another index key, or other bytes for a known version, are
//! refused.

mod disk;
mod error;
mod ring;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use uuid::Uuid;

use super::{IndexKey, KeyError, KeySource, VersionInfo, Wanted};
use crate::metrics::{self, Fetch, Lookup};
use crate::seal::{Key, KeyId, KeyRef, KeyVersion};
use disk::Stamp;
pub use error::KeyringError;
use ring::{Entry, Keyring};

/// Keys from a keyring file.
///
/// The file is JSON, format 1, readable by its owner only: an index key, and versions of keys in the order they were
/// made; the last one of an id is its latest. It may be a symbolic link. Clones share what was read.
#[derive(Clone)]
pub struct LocalKeys {
    path: PathBuf,
    state: Arc<Mutex<State>>,
}

struct State {
    ring: Arc<Keyring>,
    /// The file as it was before it was read into `ring`; none asks for another try.
    seen: Option<Stamp>,
    trouble: Option<Arc<KeyringError>>,
}

impl LocalKeys {
    /// Makes a new keyring file with an index key and no sealing key yet. An existing file is never overwritten.
    pub fn create(path: &Path) -> Result<Self, KeyringError> {
        let index_key = IndexKey::random().map_err(KeyringError::Randomness)?;
        disk::create(path, &Keyring::new(index_key).to_text(path)?)?;
        Self::open(path)
    }

    /// Opens a keyring file; it must be whole, and closed to everybody but its owner.
    pub fn open(path: &Path) -> Result<Self, KeyringError> {
        let seen = Stamp::of(path);
        let ring = Arc::new(Keyring::parse(path, &disk::read(path)?.text)?);
        Ok(Self { path: path.to_owned(), state: Arc::new(Mutex::new(State { ring, seen, trouble: None })) })
    }

    /// The keyring file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Adds a new version, the latest from then on, of the key `id`, which may be new itself.
    ///
    /// The file is replaced in one step, and rotations wait for each other. Running processes see the version at
    /// their next look. `created` is the time of now.
    pub fn rotate(path: &Path, id: &KeyId, created: Timestamp) -> Result<KeyVersion, KeyringError> {
        change(path, |_, ring| ring.add(id, created))
    }

    /// Switches a version off, after which it neither seals nor opens, or on again. The latest cannot be switched off.
    pub fn set_enabled(path: &Path, key: &KeyRef, enabled: bool) -> Result<(), KeyringError> {
        change(path, |path, ring| ring.set_enabled(path, key, enabled))
    }

    /// The newest good content of the file, and what is wrong with the file now.
    fn look(&self) -> (Arc<Keyring>, Option<Arc<KeyringError>>) {
        let stamp = Stamp::of(&self.path); // before reading, so that a change while reading shows at the next look
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let known = stamp.is_some() && stamp == state.seen;
        if !known {
            state.reread(&self.path, stamp);
        }
        metrics::key_looked_up(match &state.trouble {
            Some(_) => Lookup::Stale,
            None if known => Lookup::Cached,
            None => Lookup::Fetched,
        });
        (Arc::clone(&state.ring), state.trouble.clone())
    }
}

/// Changes the file in one step, alone.
fn change<T>(
    path: &Path,
    change: impl FnOnce(&Path, &mut Keyring) -> Result<T, KeyringError>,
) -> Result<T, KeyringError> {
    let path = disk::resolve(path)?; // replace what a link leads to, not the link
    let _alone = disk::lock_folder_of(&path)?;
    let old = disk::read(&path)?;
    let mut ring = Keyring::parse(&path, &old.text)?;
    let changed = change(&path, &mut ring)?;
    disk::replace(&path, &ring.to_text(&path)?, &old)?;
    Ok(changed)
}

impl State {
    fn reread(&mut self, path: &Path, stamp: Option<Stamp>) {
        let read = disk::read(path).and_then(|file| Keyring::parse(path, &file.text));
        match read.and_then(|ring| ring.continues(path, &self.ring).map(|()| ring)) {
            Ok(ring) => {
                tracing::info!(keyring.path = %path.display(), keyring.versions = ring.versions.len(), "keyring read again");
                metrics::keys_fetched(Fetch::Good);
                *self = Self { ring: Arc::new(ring), seen: stamp, trouble: None };
            }
            Err(error) => {
                let known = self.trouble.as_ref().is_some_and(|before| before.to_string() == error.to_string());
                if !known {
                    tracing::error!(%error, "keyring changed and cannot be used; versions read before stay in use");
                }
                metrics::keys_fetched(Fetch::Failed);
                self.seen = None;
                self.trouble = Some(Arc::new(error));
            }
        }
    }
}

/// For what the last good content does not have: the file has none, or nobody knows.
fn absent(wanted: Wanted, trouble: Option<&KeyringError>) -> KeyError {
    match trouble {
        None => KeyError::Missing { wanted },
        Some(error @ KeyringError::Io { .. }) => KeyError::SourceUnavailable { wanted, reason: error.to_string() },
        Some(error) => KeyError::Misconfigured { wanted, reason: error.to_string() },
    }
}

fn usable(id: &KeyId, entry: &Entry) -> Result<Arc<Key>, KeyError> {
    if entry.enabled {
        return Ok(Arc::clone(&entry.key));
    }
    let key = KeyRef { id: id.clone(), version: entry.version.clone() };
    Err(KeyError::Disabled { wanted: Wanted::Version(key) })
}

// Nothing is awaited here: a look is one stat, and reading a changed file is a few kilobytes from the local disk.
impl KeySource for LocalKeys {
    async fn latest(&self, id: &KeyId) -> Result<(KeyVersion, Arc<Key>), KeyError> {
        let (ring, trouble) = self.look();
        let newest = ring.of(id).last().ok_or_else(|| absent(Wanted::Latest(id.clone()), trouble.as_deref()))?;
        Ok((newest.version.clone(), usable(id, newest)?))
    }

    async fn latest_for(&self, id: &KeyId, _occasion: Uuid) -> Result<(KeyVersion, Arc<Key>), KeyError> {
        // every look sees the file as it is
        self.latest(id).await
    }

    async fn get(&self, key: &KeyRef) -> Result<Arc<Key>, KeyError> {
        let (ring, trouble) = self.look();
        let entry = ring.of(&key.id).find(|entry| entry.version == key.version);
        usable(&key.id, entry.ok_or_else(|| absent(Wanted::Version(key.clone()), trouble.as_deref()))?)
    }

    async fn versions(&self, id: &KeyId) -> Result<Vec<VersionInfo>, KeyError> {
        let (ring, trouble) = self.look();
        let listed: Vec<_> = ring.of(id).map(Entry::info).collect();
        // A list that may be out of date is no answer to "which versions are there".
        if listed.is_empty() || trouble.is_some() {
            return Err(absent(Wanted::Versions(id.clone()), trouble.as_deref()));
        }
        Ok(listed)
    }

    async fn index_key(&self) -> Result<Arc<IndexKey>, KeyError> {
        Ok(Arc::clone(&self.look().0.index_key))
    }
}
