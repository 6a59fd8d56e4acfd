//! A rotation's walk over one shard, a page at a time: what older key versions hold is sealed anew, and in mode `refresh`
//! tokens are refreshed at their providers first.
//!
//! A sweep runs beside publishing: a refresh takes the lease as every refresh does, a re-seal asks for the unmoved
//! revision, and whoever loses looks again.

mod needy;
mod position;
mod renew;
mod reseal;

use crate::tokens::Providers;
use std::sync::Arc;

use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use sealpost_schemas::{Answer, Code, RotationCounts, RotationMode, RotationScope};
use uuid::Uuid;

use super::TokenKeeper;
use crate::failure::{Failure, Verdict};
use crate::records::{Cursor, Held, Scope};
use crate::seal::KeyRef;

pub use position::Position;

/// How many things of a page are at work at the same time: enough to fill the way to Redis.
const AT_ONCE: usize = 16;

/// How many records are sealed anew in one go: so many that round trips do not count, and so few that nobody else waits for
/// Redis for long.
const BATCH: usize = 125;

/// How many such batches of all shards are at work at the same time. All of it is in memory.
pub(super) const BATCHES: usize = 8;

/// How often a shard is walked when a walk missed something: a cursor does not outlive the Redis process that gave it.
const WALKS: u8 = 3;

/// What a sweep looks at.
pub struct Sweep<'a, P> {
    /// The rotation that it is part of.
    pub rotation: Uuid,
    /// The shard.
    pub shard: u16,
    /// What is done with each record.
    pub mode: RotationMode,
    /// Which records.
    pub scope: &'a RotationScope,
    /// Mode `refresh`: only records that are due before this.
    pub due_before: Option<Timestamp>,
    /// What was refreshed since is not refreshed again.
    pub since: Option<Timestamp>,
    /// Where it goes on.
    pub from: Option<Position>,
    /// About how many records it may look at.
    pub budget: usize,
    /// How many records earlier pages left behind.
    pub left_behind: u64,
    /// The catalogue's entries.
    pub provider: P,
    /// The time of now.
    pub now: Timestamp,
    /// Whether another worker may have died on this page before it told what it found out.
    pub again: bool,
}

/// What one page of a sweep did.
#[derive(Default)]
pub struct Page {
    /// With how many records.
    pub counts: RotationCounts,
    /// What happened to records on the way.
    pub events: Vec<Answer>,
    /// Where the rest begins; `None`: the shard is done.
    pub next: Option<Position>,
}

/// What a sweep is done with.
struct Walk<'a, P> {
    sweep: &'a Sweep<'a, P>,
    scope: Scope,
}

