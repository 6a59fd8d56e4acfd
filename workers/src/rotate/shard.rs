//! `rotation-shards`: each shard is walked, within a budget a message, and the last one that is done says so.

use std::sync::Arc;

use sealpost_schemas::events::{KeyEmpty, RotationDone, RotationShardDone};
use sealpost_schemas::{Answer, Code, Message, ProviderId, RotationCounts, RotationMode, RotationShard};
use sealpost_shared::failure::Failure;
use sealpost_shared::oauth::OAuthProvider;
use sealpost_shared::tokens::{Position, Sweep, TokenKeeper};
use sealpost_shared::{ids, metrics};

use super::shard_id;
use crate::providers::{Catalogue, Provider};
use crate::step::{Attempt, Emission, FollowUp, FollowUps, Step};

/// About how many records one shard message seals anew before it hands on to the next.
const RESEALED: usize = 500;

/// The same of records that are refreshed, which takes a call each.
const REFRESHED: usize = 50;

/// The step of one shard.
pub struct RotateShard {
    /// Where connections are kept.
    pub keeper: Arc<TokenKeeper>,
    /// The providers.
    pub catalogue: Arc<Catalogue>,
}

/// What follows a walk: its continuation, or the news that the shard is done, and perhaps the whole rotation.
pub struct Walked {
    continuation: Option<RotationShard>,
    news: Vec<Answer>,
}

impl Step for RotateShard {
    type Input = RotationShard;
    type Output = Walked;

    async fn run(&self, shard: &RotationShard, at: Attempt) -> Result<Walked, Failure> {
        let shards = self.keeper.store().shards();
        if shard.shard >= shards {
            let message = format!("shard: this store has shards 0 to {}", shards - 1);
            return Err(Failure::reject(Code::MalformedMessage, message));
        }
        let page = self.keeper.sweep(self.sweep(shard, at)).await?;
        metrics::rotated(page.counts);
        let mut counts = shard.counts;
        counts += page.counts;
        if let Some(next) = page.next {
            let continuation = continued(shard, counts, next.to_string());
            return Ok(Walked { continuation: Some(continuation), news: page.events });
        }
        match self.finished(shard, counts).await {
            Ok(news) => Ok(Walked { continuation: None, news: page.events.into_iter().chain(news).collect() }),
            Err(failure) => Err(failure.with_events(page.events)),
        }
    }
}

impl RotateShard {
    fn sweep<'a>(
        &'a self,
        shard: &'a RotationShard,
        at: Attempt,
    ) -> Sweep<'a, impl Fn(&ProviderId) -> Option<OAuthProvider>> {
        let provider = |id: &_| self.catalogue.get(id).map(|Provider { oauth, .. }| oauth.clone());
        Sweep {
            rotation: ids::rotation(shard.tick, &shard.scope),
            shard: shard.shard,
            mode: shard.mode,
            scope: &shard.scope,
            due_before: shard.due_before,
            since: shard.scheduled_for,
            from: shard.cursor.as_deref().and_then(Position::read),
            budget: match shard.mode {
                RotationMode::Rewrap => RESEALED,
                RotationMode::Refresh => REFRESHED,
            },
            left_behind: shard.counts.failed,
            provider,
            now: at.now,
            // one that the redelivery put off comes as a new message
            again: at.redelivered || at.number > 1 || at.put_off,
        }
    }

    /// What is told when a shard is done; of the one that completes the rotation also that, and which key versions hold
    /// nothing any more.
    async fn finished(&self, shard: &RotationShard, counts: RotationCounts) -> Result<Vec<Answer>, Failure> {
        metrics::shard_done();
        let (store, tick, mode) = (self.keeper.store(), shard.tick, shard.mode);
        let rotation = ids::rotation(tick, &shard.scope);
        let shards = store.shards();
        let done = RotationShardDone {
            id: ids::follow_up(None, shard.id, RotationShardDone::NAME, ""),
            tick,
            shard: shard.shard,
            mode,
            counts,
        };
        let mut news = vec![Answer::of(done)];
        if let Some(counts) = store.finish_shard(rotation, (shard.shard, shards), counts).await? {
            let id = ids::follow_up(None, rotation, RotationDone::NAME, "");
            news.push(Answer::of(RotationDone { id, tick, mode, shards, counts }));
            for key in self.keeper.emptied(rotation).await? {
                let id = ids::follow_up(None, uuid::Uuid::nil(), KeyEmpty::NAME, &key.to_string());
                news.push(Answer::of(KeyEmpty { id, key: key.id.to_string(), version: key.version.to_string() }));
            }
        }
        Ok(news.into_iter().flatten().collect())
    }
}

fn continued(shard: &RotationShard, counts: RotationCounts, cursor: String) -> RotationShard {
    let id = shard_id(ids::rotation(shard.tick, &shard.scope), shard.shard, Some(&cursor));
    RotationShard { id, counts, cursor: Some(cursor), ..shard.clone() }
}

impl FollowUps for Walked {
    fn emission(self) -> Result<Emission, serde_json::Error> {
        let messages: Vec<_> = self.continuation.iter().map(FollowUp::of).collect::<Result<_, _>>()?;
        let outcome = if messages.is_empty() { "shard-done" } else { "continued" };
        Ok(Emission { messages, events: self.news, outcome, ..Emission::default() })
    }
}
