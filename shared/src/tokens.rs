//! The token keeper: records, keys and what a provider gave, brought together. Steps know connections; only the keeper
//! knows how they are stored and sealed.

mod access;
mod consent;
mod quarantine;
mod rewrap;

use std::sync::Arc;

pub use access::Access;
pub use consent::Prepared;
pub use rewrap::{Page, Position, Rewrap};

use crate::keys::{KeyError, KeySource, Keys};
use crate::records::Store;
use crate::seal::{Key, KeyId, KeyRef};

/// Keeps the tokens of connections.
pub struct TokenKeeper {
    store: Store,
    keys: Keys,
    key: KeyId,
}

impl TokenKeeper {
    /// Keeps tokens in `store`, sealed with the newest version of `key`.
    #[must_use]
    pub fn new(store: Store, keys: Keys, key: KeyId) -> Self {
        Self { store, keys, key }
    }

    /// The store, for what is not about one connection.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The key that everything new is sealed with, by its concrete name.
    async fn newest(&self) -> Result<(KeyRef, Arc<Key>), KeyError> {
        let (version, key) = self.keys.latest(&self.key).await?;
        Ok((KeyRef { id: self.key.clone(), version }, key))
    }
}