impl TokenKeeper {
    /// Walks one page. What cannot be done with a record is counted, and the record is left behind.
    ///
    /// # Errors
    /// If Redis or the key source give no answer, or a provider asks for fewer requests.
    pub async fn sweep<P>(self: &Arc<Self>, sweep: Sweep<'_, P>) -> Result<Page, Failure>
    where
        P: Providers,
    {
        let walk = Walk { scope: self.store.scope(sweep.scope), sweep: &sweep };
        let mut versions = self.store.versions(sweep.shard).await?;
        versions.sort();
        if sweep.mode == RotationMode::Rewrap {
            versions = self.outdated(versions, sweep.rotation).await?;
        }
        let untold = if sweep.again && sweep.mode == RotationMode::Refresh {
            self.found_needy(&walk).await?
        } else {
            Vec::new()
        };
        let page = match (sweep.mode, sweep.due_before) {
            (RotationMode::Refresh, Some(before)) => self.due(&walk, before).await,
            (RotationMode::Refresh, None) | (RotationMode::Rewrap, _) => self.held(&walk, &versions).await,
        };
        match page {
            Ok(page) => Ok(Page { events: untold.into_iter().chain(page.events).collect(), ..page }),
            Err(failure) => Err(failure.with_events(untold)),
        }
    }

    /// The older versions under which something was sealed when this rotation began, and nothing is any more.
    ///
    /// # Errors
    /// If Redis or the key source give no answer.
    pub async fn emptied(&self, rotation: Uuid) -> Result<Vec<KeyRef>, Failure> {
        let mut empty = Vec::new();
        for key in self.store.rotation_begin(rotation).await?.map(|begin| begin.versions).unwrap_or_default() {
            if self.store.count_held_everywhere(&key).await? == 0 && !self.keys.is_newest(&key, Some(rotation)).await? {
                empty.push(key);
            }
        }
        Ok(empty)
    }

    /// Those of these versions whose things are to be sealed anew.
    async fn outdated(&self, versions: Vec<KeyRef>, rotation: Uuid) -> Result<Vec<KeyRef>, Failure> {
        let mut outdated = Vec::with_capacity(versions.len());
        for version in versions {
            if !self.keys.is_newest(&version, Some(rotation)).await? {
                outdated.push(version);
            }
        }
        Ok(outdated)
    }

    /// A page of what is due.
    async fn due<P>(self: &Arc<Self>, walk: &Walk<'_, P>, before: Timestamp) -> Result<Page, Failure>
    where
        P: Providers,
    {
        let Sweep { shard, from, budget, .. } = walk.sweep;
        let after = match from {
            Some(Position::Due(after)) => Some(after),
            _ => None,
        };
        let (due, next) = self.store.walk_due(*shard, before, after, *budget).await?;
        let page = self.page(walk, due.into_iter().map(Held::Record)).await?;
        Ok(Page { next: next.map(Position::Due), ..page })
    }

    /// A page of what these key versions hold, version by version: as many of them as its budget is enough for.
    async fn held<P>(self: &Arc<Self>, walk: &Walk<'_, P>, versions: &[KeyRef]) -> Result<Page, Failure>
    where
        P: Providers,
    {
        let Sweep { shard, from, budget, .. } = walk.sweep;
        // a version that emptied meanwhile is gone from the list; the walk begins again at the first that is left, where
        // only what could not be sealed anew is met a second time
        let (number, start) = match from {
            Some(Position::Held(number, key, cursor)) if versions.contains(key) => (*number, Some((key, *cursor))),
            Some(Position::Held(number, ..)) => (*number, None),
            _ => (0, None),
        };
        let first = || versions.first().map(|key| (key, Cursor::default()));
        let Some((mut key, mut cursor)) = start.or_else(first) else {
            return Ok(Page::default());
        };
        let (mut page, mut left) = (Page::default(), *budget);
        loop {
            let (held, next) =
                self.store.walk_held(*shard, key, cursor, left).await.map_err(|error| page.ended(error))?;
            left = left.saturating_sub(held.len().max(1));
            let part = self.page(walk, held.into_iter()).await.map_err(|failure| page.ended(failure))?;
            page.counts += part.counts;
            page.events.extend(part.events);
            let later = versions.iter().skip_while(|version| *version != key).nth(1);
            (key, cursor) = match (next, later) {
                (Some(cursor), _) => (key, cursor),
                (None, Some(later)) => (later, Cursor::default()),
                (None, None) => break,
            };
            if left == 0 {
                page.next = Some(Position::Held(number, key.clone(), cursor));
                return Ok(page);
            }
        }
        if number + 1 < WALKS && self.missed(walk, &page).await.map_err(|failure| page.ended(failure))? {
            page.next = versions.first().map(|first| Position::Held(number + 1, first.clone(), Cursor::default()));
        }
        Ok(page)
    }

    /// Whether more is left under older versions than what was left behind on purpose.
    async fn missed<P>(&self, walk: &Walk<'_, P>, page: &Page) -> Result<bool, Failure> {
        if !walk.scope.is_everything() {
            return Ok(false);
        }
        let mut left = 0;
        for version in self.outdated(self.store.versions(walk.sweep.shard).await?, walk.sweep.rotation).await? {
            left += self.store.count_held(walk.sweep.shard, &version).await?;
        }
        Ok(left > walk.sweep.left_behind + page.counts.failed)
    }

    async fn page<P>(self: &Arc<Self>, walk: &Walk<'_, P>, held: impl Iterator<Item = Held>) -> Result<Page, Failure>
    where
        P: Providers,
    {
        let mut page = Page::default();
        let (mut records, mut others) = (Vec::new(), Vec::new());
        for one in held {
            match one {
                Held::Record(id) if walk.sweep.mode == RotationMode::Rewrap => records.push(id),
                other => others.push(other),
            }
        }
        for batch in records.chunks(BATCH) {
            // an error would mean that it was closed, and nobody does that
            let _turn = self.batches.acquire().await;
            for one in self.reseal(walk, batch.to_vec()).await {
                page.add(one.map(|counts| (counts, Vec::new()))).map_err(|failure| page.ended(failure))?;
            }
        }
        let mut done = stream::iter(others.into_iter().map(|held| self.one(walk, held))).buffer_unordered(AT_ONCE);
        // the page goes to its end also where one of it is to come again: what the others found out is told
        let mut all = Ok(());
        while let Some(one) = done.next().await {
            let added = page.add(one);
            all = all.and(added);
        }
        all.map_err(|failure| page.ended(failure))?;
        Ok(page)
    }

    /// What is done with one thing.
    async fn one<P>(self: &Arc<Self>, walk: &Walk<'_, P>, held: Held) -> Result<(RotationCounts, Vec<Answer>), Failure>
    where
        P: Providers,
    {
        match held {
            Held::Record(id) => self.renew(walk, &id).await,
            // a result tells nobody's name: it belongs to a rotation of everything
            Held::Entry(id) if walk.scope.is_everything() => Ok((self.reseal_result(&id).await?, Vec::new())),
            Held::Entry(_) => Ok(Default::default()),
            Held::Tombstone(id) => Ok((self.reseal_tombstone(&id, &walk.scope).await?, Vec::new())),
            Held::Park(record) => Ok((self.reseal_park(&record, &walk.scope).await?, Vec::new())),
        }
    }
}

impl Page {
    /// A failure that ends it, with what happened before.
    fn ended(&mut self, failure: impl Into<Failure>) -> Failure {
        failure.into().with_events(std::mem::take(&mut self.events))
    }

    /// Counts what became of one thing, and keeps what happened on the way. A failure that is not about the thing alone ends the page.
    fn add(&mut self, one: Result<(RotationCounts, Vec<Answer>), Failure>) -> Result<(), Failure> {
        match one {
            Ok((counts, events)) => {
                self.counts += counts;
                self.events.extend(events);
            }
            Err(failure) if of_the_record(&failure) => {
                tracing::warn!(code = failure.code.as_str(), reason = failure.message, "left behind");
                self.counts.failed += 1;
                self.events.extend(failure.events);
            }
            // the next attempt will not meet what this one tells of
            Err(mut failure) => {
                self.events.append(&mut failure.events);
                return Err(failure);
            }
        }
        Ok(())
    }
}

/// Whether a failure is about one record, so that the walk goes on with the others.
fn of_the_record(failure: &Failure) -> bool {
    failure.verdict == Verdict::Reject
        || failure.of_one
        || matches!(failure.code, Code::KeyMissing | Code::KeyDisabled | Code::RecordUnreadable | Code::Conflict)
}

/// Counts of one record.
fn resealed(yes: bool) -> RotationCounts {
    RotationCounts { resealed: u64::from(yes), ..RotationCounts::default() }
}
