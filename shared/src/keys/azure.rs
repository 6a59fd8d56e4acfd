//! The key source of production: secrets of Azure Key Vault, each version 32 bytes in base64.
//!
//! What was fetched is kept: a version for hours, the latest for minutes, both for a stretch longer while the vault gives no
//! answer. So a warm process makes no call to seal or open. It refuses to send a name or version that Key Vault does not
//! know as one, to take a value for a key that is none, and to make a secret unless it is told to.

mod cache;
mod credential;
mod pace;
mod refusal;
mod secrets;
mod transport;
mod vault;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;
use tokio::sync::OnceCell;
use uuid::Uuid;

use self::cache::{Ages, Asked, Cache, Found};
use self::refusal::Refusal;
use self::vault::Vault;
use super::{IndexKey, KeyChangeError, KeyChanges, KeyError, KeySource, VersionInfo, Wanted};
use crate::config::Azure;
use crate::seal::{Key, KeyId, KeyRef, KeyVersion};

/// Keys from a vault. Clones share what was fetched.
#[derive(Clone)]
pub struct AzureKeys {
    vault: Arc<Vault>,
    cache: Cache<Arc<Key>>,
    secrets: Cache<SecretString>,
    index_key: Arc<OnceCell<Arc<IndexKey>>>,
    settings: Arc<Azure>,
    /// Held while a missing key is made.
    making: Arc<tokio::sync::Mutex<()>>,
}

impl AzureKeys {
    /// Makes what calls are made with; the vault is not asked yet.
    ///
    /// # Errors
    /// In words: which setting is wrong.
    pub fn open(settings: &Azure) -> Result<Self, String> {
        let vault = Arc::new(Vault::new(settings)?);
        let (cache, secrets, index_key) = (Cache::default(), Cache::default(), Arc::default());
        Ok(Self { vault, cache, secrets, index_key, settings: Arc::new(settings.clone()), making: Arc::default() })
    }

    /// The vault's host.
    #[must_use]
    pub fn vault(&self) -> &str {
        &self.vault.name
    }

    /// How long the latest version is good before it is looked for again.
    #[must_use]
    pub fn latest_age(&self) -> Duration {
        self.settings.latest_age()
    }

    /// Makes the index key, if the vault has no secret of its name.
    ///
    /// # Errors
    /// If the vault does not answer, or does not let us.
    pub async fn make_index_key(&self) -> Result<(), KeyError> {
        match self.index_key().await {
            Err(KeyError::Missing { wanted }) if self.settings.index_key_version.is_none() => {
                let made = IndexKey::random().map_err(|error| no_randomness(wanted.clone(), error))?;
                let made = self.vault.add(&self.settings.index_key, made.bytes()).await;
                made.map_err(|refusal| refusal.of(wanted))?;
                // there may be two of us: what the vault has now is it
                self.index_key().await.map(|_| ())
            }
            other => other.map(|_| ()),
        }
    }

    /// Whether the vault answered the last time; if not, it is asked again in the background.
    ///
    /// # Errors
    /// In words: what it met.
    pub fn ready(&self) -> Result<(), String> {
        let of_keys = self.cache.trouble().map(|(error, again)| {
            if let Some(asked) = again {
                self.cache.renew(asked.clone(), || self.clone().fetch(asked));
            }
            error
        });
        // one that we may not read is one provider's, and the others go on
        let of_secrets = self.secrets.trouble().filter(|(error, _)| !matches!(error, KeyError::Denied { .. }));
        let of_secrets = of_secrets.map(|(error, again)| {
            if let Some(asked) = again {
                self.secrets.renew(asked.clone(), || self.clone().fetch_secret(asked));
            }
            error
        });
        match of_keys.or(of_secrets) {
            None => Ok(()),
            Some(error) => Err(format!("key vault {}: {error}; what is cached is used meanwhile", self.vault.name)),
        }
    }

    /// Forgets that this version is the latest.
    pub fn outdated(&self, key: &KeyRef) {
        self.cache.outdated(key);
    }

    async fn obtain(&self, asked: Asked) -> Result<Found<Arc<Key>>, KeyError> {
        self.cache.obtain(asked.clone(), self.ages(&asked), || self.clone().fetch(asked)).await
    }

    fn ages(&self, asked: &Asked) -> Ages {
        let fresh = if asked.version.is_some() { self.settings.version_age() } else { self.settings.latest_age() };
        Ages { fresh, outage: self.settings.outage() }
    }

