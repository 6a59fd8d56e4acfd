//! Sealing what a page holds anew under the newest key version.

use std::sync::Arc;

use sealpost_schemas::{Code, RotationCounts};

use super::super::quarantine;
use super::{Position, TokenKeeper, Walk, resealed};
use crate::failure::Failure;
use crate::records::{EntryId, Record, RecordId, Saved, Sealed, SealedResult, State, StoreError};
use crate::seal::{Key, KeyId, KeyRef};

/// How often one record is looked at again when it moved while it was sealed.
const LOOKS: usize = 4;

/// A key and its name.
type Named = (KeyRef, Arc<Key>);

/// The keys that were used last: most often those of the next record too.
#[derive(Default)]
struct AtHand {
    old: Option<Named>,
    new: Option<Named>,
}

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
        let (mut anew, mut at_hand) = (Vec::with_capacity(ids.len()), AtHand::default());
        for (id, read) in self.store.load_each(ids).await? {
            let sealed = match read {
                Ok(record) => self.sealed_anew(walk, record, &mut at_hand).await,
                Err(error) => Err(StoreError { doing: format!("load record {id}"), trouble: error.into() }.into()),
            };
            match sealed {
                Ok(Some(sealed)) => anew.push(sealed),
                Ok(None) => done.push(Ok(resealed(false))),
                Err(failure) => done.push(Err(failure)),
            }
        }
        let mut moved = Vec::new();
        // those of one tenant are under one key, those of another may be under another
        while let Some(key) = anew.first().map(|(_, sealed): &(Record, Sealed)| sealed.key().clone()) {
            let these: Vec<_> = anew.extract_if(.., |(_, sealed)| *sealed.key() == key).collect();
            let saved = match self.noticed(&key, self.store.reseal(walk.sweep.shard, &key, &these).await) {
                // there must be a newer version, of this key: it is looked for with the next look
                Err(error) if error.code() == Code::KeyRetired => {
                    moved.extend(these.into_iter().map(|(record, _)| record.id));
                    continue;
                }
                saved => saved?,
            };
            for (saved, (record, _)) in saved.into_iter().zip(these) {
                match saved {
                    Saved::Written(_) => done.push(Ok(resealed(true))),
                    Saved::Moved => moved.push(record.id),
                }
            }
        }
        Ok(moved)
    }

    /// A record with its new ciphertext; `None`: it needs none.
    async fn sealed_anew<P>(
        &self,
        walk: &Walk<'_, P>,
        record: Record,
        at_hand: &mut AtHand,
    ) -> Result<Option<(Record, Sealed)>, Failure> {
        if !walk.scope.has(&record) {
            return Ok(None);
        }
        let known = self.keys.template().may_name(&record.key().id);
        if known && self.newest_at_hand(&record.key().id, at_hand).await?.0 == *record.key() {
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
        let old = match at_hand.old.take() {
            Some((name, key)) if name == *record.key() => key,
            _ => self.keys.get(record.key()).await?,
        };
        at_hand.old = Some((record.key().clone(), Arc::clone(&old)));
        if !known {
            // it was sealed under another rule: whose key it is to have, only its content says
            let content = self.open(&record, None, walk.sweep.now).await?;
            at_hand.new = Some(self.keys.newest_of(&content.connection.tenant).await?);
        }
        let Some((newest, key)) = &at_hand.new else { return Ok(None) };
        match record.seal_anew(&old, newest, key) {
            Ok(sealed) => Ok(Some((record, sealed))),
            Err(error) if error.code() == Code::Quarantined => {
                Err(self.quarantine(&record, None, &error, walk.sweep.now).await)
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn newest_at_hand<'a>(&self, id: &KeyId, at_hand: &'a mut AtHand) -> Result<&'a Named, Failure> {
        let known = at_hand.new.take().filter(|(name, _)| name.id == *id);
        Ok(at_hand.new.insert(match known {
            Some(known) => known,
            None => self.keys.newest(id.clone()).await?,
        }))
    }

    /// Seals one ledger result anew. One under a key that is no tenant's stays: it does not say whose it is, and is forgotten
    /// soon.
    pub(super) async fn reseal_result(&self, id: &EntryId) -> Result<RotationCounts, Failure> {
        for _ in 0..LOOKS {
            let Some(result) = self.store.ledger_result(id).await? else { return Ok(resealed(false)) };
            let own = &result.key().id;
            let template = self.keys.template();
            let Some(target) = template.shared().or_else(|| template.may_name(own).then_some(own)) else {
                return Ok(resealed(false));
            };
            let (newest, key) = self.keys.newest(target.clone()).await?;
            if *result.key() == newest {
                return Ok(resealed(false));
            }
            let old = self.keys.get(result.key()).await?;
            let bytes = result.seal_anew(&old, &newest, &key).map_err(|error| {
                Failure::reject(Code::Quarantined, format!("the result of ledger entry {id}: {error}; restore it"))
            })?;
            let anew = SealedResult { key: &newest, bytes: &bytes };
            if self.noticed(&newest, self.store.ledger_reseal(&result, anew).await)? {
                return Ok(resealed(true));
            }
        }
        Err(Failure::retry(Code::Conflict, format!("ledger entry {id} moved under every attempt to seal it anew")))
    }
}
