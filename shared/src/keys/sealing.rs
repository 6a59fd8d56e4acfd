//! The key source together with the rule that says which key seals whose things.

use std::sync::Arc;

use sealpost_schemas::Name;
use uuid::Uuid;

use super::{IndexKey, KeyError, KeySource, KeyTemplate, Keys, Wanted};
use crate::seal::{Key, KeyId, KeyRef};

/// The domain of the keyed hash that stands for a tenant in a key's id. It never changes.
const TAG: &str = "sealpost tenant key";

/// The keys that tenants' things are sealed with. Clones share the source.
#[derive(Clone)]
pub struct SealingKeys {
    source: Keys,
    template: KeyTemplate,
    index: Arc<IndexKey>,
}

impl SealingKeys {
    /// Takes keys of `source` by the ids that `template` makes.
    ///
    /// # Errors
    /// If the source has no index key.
    pub async fn open(source: Keys, template: KeyTemplate) -> Result<Self, KeyError> {
        let index = source.index_key().await?;
        Ok(Self { source, template, index })
    }

    /// The same, where the index key is at hand.
    #[must_use]
    pub fn new(source: Keys, template: KeyTemplate, index: Arc<IndexKey>) -> Self {
        Self { source, template, index }
    }

    /// Where the keys come from.
    #[must_use]
    pub fn source(&self) -> &Keys {
        &self.source
    }

    /// How the ids of tenants' keys are made.
    #[must_use]
    pub fn template(&self) -> &KeyTemplate {
        &self.template
    }

    /// The key that hides names in the store.
    #[must_use]
    pub fn index_key(&self) -> Arc<IndexKey> {
        Arc::clone(&self.index)
    }

    /// The id of a tenant's key.
    ///
    /// # Errors
    /// If no id can be made of the tenant's name.
    pub fn id_of(&self, tenant: &Name) -> Result<KeyId, KeyError> {
        let tag = || {
            let mut tag = [0; 16];
            tag.copy_from_slice(&self.index.hash(TAG, &[tenant.as_str().as_bytes()])[..16]);
            tag
        };
        self.template.id_of(tenant.as_str(), tag).map_err(|unfit| KeyError::Misconfigured {
            wanted: Wanted::OfTenant(self.template.to_string()),
            reason: unfit.to_string(),
        })
    }

    /// What everything new of a tenant is sealed with: the newest version of its key, by its concrete name.
    ///
    /// # Errors
    /// If there is none that can be used.
    pub async fn newest_of(&self, tenant: &Name) -> Result<(KeyRef, Arc<Key>), KeyError> {
        let id = self.id_of(tenant)?;
        let (version, key) = self.source.latest_or_made(&id).await?;
        Ok((KeyRef { id, version }, key))
    }

    /// The newest version of a key, by its concrete name.
    ///
    /// # Errors
    /// If there is none that can be used.
    pub async fn newest(&self, id: KeyId) -> Result<(KeyRef, Arc<Key>), KeyError> {
        self.newest_for(id, None).await
    }

    /// The same, looked up anew if nobody in this process has done so for this occasion.
    async fn newest_for(&self, id: KeyId, occasion: Option<Uuid>) -> Result<(KeyRef, Arc<Key>), KeyError> {
        let (version, key) = match occasion {
            Some(occasion) => self.source.latest_for(&id, occasion).await?,
            None => self.source.latest(&id).await?,
        };
        Ok((KeyRef { id, version }, key))
    }

    /// Whether what is sealed under this version may stay so: it is the newest of a tenant's key. Where each tenant has its
    /// own, a key that cannot be used is a trouble of its tenant only, and has no newest version. The newest is looked up anew
    /// once for this `occasion`: a rotation, say, which somebody asks for who has just added a version.
    ///
    /// # Errors
    /// If that cannot be told now.
    pub async fn is_newest(&self, key: &KeyRef, occasion: Option<Uuid>) -> Result<bool, KeyError> {
        if !self.template.may_name(&key.id) {
            return Ok(false);
        }
        match self.newest_for(key.id.clone(), occasion).await {
            Ok((newest, _)) => Ok(newest == *key),
            Err(KeyError::Denied { .. }) if self.template.shared().is_none() => Ok(false),
            Err(error) if error.is_outage() || self.template.shared().is_some() => Err(error),
            Err(_) => Ok(false),
        }
    }

    /// Forgets that this version is the latest: it is retired, so that there must be a newer one.
    pub fn outdated(&self, key: &KeyRef) {
        self.source.outdated(key);
    }

    /// One concrete version.
    ///
    /// # Errors
    /// If it cannot be used.
    pub async fn get(&self, key: &KeyRef) -> Result<Arc<Key>, KeyError> {
        self.source.get(key).await
    }
}
