//! Sealing what a page holds anew under the newest key version.

use std::sync::Arc;

use sealpost_schemas::{Code, RotationCounts};

use super::super::quarantine;
use super::{Position, TokenKeeper, Walk, resealed};
use crate::failure::Failure;
use crate::keys::KeySource;
use crate::records::{EntryId, Record, RecordId, Saved, Sealed, SealedResult, State, StoreError};
use crate::seal::{Key, KeyRef};

/// How often one record is looked at again when it moved while it was sealed.
const LOOKS: usize = 4;

impl TokenKeeper {
    /// Seals records anew, all together: one read and one write for all that are unmoved. It takes no lease: its condition is
    /// the unmoved revision, and a loser looks again. What became of each, in any order; an error of all is told once.
    pub(super) async fn reseal<P>(
        &self,
        walk: &Walk<'_, P>,
        ids: Vec<RecordId>,
    ) -> Vec<Result<RotationCounts, Failure>> {
        let (mut done, mut left) = (Vec::with_capacity(ids.len()), ids);
        for _ in 0..LOOKS {
            match self.reseal_unmoved(walk, &left, &mut done).await {
                Ok(moved) if moved.is_empty() => return done,
                Ok(moved) => left = moved,
                Err(failure) => {
                    done.push(Err(failure));
                    return done;
                }
            }
        }
        let moved =
            |id| Failure::retry(Code::Conflict, format!("record {id} moved under every attempt to seal it anew"));
        done.extend(left.into_iter().map(|id| Err(moved(id))));
        done
    }

    /// One look at records; those that moved meanwhile are returned.
    async fn reseal_unmoved<P>(
        &self,
        walk: &Walk<'_, P>,
        ids: &[RecordId],
        done: &mut Vec<Result<RotationCounts, Failure>>,
    ) -> Result<Vec<RecordId>, Failure> {
        let (mut anew, mut last) = (Vec::with_capacity(ids.len()), None);
        for (id, read) in self.store.load_each(ids).await? {
            let sealed = match read {
                Ok(record) => self.sealed_anew(walk, record, &mut last).await,
                Err(error) => Err(StoreError { doing: format!("load record {id}"), trouble: error.into() }.into()),
            };
            match sealed {
                Ok(Some(sealed)) => anew.push(sealed),
                Ok(None) => done.push(Ok(resealed(false))),
                Err(failure) => done.push(Err(failure)),
            }
        }
        if anew.is_empty() {
            return Ok(Vec::new());
        }
        let mut moved = Vec::new();
        let saved = self.noticed(&walk.newest, self.store.reseal(walk.sweep.shard, &walk.newest, &anew).await)?;
        for (saved, (record, _)) in saved.into_iter().zip(anew) {
            match saved {
                Saved::Written(_) => done.push(Ok(resealed(true))),
                Saved::Moved => moved.push(record.id),
            }
        }
        Ok(moved)
    }

    /// A record with its new ciphertext; `None`: it needs none. `last`: the key of the one before, which is most often its own.
    async fn sealed_anew<P>(
        &self,
        walk: &Walk<'_, P>,
        record: Record,
        last: &mut Option<(KeyRef, Arc<Key>)>,
    ) -> Result<Option<(Record, Sealed)>, Failure> {
        if *record.key() == walk.newest || !walk.scope.has(&record) {
            return Ok(None);
        }
        if record.metadata.standing.state == State::Quarantined {
            // whoever found it out in this rotation, in its first walk, may have died before it told
            let first = !matches!(walk.sweep.from, Some(Position::Held(1.., ..)));
            let since = Some(record.metadata.standing.since).filter(|since| first && Some(*since) >= walk.sweep.since);
            let event = since.and_then(|since| quarantine::event(&record.id, None, since));
            let message = format!("record {} is in quarantine", record.id);
            return Err(Failure::reject(Code::Quarantined, message).with_events(event));
        }
        let old = match last.take() {
            Some((name, key)) if name == *record.key() => key,
            _ => self.keys.get(record.key()).await?,
        };
        *last = Some((record.key().clone(), Arc::clone(&old)));
        match record.seal_anew(&old, &walk.newest, &walk.key) {
            Ok(sealed) => Ok(Some((record, sealed))),
            Err(error) if error.code() == Code::Quarantined => {
                Err(self.quarantine(&record, None, &error, walk.sweep.now).await)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Seals one ledger result anew.
    pub(super) async fn reseal_result<P>(&self, walk: &Walk<'_, P>, id: &EntryId) -> Result<RotationCounts, Failure> {
        for _ in 0..LOOKS {
            let Some(result) = self.store.ledger_result(id).await? else { return Ok(resealed(false)) };
            if *result.key() == walk.newest {
                return Ok(resealed(false));
            }
            let old = self.keys.get(result.key()).await?;
            let bytes = result.seal_anew(&old, &walk.newest, &walk.key).map_err(|error| {
                Failure::reject(Code::Quarantined, format!("the result of ledger entry {id}: {error}; restore it"))
            })?;
            let anew = SealedResult { key: &walk.newest, bytes: &bytes };
            if self.noticed(&walk.newest, self.store.ledger_reseal(&result, anew).await)? {
                return Ok(resealed(true));
            }
        }
        Err(Failure::retry(Code::Conflict, format!("ledger entry {id} moved under every attempt to seal it anew")))
    }
}
