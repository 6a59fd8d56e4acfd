//! Where keys come from: sealing keys by name and version, and the key that hides names.
//!
//! Owns the [`KeySource`] contract and its errors. It refuses to seal, and no error or log of it holds a key.

mod azure;
mod error;
mod index;
mod local;
mod sealing;
mod template;
mod value;

use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

pub use azure::AzureKeys;
pub use error::{KeyError, Wanted};
pub use index::IndexKey;
pub use local::{KeyringError, LocalKeys};
pub use sealing::SealingKeys;
pub use template::{KeyTemplate, TemplateError, UnfitTenant};

use crate::config::{KeySettings, Keys as Settings};
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

    /// The newest version, looked up anew if nobody in this process has done so for this occasion: a rotation, say, which
    /// somebody asks for who has just added a version.
    fn latest_for(
        &self,
        id: &KeyId,
        occasion: Uuid,
    ) -> impl Future<Output = Result<(KeyVersion, Arc<Key>), KeyError>> + Send;

    /// One concrete version.
    fn get(&self, key: &KeyRef) -> impl Future<Output = Result<Arc<Key>, KeyError>> + Send;

    /// All versions of a key, oldest first, disabled ones too.
    fn versions(&self, id: &KeyId) -> impl Future<Output = Result<Vec<VersionInfo>, KeyError>> + Send;

    /// The key that hides names in the store. It never changes while a store lives.
    fn index_key(&self) -> impl Future<Output = Result<Arc<IndexKey>, KeyError>> + Send;
}

/// Something that holds keys, for those who may change it: operators.
pub trait KeyChanges: KeySource {
    /// Adds a new version, the latest from then on, of the key `id`, which may be new itself. `created` is the time of now.
    fn rotate(&self, id: &KeyId, created: Timestamp)
    -> impl Future<Output = Result<KeyVersion, KeyChangeError>> + Send;

    /// Switches a version off, after which it neither seals nor opens, or on again. The latest cannot be switched off.
    fn set_enabled(&self, key: &KeyRef, enabled: bool) -> impl Future<Output = Result<(), KeyChangeError>> + Send;
}

/// Why keys were not changed.
#[derive(Debug, thiserror::Error)]
pub enum KeyChangeError {
    /// The keyring file was not.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// The vault was not.
    #[error(transparent)]
    Vault(#[from] KeyError),
    /// Everything new is sealed with it.
    #[error("{0} is the latest, with which everything new is sealed; first add one: sealpost keys rotate")]
    Latest(KeyRef),
}

/// The key source that configuration chose. Clones share it.
#[derive(Clone)]
pub enum Keys {
    /// A keyring file.
    Local(LocalKeys),
    /// Azure Key Vault.
    Azure(AzureKeys),
}

impl Keys {
    /// Opens the key source of the configuration. A vault is not asked anything yet.
    ///
    /// # Errors
    /// In words: what an operator must mend.
    pub fn open(settings: &Settings) -> Result<Self, String> {
        match &settings.source {
            KeySettings::Local(file) => LocalKeys::open(file).map(Self::Local).map_err(|error| error.to_string()),
            KeySettings::Azure(azure) => AzureKeys::open(azure).map(Self::Azure),
        }
    }

    /// Opens the key source, and makes in it what it lacks but sealing keys: a keyring, the index key.
    ///
    /// # Errors
    /// In words: what an operator must mend.
    pub async fn prepare(settings: &Settings) -> Result<Self, String> {
        if let KeySettings::Local(file) = &settings.source
            && !file.exists()
        {
            match LocalKeys::create(file) {
                // there are two of us, and the other was first
                Ok(_) | Err(KeyringError::Exists { .. }) => {}
                Err(error) => return Err(error.to_string()),
            }
        }
        let keys = Self::open(settings)?;
        if let Self::Azure(azure) = &keys {
            azure.make_index_key().await.map_err(|error| error.to_string())?;
        }
        Ok(keys)
    }

    /// Whether keys can be had now; `Err` with a sentence if not. It waits for nothing.
    ///
    /// # Errors
    /// If the source gave no answer the last time, though what is cached may serve for a while.
    pub fn ready(&self) -> Result<(), String> {
        match self {
            // what is read stays usable, and there is nothing to wait for
            Self::Local(_) => Ok(()),
            Self::Azure(keys) => keys.ready(),
        }
    }

    /// The newest version of a key that something is to be sealed with; a key that is missing may be made.
    pub(crate) async fn latest_or_made(&self, id: &KeyId) -> Result<(KeyVersion, Arc<Key>), KeyError> {
        match self {
            Self::Local(keys) => keys.latest(id).await,
            Self::Azure(keys) => keys.latest_or_made(id).await,
        }
    }

    /// Whether the source can have such a version, where its name is a producer's word. A vault names its own, and answers others with
    /// something else than that they are not there.
    pub(crate) fn can_have(&self, version: &KeyVersion) -> bool {
        let is_hex = |text: &str| text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        match self {
            Self::Local(_) => true,
            Self::Azure(_) => is_hex(version.as_str()),
        }
    }

    /// Forgets that this version is the latest: it is retired, so that there must be a newer one.
    pub fn outdated(&self, key: &KeyRef) {
        match self {
            // looked at anew whenever the file changed
            Self::Local(_) => {}
            Self::Azure(keys) => keys.outdated(key),
        }
    }

    /// Where the keys are, in words.
    #[must_use]
    pub fn place(&self) -> String {
        match self {
            Self::Local(keys) => keys.path().display().to_string(),
            Self::Azure(keys) => keys.vault().to_owned(),
        }
    }
}

impl KeySource for Keys {
    async fn latest(&self, id: &KeyId) -> Result<(KeyVersion, Arc<Key>), KeyError> {
        match self {
            Self::Local(keys) => keys.latest(id).await,
            Self::Azure(keys) => keys.latest(id).await,
        }
    }

    async fn latest_for(&self, id: &KeyId, occasion: Uuid) -> Result<(KeyVersion, Arc<Key>), KeyError> {
        match self {
            Self::Local(keys) => keys.latest_for(id, occasion).await,
            Self::Azure(keys) => keys.latest_for(id, occasion).await,
        }
    }

    async fn get(&self, key: &KeyRef) -> Result<Arc<Key>, KeyError> {
        match self {
            Self::Local(keys) => keys.get(key).await,
            Self::Azure(keys) => keys.get(key).await,
        }
    }

    async fn versions(&self, id: &KeyId) -> Result<Vec<VersionInfo>, KeyError> {
        match self {
            Self::Local(keys) => keys.versions(id).await,
            Self::Azure(keys) => keys.versions(id).await,
        }
    }

    async fn index_key(&self) -> Result<Arc<IndexKey>, KeyError> {
        match self {
            Self::Local(keys) => keys.index_key().await,
            Self::Azure(keys) => keys.index_key().await,
        }
    }
}

impl KeyChanges for Keys {
    async fn rotate(&self, id: &KeyId, created: Timestamp) -> Result<KeyVersion, KeyChangeError> {
        match self {
            Self::Local(keys) => Ok(LocalKeys::rotate(keys.path(), id, created)?),
            Self::Azure(keys) => keys.rotate(id, created).await,
        }
    }

    async fn set_enabled(&self, key: &KeyRef, enabled: bool) -> Result<(), KeyChangeError> {
        match self {
            Self::Local(keys) => Ok(LocalKeys::set_enabled(keys.path(), key, enabled)?),
            Self::Azure(keys) => keys.set_enabled(key, enabled).await,
        }
    }
}
