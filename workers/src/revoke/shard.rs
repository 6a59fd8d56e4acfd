//! `revocation-shards`: a tenant's connections in one shard end, within a budget a message, and the last shard that is done
//! answers for all.
//!
//! A walk goes over the tenant's records, and then over its tombstones, each in the order of their names. What cannot be ended is
//! left behind, so that it keeps nothing from the rest; then the walk's last message fails, and its next attempt is another walk.
//! A message is followed by another one only where something moved, so that attempts run out where nothing does.

use std::sync::Arc;

use sealpost_schemas::{Answer, Code, RevocationResult, RevocationShard};
use sealpost_shared::failure::{Failure, Verdict};
use sealpost_shared::records::{RecordId, Stored, Tag};
use sealpost_shared::tokens::{Ending, Providers, TokenKeeper};

use super::position::Position;
use super::receipts::{Parts, done};
use super::{BUDGET, shard_id};
use crate::providers::Catalogue;
use crate::step::{Attempt, Emission, FollowUp, FollowUps, Step};

/// How many names are read at once, and how often in one message.
const PAGE: usize = 256;
const PAGES: usize = 100;

/// The step of one shard.
pub struct RevokeShard {
    /// Where connections are kept.
    pub keeper: Arc<TokenKeeper>,
    /// The providers.
    pub catalogue: Arc<Catalogue>,
}

/// What follows: receipts of what ended, a continuation, and the last word on the whole.
pub struct Ended {
    told: Option<Answer>,
    continuation: Option<RevocationShard>,
    whole: Option<RevocationResult>,
}

/// A walk over a shard, as it is in one message.
struct Walk<'a> {
    shard: &'a RevocationShard,
    tenant: Tag,
    attempt: u32,
    /// How many connections it left behind so far.
    left: u64,
    position: Position,
}

impl<'a> Walk<'a> {
    /// The one that a message goes on with; one that failed begins anew.
    fn of(shard: &'a RevocationShard, tenant: Tag, attempt: u32) -> Self {
        let from = shard.cursor.as_deref().filter(|_| attempt == 1).and_then(Position::read);
        let left = if from.is_some() { shard.left } else { 0 };
        Self { shard, tenant, attempt, left, position: from.unwrap_or(Position::Records(None)) }
    }

    /// Which try this is at what is left.
    fn tried(&self) -> u32 {
        self.attempt.max(self.shard.tried)
    }

    /// The message that goes on with it.
    fn continued(&self) -> RevocationShard {
        let part = self.shard.part.saturating_add(1);
        RevocationShard {
            id: shard_id((&self.shard.tenant, self.shard.request), self.shard.shard, part),
            part,
            tried: self.tried(),
            left: self.left,
            cursor: Some(self.position.to_string()),
            ..self.shard.clone()
        }
    }

    /// Whether something is not met again: a record that is buried at least, or a tombstone that is no more.
    fn moved(&self, parts: &Parts<'_>) -> bool {
        match self.position {
            Position::Records(_) => parts.len() > 0,
            Position::Tombstones(_) => parts.done() > 0,
        }
    }

    const fn is_at_tombstones(&self) -> bool {
        matches!(self.position, Position::Tombstones(_))
    }

    /// Why it fails.
    fn failed(&self, parts: &mut Parts<'_>) -> Failure {
        let Self { left, shard: RevocationShard { shard, .. }, .. } = self;
        parts.again(|| {
            Failure::retry(Code::UnderWay, format!("{left} connections of shard {shard:03} wait to be ended"))
        })
    }
}

impl Step for RevokeShard {
    type Input = RevocationShard;
    type Output = Ended;

    async fn run(&self, shard: &RevocationShard, at: Attempt) -> Result<Ended, Failure> {
        let store = self.keeper.store();
        let shards = store.shards();
        if shard.shard >= shards {
            let message = format!("shard: this store has shards 0 to {}", shards - 1);
            return Err(Failure::reject(Code::MalformedMessage, message));
        }
        let mut walk = Walk::of(shard, store.tag_of(&shard.tenant), at.number);
        let fingerprint = store.fingerprint(shard.tenant.as_str().as_bytes());
        let begun = store.begin_tenants_revocation(&shard.tenant, shard.shard, shard.request, &fingerprint);
        let reused = || Failure::reject(Code::IdReused, "another revocation of this tenant has this id");
        let revocation = begun.await?.ok_or_else(reused)?;
        if shard.part == 0 {
            store.complete_tenant(shard.shard, &walk.tenant).await?;
        }
        let mut parts = Parts::of(shard.request, None);
        let ending = Ending {
            revocation: &revocation,
            provider: |name: &_| self.catalogue.get(name).map(|provider| provider.oauth.clone()),
            now: at.now,
            attempt: walk.tried(),
        };
        let is_over = self.walk(&mut walk, &ending, &mut parts).await?;
        if !is_over {
            return continued(&walk, parts);
        }
        if walk.left > 0 {
            return Err(walk.failed(&mut parts));
        }
        let told = parts.event();
        let counts = store.counted_receipts(&revocation).await?;
        let (tenant, request) = (&shard.tenant, shard.request);
        let finished = store.finish_revocation((tenant, request), (shard.shard, shards), counts).await;
        match finished {
            Ok(all) => {
                let whole = all.map(|all| done((request, None, tenant.as_str()), Vec::new(), all));
                Ok(Ended { told, continuation: None, whole })
            }
            Err(error) => Err(Failure::from(error).with_events(told)),
        }
    }
}

