//! What a worker found out in a sweep and may have died before it told.

use sealpost_schemas::Answer;

use super::{TokenKeeper, Walk, of_the_record};
use crate::failure::Failure;
use crate::records::{Cursor, Held, Record, RecordId, State};
use crate::tokens::told::needs_consent;

/// How many records are read at a time.
const AT_A_TIME: usize = 500;

impl TokenKeeper {
    /// The events of the connections that were found to need consent since the sweep was scheduled, each under the id that it
    /// was told with if it was. They are due no more, so that no walk meets them.
    pub(super) async fn found_needy<P>(&self, walk: &Walk<'_, P>) -> Result<Vec<Answer>, Failure> {
        let (shard, mut events) = (walk.sweep.shard, Vec::new());
        for version in self.store.versions(shard).await? {
            let mut from = Some(Cursor::default());
            while let Some(cursor) = from {
                let (held, next) = self.store.walk_held(shard, &version, cursor, AT_A_TIME).await?;
                events.extend(self.needy(walk, &records(held)).await?);
                from = next;
            }
        }
        Ok(events)
    }

    async fn needy<P>(&self, walk: &Walk<'_, P>, ids: &[RecordId]) -> Result<Vec<Answer>, Failure> {
        let since = walk.sweep.since;
        let found = |record: &Record| {
            let standing = record.metadata.standing;
            standing.state == State::NeedsConsent && since.is_none_or(|since| standing.since >= since)
        };
        let mut events = Vec::new();
        for (_, record) in self.store.load_each(ids).await? {
            let Some(record) = record.ok().filter(|record| found(record) && walk.scope.has(record)) else { continue };
            let content = match self.open(&record, None, walk.sweep.now).await {
                Ok(content) => content,
                // quarantined: that is what is told of it now
                Err(failure) if !failure.events.is_empty() => {
                    events.extend(failure.events);
                    continue;
                }
                // whose it is cannot be read: no reason to keep the walk from the others
                Err(failure) if of_the_record(&failure) => {
                    tracing::warn!(record = %record.id, code = failure.code.as_str(), reason = failure.message, "not told");
                    continue;
                }
                Err(failure) => return Err(failure.with_events(events)),
            };
            events.extend(needs_consent(&content.connection, &record.metadata));
        }
        Ok(events)
    }
}

fn records(held: Vec<Held>) -> Vec<RecordId> {
    let record = |held| match held {
        Held::Record(id) => Some(id),
        Held::Entry(_) | Held::Tombstone(_) | Held::Park(_) => None,
    };
    held.into_iter().filter_map(record).collect()
}
