//! How the versions of sealing keys are used: what the key source says of each, and what the store holds under it.

use std::collections::BTreeSet;

use jiff::Timestamp;
use sealpost_schemas::{RotationMode, RotationTick};
use uuid::Uuid;

use super::TokenKeeper;
use crate::failure::Failure;
use crate::ids;
use crate::keys::{KeyError, KeySource, SealingKeys, VersionInfo};
use crate::records::{Holding, RotationBegin, Store};
use crate::seal::KeyRef;

/// How a key version is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionUse {
    /// Which.
    pub key: KeyRef,
    /// What the key source says of it; `None`: it has no such version.
    pub info: Option<VersionInfo>,
    /// Whether it is its key's latest.
    pub latest: bool,
    /// How many things are sealed under it, and in how many shards it is retired.
    pub holding: Holding,
}

/// How much is sealed under which versions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sealed {
    /// Under the latest versions of tenants' keys.
    pub latest: u64,
    /// Under any other.
    pub older: u64,
    /// Which others these are.
    pub outdated: Vec<KeyRef>,
}

/// The versions of the key that all tenants share, and of whatever else something is sealed under: key by key, oldest first.
/// Each key's versions are listed at the source.
///
/// # Errors
/// If Redis or the key source give no answer.
pub async fn usage(store: &Store, keys: &SealingKeys) -> Result<Vec<VersionUse>, Failure> {
    let mut holdings = store.holdings().await?;
    let shared = keys.template().shared();
    let mut ids: BTreeSet<_> = holdings.keys().map(|held| held.id.clone()).collect();
    // the one that is used comes last
    ids.retain(|id| Some(id) != shared);
    let mut used = Vec::new();
    for id in ids.iter().chain(shared) {
        let infos = match keys.source().versions(id).await {
            // nothing is known of the version that something is sealed under
            Err(KeyError::Missing { .. } | KeyError::Deleted { .. }) if Some(id) != shared => Vec::new(),
            infos => infos?,
        };
        let latest = infos.len().saturating_sub(1);
        let known = infos.into_iter().enumerate().map(|(number, info)| {
            let key = KeyRef { id: id.clone(), version: info.version.clone() };
            let holding = holdings.remove(&key).unwrap_or_default();
            VersionUse { key, info: Some(info), latest: number == latest, holding }
        });
        let known: Vec<_> = known.collect();
        let missing = holdings.extract_if(.., |held, _| held.id == *id);
        used.extend(missing.map(|(key, holding)| VersionUse { key, info: None, latest: false, holding }));
        used.extend(known);
    }
    Ok(used)
}

/// How much is sealed under the latest versions, and how much under others. Nothing is listed at the source; the latest
/// versions are looked up anew once for this `occasion`.
///
/// # Errors
/// If Redis or the key source give no answer.
pub async fn sealed(store: &Store, keys: &SealingKeys, occasion: Option<Uuid>) -> Result<Sealed, Failure> {
    let mut sealed = Sealed::default();
    for (key, Holding { held, .. }) in store.holdings().await?.into_iter().filter(|(_, holding)| holding.held > 0) {
        if keys.is_newest(&key, occasion).await? {
            sealed.latest += held;
        } else {
            sealed.older += held;
            sealed.outdated.push(key);
        }
    }
    Ok(sealed)
}

impl TokenKeeper {
    /// Notes that a rotation begins, and how much there is to seal anew.
    ///
    /// # Errors
    /// If Redis or the key source give no answer.
    pub async fn begin_rotation(&self, tick: &RotationTick, now: Timestamp) -> Result<(), Failure> {
        let rotation = ids::rotation(tick.id, &tick.scope);
        let Sealed { older, outdated: versions, .. } = sealed(&self.store, &self.keys, Some(rotation)).await?;
        let everything = tick.scope.tenant.is_none()
            && tick.scope.provider.is_none()
            && (tick.mode == RotationMode::Rewrap || tick.due_before.is_none());
        let begin = RotationBegin { mode: tick.mode, everything, began: now, older, versions };
        Ok(self.store.begin_rotation(rotation, &begin).await?)
    }
}