impl RevokeShard {
    /// Walks as far as the budget goes; whether the walk is over.
    async fn walk(
        &self,
        walk: &mut Walk<'_>,
        ending: &Ending<'_, impl Providers>,
        parts: &mut Parts<'_>,
    ) -> Result<bool, Failure> {
        let before = walk.left;
        // one that begins anew goes to the end with what it met before: that is known to stay
        let pages = if walk.attempt == 1 { PAGES } else { usize::MAX };
        for _ in 0..pages {
            let next = match &walk.position {
                Position::Records(after) => self.records(walk, after.as_deref(), (ending, parts)).await?,
                Position::Tombstones(after) => self.tombstones(walk, after.as_deref(), (ending, parts)).await?,
            };
            walk.left = before + parts.left();
            walk.position = match (&walk.position, next) {
                (Position::Records(_), Some(after)) => Position::Records(Some(after)),
                // what was met just now would be met again at once
                (Position::Records(_), None) if walk.left == 0 => Position::Tombstones(None),
                (Position::Tombstones(_), Some(after)) => Position::Tombstones(Some(after)),
                (Position::Records(_) | Position::Tombstones(_), None) => return Ok(true),
            };
            if parts.len() >= BUDGET {
                return Ok(false);
            }
        }
        Ok(false)
    }

    /// Ends some of what is stored; after which one to go on, if more may follow.
    async fn records(
        &self,
        walk: &Walk<'_>,
        after: Option<&str>,
        (ending, parts): (&Ending<'_, impl Providers>, &mut Parts<'_>),
    ) -> Result<Option<String>, Failure> {
        let store = self.keeper.store();
        let ids = store.records_of_tenant(walk.shard.shard, &walk.tenant, after, PAGE).await?;
        // whose they are, their index says
        let of = |stored: Stored| Stored { tenant: Some(walk.tenant), ..stored };
        let mut about: Vec<_> = store.stored(&ids).await?.into_iter().map(of).collect();
        about.retain(|stored| ending.revocation.is_about(stored));
        let room = BUDGET.saturating_sub(parts.len());
        let last = match about.get(room) {
            Some(_) => about.get(room.saturating_sub(1)).map(|stored| stored.id),
            None => ids.last().copied().filter(|_| ids.len() == PAGE),
        };
        about.truncate(room);
        parts.end(&self.keeper, ending, about).await?;
        Ok(last.map(|id| id.key.to_string()))
    }

    /// Goes on with some of what is buried, also by others; after which one to go on, if more may follow.
    async fn tombstones(
        &self,
        walk: &Walk<'_>,
        after: Option<&str>,
        (ending, parts): (&Ending<'_, impl Providers>, &mut Parts<'_>),
    ) -> Result<Option<String>, Failure> {
        let store = self.keeper.store();
        let room = BUDGET.saturating_sub(parts.len()).max(1);
        let (buried, last) = store.tombstones_under(walk.shard.shard, &walk.tenant, after, room).await?;
        let mut ids: Vec<RecordId> = buried.into_iter().map(|tombstone| tombstone.record).collect();
        ids.dedup();
        let there = store.stored(&ids).await?;
        let known = |id: RecordId| there.iter().find(|stored| stored.id == id).copied();
        let of = |id| Stored { tenant: Some(walk.tenant), ..known(id).unwrap_or(Stored::gone(id)) };
        parts.end(&self.keeper, ending, ids.into_iter().map(of).collect()).await?;
        Ok(last)
    }
}

/// What follows when the budget is spent.
fn continued(walk: &Walk<'_>, mut parts: Parts<'_>) -> Result<Ended, Failure> {
    match (parts.asked_to_wait(), walk.moved(&parts)) {
        // after that pause, without an attempt spent: what moved is not met again
        (Some(after), true) => Err(Failure { verdict: Verdict::Defer { after }, ..walk.failed(&mut parts) }),
        (Some(_), false) => Err(walk.failed(&mut parts)),
        // the rest is the sweep's too
        (None, false) if walk.is_at_tombstones() && parts.left() > 0 => Err(walk.failed(&mut parts)),
        (None, _) => Ok(Ended { told: parts.event(), continuation: Some(walk.continued()), whole: None }),
    }
}

impl FollowUps for Ended {
    fn emission(self) -> Result<Emission, serde_json::Error> {
        let continuation = self.continuation.iter().map(|shard| FollowUp::of(shard).map(FollowUp::answering));
        let messages: Vec<_> = continuation.collect::<Result<_, _>>()?;
        let outcome = if messages.is_empty() { "shard-done" } else { "continued" };
        let answer = self.whole.map(Answer::of).transpose()?;
        Ok(Emission { messages, answer, events: self.told.into_iter().collect(), outcome, ..Emission::default() })
    }
}
