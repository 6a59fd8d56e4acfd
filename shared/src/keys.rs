//! Where keys come from: sealing keys by name and version, and the key that hides names.
//!
//! Owns the [`KeySource`] contract and its errors. It refuses to seal, and no error or log of it holds a key.

mod error;
mod index;
mod local;
mod sealing;
mod template;
mod write;

use std::sync::Arc;

use jiff::Timestamp;

pub use error::{KeyError, Wanted};
pub use index::IndexKey;
pub use local::{KeyringError, LocalKeys};
pub use sealing::SealingKeys;
pub use template::{KeyTemplate, TemplateError, UnfitTenant};

use crate::seal::{Key, KeyId, KeyRef, KeyVersion};

/// One version of a key, as the source lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionInfo {
    /// The concrete version.
    pub version: KeyVersion,
    /// When it was made.
    pub created: Timestamp,
    /// Whether it may still be used. A disabled version neither seals nor opens.
    pub enabled: bool,
}

/// Something that holds keys.
pub trait KeySource: Send + Sync {
    /// The newest version of a key: what everything new is sealed with. If that one is disabled it is an error, as in
    /// Key Vault; an older version is never taken instead.
    fn latest(&self, id: &KeyId) -> impl Future<Output = Result<(KeyVersion, Arc<Key>), KeyError>> + Send;

    /// One concrete version.
    fn get(&self, key: &KeyRef) -> impl Future<Output = Result<Arc<Key>, KeyError>> + Send;

    /// All versions of a key, oldest first, disabled ones too.
    fn versions(&self, id: &KeyId) -> impl Future<Output = Result<Vec<VersionInfo>, KeyError>> + Send;

    /// The key that hides names in the store. It never changes while a store lives.
    fn index_key(&self) -> impl Future<Output = Result<Arc<IndexKey>, KeyError>> + Send;
}

/// The key source that configuration chose. Clones share it.
#[derive(Clone)]
pub enum Keys {
    /// A keyring file.
    Local(LocalKeys),
}

impl KeySource for Keys {
    async fn latest(&self, id: &KeyId) -> Result<(KeyVersion, Arc<Key>), KeyError> {
        match self {
            Self::Local(keys) => keys.latest(id).await,
        }
    }

    async fn get(&self, key: &KeyRef) -> Result<Arc<Key>, KeyError> {
        match self {
            Self::Local(keys) => keys.get(key).await,
        }
    }

    async fn versions(&self, id: &KeyId) -> Result<Vec<VersionInfo>, KeyError> {
        match self {
            Self::Local(keys) => keys.versions(id).await,
        }
    }

    async fn index_key(&self) -> Result<Arc<IndexKey>, KeyError> {
        match self {
            Self::Local(keys) => keys.index_key().await,
        }
    }
}
