//! Tombstones that are left, found by nothing but being there.

use std::time::Duration;

use jiff::Timestamp;
use sealpost_schemas::{Code, ProviderId, RotationCounts};

use super::settle::Settled;
use crate::failure::Failure;
use crate::oauth::OAuthProvider;
use crate::records::{Scope, TombstoneId};
use crate::seal::KeyRef;
use crate::tokens::TokenKeeper;
use crate::tokens::outcome::LOOKS;

/// How many of a shard are looked at in one sweep.
const EACH: usize = 16;

impl TokenKeeper {
    /// Has the tokens revoked of all tombstones that want a look by now, and says how many tombstones are left.
    ///
    /// # Errors
    /// If Redis does not answer.
    pub async fn sweep_tombstones<P>(&self, provider: &P, now: Timestamp) -> Result<u64, Failure>
    where
        P: Fn(&ProviderId) -> Option<OAuthProvider> + Sync,
    {
        for id in self.store.due_tombstones(now, EACH).await? {
            let lasts = self.calls.limit * 5 / 2 + Duration::from_secs(1);
            let Some(mut turn) = self.try_turn(&id.record, lasts).await? else { continue };
            let settled = self.settle(&id, provider, None, Some(&mut turn)).await;
            self.end_turn(turn).await;
            if let Settled::NotYet(_, failure) = settled? {
                tracing::warn!(code = failure.code.as_str(), reason = failure.message, "a tombstone stays");
            }
        }
        Ok(self.store.count_tombstones().await?)
    }

    /// The key versions that something in a shard is sealed under, older ones first: what is sealed anew meanwhile moves to the
    /// newest, so that a walk in this order misses nothing.
    ///
    /// # Errors
    /// If Redis does not answer.
    pub async fn oldest_first(&self, shard: u16) -> Result<Vec<KeyRef>, Failure> {
        let (mut older, mut newest) = (Vec::new(), Vec::new());
        for version in self.store.versions(shard).await? {
            // where the key cannot be used, nothing is sealed anew either
            let is_newest = self.keys.is_newest(&version, None).await.unwrap_or_default();
            if is_newest { newest.push(version) } else { older.push(version) }
        }
        older.extend(newest);
        Ok(older)
    }

    /// Seals a tombstone anew under the newest version of its tenant's key.
    pub(in crate::tokens) async fn reseal_tombstone(
        &self,
        id: &TombstoneId,
        scope: &Scope,
    ) -> Result<RotationCounts, Failure> {
        for _ in 0..LOOKS {
            let tombstone = self.store.load_tombstone(id).await?.filter(|tombstone| scope.has_tags(&tombstone.tags));
            let Some(tombstone) = tombstone else { return Ok(RotationCounts::default()) };
            let own = &tombstone.key().id;
            // whose key it is, a key of the template says; one from under another rule, only the content
            if self.keys.template().may_name(own) && self.keys.newest(own.clone()).await?.0 == *tombstone.key() {
                return Ok(RotationCounts::default());
            }
            let key = self.keys.get(tombstone.key()).await?;
            let content = tombstone.open(&key).map_err(|error| {
                Failure::reject(error.code(), format!("a tombstone of record {}: {error}", id.record))
            })?;
            let (name, key) = self.keys.newest_of(&content.connection.tenant).await?;
            if *tombstone.key() == name {
                return Ok(RotationCounts::default());
            }
            let anew = tombstone.seal_anew(&content, (&name, &key))?;
            if self.noticed(&name, self.store.reseal_tombstone(&tombstone, &anew).await)? {
                return Ok(RotationCounts { resealed: 1, ..RotationCounts::default() });
            }
        }
        let message = format!("a tombstone of record {} moved under every attempt to seal it anew", id.record);
        Err(Failure::retry(Code::Conflict, message))
    }
}