    async fn fetch(self, asked: Asked) -> Result<Found<Arc<Key>>, KeyError> {
        let (version, bytes) = self.read(&asked).await.map_err(|refusal| refusal.of(asked.wanted()))?;
        Ok((version, Arc::new(Key::from_bytes(&bytes))))
    }

    async fn read(&self, asked: &Asked) -> Result<vault::Value, Refusal> {
        match self.vault.read(asked).await {
            Err(Refusal::Missing) if self.vault.is_deleted(&asked.id).await => Err(Refusal::Deleted),
            read => read,
        }
    }

    /// The newest version of a key that something is to be sealed with; a key that is missing is made, where that is
    /// configured.
    pub(super) async fn latest_or_made(&self, id: &KeyId) -> Result<(KeyVersion, Arc<Key>), KeyError> {
        let found = self.latest(id).await;
        if !(self.settings.create_missing_keys && matches!(found, Err(KeyError::Missing { .. }))) {
            return found;
        }
        let _alone = self.making.lock().await;
        let look = async || {
            self.cache.forget_refusal(&Asked { id: id.clone(), version: None });
            self.latest(id).await
        };
        match look().await {
            // another worker may make one too: the latest counts, and the other can be read as well
            Err(KeyError::Missing { .. }) => self.add(id).await?,
            found => return found,
        };
        look().await
    }

    async fn add(&self, id: &KeyId) -> Result<KeyVersion, KeyError> {
        let wanted = || Wanted::New(id.clone());
        let key = Key::random().map_err(|error| no_randomness(wanted(), error))?;
        self.vault.add(id, key.bytes()).await.map_err(|refusal| refusal.of(wanted()))
    }
}

impl KeySource for AzureKeys {
    async fn latest(&self, id: &KeyId) -> Result<(KeyVersion, Arc<Key>), KeyError> {
        self.obtain(Asked { id: id.clone(), version: None }).await
    }

    async fn latest_for(&self, id: &KeyId, occasion: Uuid) -> Result<(KeyVersion, Arc<Key>), KeyError> {
        let asked = Asked { id: id.clone(), version: None };
        let fetch = || self.clone().fetch(asked.clone());
        self.cache.obtain_for(occasion, asked.clone(), self.ages(&asked), fetch).await
    }

    async fn get(&self, key: &KeyRef) -> Result<Arc<Key>, KeyError> {
        let asked = Asked { id: key.id.clone(), version: Some(key.version.clone()) };
        self.obtain(asked).await.map(|(_, key)| key)
    }

    async fn versions(&self, id: &KeyId) -> Result<Vec<VersionInfo>, KeyError> {
        let wanted = || Wanted::Versions(id.clone());
        let mut versions = self.vault.versions(id).await.map_err(|refusal| refusal.of(wanted()))?;
        let newest = versions.last().map(|last| last.created);
        if versions.iter().filter(|version| Some(version.created) == newest).count() > 1 {
            // times are whole seconds: of two that were made in one, only the vault knows which is the latest
            let latest = Asked { id: id.clone(), version: None };
            if let Ok((latest, _)) = self.vault.read(&latest).await {
                versions.sort_by_key(|version| version.version == latest);
            }
        }
        Ok(versions)
    }

    async fn index_key(&self) -> Result<Arc<IndexKey>, KeyError> {
        let read = async || {
            let Azure { index_key, index_key_version, .. } = &*self.settings;
            let asked = Asked { id: index_key.clone(), version: index_key_version.clone() };
            let (_, bytes) = self.read(&asked).await.map_err(|refusal| refusal.of(Wanted::Index))?;
            Ok(Arc::new(IndexKey::from_bytes(&bytes)))
        };
        self.index_key.get_or_try_init(read).await.cloned()
    }
}

impl KeyChanges for AzureKeys {
    /// The vault's clock says when it was made.
    async fn rotate(&self, id: &KeyId, _created: Timestamp) -> Result<KeyVersion, KeyChangeError> {
        Ok(self.add(id).await?)
    }

    async fn set_enabled(&self, key: &KeyRef, enabled: bool) -> Result<(), KeyChangeError> {
        if !enabled && self.versions(&key.id).await?.last().is_some_and(|latest| latest.version == key.version) {
            return Err(KeyChangeError::Latest(key.clone()));
        }
        let wanted = || Wanted::Version(key.clone());
        Ok(self.vault.set_enabled(key, enabled).await.map_err(|refusal| refusal.of(wanted()))?)
    }
}

fn no_randomness(wanted: Wanted, error: getrandom::Error) -> KeyError {
    KeyError::SourceUnavailable { wanted, reason: format!("the operating system gives no random bytes ({error})") }
}
