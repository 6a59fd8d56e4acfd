//! How the versions of sealing keys are used: what the key source says of each, and what the store holds under it.

use jiff::Timestamp;
use sealpost_schemas::{RotationMode, RotationTick};

use super::TokenKeeper;
use crate::failure::Failure;
use crate::ids;
use crate::keys::{KeyError, KeySource, Keys, VersionInfo};
use crate::records::{Holding, RotationBegin, Store};
use crate::seal::{KeyId, KeyRef};

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

/// The versions of `key`, and of whatever else something is sealed under: key by key, oldest first.
///
/// # Errors
/// If Redis or the key source give no answer.
pub async fn usage(store: &Store, keys: &Keys, key: &KeyId) -> Result<Vec<VersionUse>, Failure> {
    let mut holdings = store.holdings().await?;
    let mut ids: Vec<_> = holdings.keys().map(|held| &held.id).filter(|id| *id != key).cloned().collect();
    ids.dedup();
    let mut used = Vec::new();
    for id in ids.iter().chain([key]) {
        let infos = match keys.versions(id).await {
            // nothing is known of the version that something is sealed under
            Err(KeyError::Missing { .. } | KeyError::Deleted { .. }) if id != key => Vec::new(),
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

/// How many things are sealed under this key's latest version, and how many under any other.
#[must_use]
pub fn latest_and_older(used: &[VersionUse], key: &KeyId) -> (u64, u64) {
    let sum = |latest: bool| {
        let those = used.iter().filter(|version| (version.latest && version.key.id == *key) == latest);
        those.map(|version| version.holding.held).sum()
    };
    (sum(true), sum(false))
}

impl TokenKeeper {
    /// Notes that a rotation begins, and how much there is to seal anew.
    ///
    /// # Errors
    /// If Redis or the key source give no answer.
    pub async fn begin_rotation(&self, tick: &RotationTick, now: Timestamp) -> Result<(), Failure> {
        let (_, older) = latest_and_older(&usage(&self.store, &self.keys, &self.key).await?, &self.key);
        let everything = tick.scope.tenant.is_none()
            && tick.scope.provider.is_none()
            && (tick.mode == RotationMode::Rewrap || tick.due_before.is_none());
        let begin = RotationBegin { mode: tick.mode, everything, began: now, older };
        Ok(self.store.begin_rotation(ids::rotation(tick.id, &tick.scope), &begin).await?)
    }
}
