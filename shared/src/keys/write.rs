//! What operators change at a key source. Workers never do.

use jiff::Timestamp;

use super::{Keys, LocalKeys};
use crate::seal::{KeyId, KeyRef, KeyVersion};

impl Keys {
    /// Adds a new version, the latest from then on, of the key `id`, which may be new itself. `now`: where the source does not
    /// note the time itself.
    ///
    /// # Errors
    /// In words, with what to do.
    pub fn rotate(&self, id: &KeyId, now: Timestamp) -> Result<KeyVersion, String> {
        match self {
            Self::Local(keys) => LocalKeys::rotate(keys.path(), id, now).map_err(|error| error.to_string()),
        }
    }

    /// Switches a version off, after which it neither seals nor opens, or on again.
    ///
    /// # Errors
    /// In words, with what to do.
    pub fn set_enabled(&self, key: &KeyRef, enabled: bool) -> Result<(), String> {
        match self {
            Self::Local(keys) => LocalKeys::set_enabled(keys.path(), key, enabled).map_err(|error| error.to_string()),
        }
    }
}
