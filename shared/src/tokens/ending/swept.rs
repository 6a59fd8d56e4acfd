//! Tombstones that are left, found by nothing but being there.

use crate::tokens::Providers;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use sealpost_schemas::{Code, RotationCounts};

use super::settle::Settled;
use crate::failure::Failure;
use crate::records::{Scope, Tag, TombstoneId};
use crate::tokens::TokenKeeper;
use crate::tokens::outcome::LOOKS;

/// How many of a shard are looked at in one sweep.
const EACH: usize = 16;

/// How many providers are asked at the same time, and for how many tombstones each.
const PROVIDERS: usize = 16;
const AT_ONCE: usize = 8;

impl TokenKeeper {
    /// Has the tokens revoked of all tombstones that want a look by now, and says how many tombstones are left. A provider that
    /// cannot be reached, or gives no answer, is left alone for the rest of this sweep, and keeps no other one waiting.
    ///
    /// # Errors
    /// If Redis does not answer.
    pub async fn sweep_tombstones<P>(&self, provider: &P, now: Timestamp) -> Result<u64, Failure>
    where
        P: Providers,
    {
        let due = self.store.due_tombstones(now, EACH).await?;
        let of = self.store.providers_of(&due).await?;
        let mut by_provider: HashMap<Option<Tag>, Vec<TombstoneId>> = HashMap::new();
        for (id, provider) in due.into_iter().zip(of) {
            by_provider.entry(provider).or_default().push(id);
        }
        let swept = by_provider.into_values().map(|ids| self.sweep_some(ids, provider));
        stream::iter(swept).buffer_unordered(PROVIDERS).try_collect::<()>().await?;
        Ok(self.store.count_tombstones().await?)
    }

    /// Those of one provider: the first one alone, and then more of them at the same time.
    async fn sweep_some<P>(&self, ids: Vec<TombstoneId>, provider: &P) -> Result<(), Failure>
    where
        P: Providers,
    {
        let is_silent = AtomicBool::new(false);
        let one = async |id: &TombstoneId| {
            if !is_silent.load(Ordering::Relaxed) {
                return Ok(is_silent.fetch_or(self.sweep_one(id, provider).await?, Ordering::Relaxed));
            }
            // it stays behind the others of its shard
            self.put_off(id, 0, false).await.map(|()| true)
        };
        let Some((first, rest)) = ids.split_first() else { return Ok(()) };
        one(first).await?;
        stream::iter(rest).map(one).buffer_unordered(AT_ONCE).try_for_each(async |_| Ok(())).await
    }

    /// Looks at one; whether its provider gives no answer now.
    async fn sweep_one<P>(&self, id: &TombstoneId, provider: &P) -> Result<bool, Failure>
    where
        P: Providers,
    {
        let Some(mut turn) = self.try_turn(&id.record, self.ending_time()).await? else { return Ok(false) };
        let settled = self.settle(id, provider, None, &mut turn).await;
        self.end_turn(turn).await;
        let failure = match settled {
            Ok(Settled::Gone | Settled::Cleared(_)) => return Ok(false),
            Ok(Settled::NotYet(_, failure)) => failure,
            // it cannot be read: that keeps nothing from the others
            Err(failure) => {
                self.put_off(id, 0, false).await?;
                failure
            }
        };
        tracing::warn!(record = %id.record, code = failure.code.as_str(), reason = failure.message, "a tombstone stays");
        Ok(matches!(failure.code, Code::ProviderUnavailable | Code::RateLimited))
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
            let (name, new) = self.keys.newest_of(&content.connection.tenant).await?;
            if *tombstone.key() == name {
                return Ok(RotationCounts::default());
            }
            let anew = tombstone.seal_anew(&key, (&name, &new))?;
            if self.noticed(&name, self.store.reseal_tombstone(&tombstone, &anew).await)? {
                return Ok(RotationCounts { resealed: 1, ..RotationCounts::default() });
            }
        }
        let message = format!("a tombstone of record {} moved under every attempt to seal it anew", id.record);
        Err(Failure::retry(Code::Conflict, message))
    }
}
