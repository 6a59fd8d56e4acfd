//! `rotation-ticks` fan out into `rotation-shards`; each shard is walked and sealed anew.

use std::sync::Arc;

use sealpost_schemas::events::{RotationDone, RotationShardDone};
use sealpost_schemas::{Answer, Code, Message, RotationMode, RotationShard, RotationTick};
use sealpost_shared::failure::Failure;
use sealpost_shared::ids;
use sealpost_shared::tokens::{Rewrap, TokenKeeper};

use crate::step::{Attempt, Emission, FollowUp, FollowUps, Step};
use sealpost_shared::metrics;

/// About how many records one shard message looks at before it hands on to the next.
const BUDGET: usize = 500;

/// The step of the tick.
pub struct Rotate {
    /// How many shards there are.
    pub shards: u16,
}

/// One message a shard.
pub struct Shards(Vec<RotationShard>);

impl Step for Rotate {
    type Input = RotationTick;
    type Output = Shards;

    async fn run(&self, tick: &RotationTick, _: Attempt) -> Result<Shards, Failure> {
        supported(tick.mode)?;
        let shard = |shard| RotationShard {
            id: shard_id(tick.id, shard, None),
            tick: tick.id,
            shard,
            mode: tick.mode,
            scope: tick.scope.clone(),
            due_before: tick.due_before,
            cursor: None,
        };
        Ok(Shards((0..self.shards).map(shard).collect()))
    }
}

/// The step of one shard.
pub struct RotateShard {
    /// Where connections are kept.
    pub keeper: Arc<TokenKeeper>,
}

/// What follows a walk: its continuation, or the news that the shard is done, and perhaps the whole rotation.
pub struct Walked {
    continuation: Option<RotationShard>,
    shard_done: Option<RotationShardDone>,
    rotation_done: Option<RotationDone>,
    events: Vec<Answer>,
}

impl Step for RotateShard {
    type Input = RotationShard;
    type Output = Walked;

    async fn run(&self, shard: &RotationShard, at: Attempt) -> Result<Walked, Failure> {
        supported(shard.mode)?;
        let shards = self.keeper.store().shards();
        if shard.shard >= shards {
            let message = format!("shard: this store has shards 0 to {}", shards - 1);
            return Err(Failure::reject(Code::MalformedMessage, message));
        }
        let from = shard.cursor.as_deref().map(str::parse).transpose()?;
        let walk = Rewrap { shard: shard.shard, scope: &shard.scope, from, budget: BUDGET };
        let page = self.keeper.rewrap(walk, at.now).await?;
        metrics::resealed(page.resealed, page.failed);
        if let Some(next) = page.next {
            let continuation = continued(shard, next.to_string());
            return Ok(Walked { continuation: Some(continuation), ..Walked::with(page.events) });
        }
        let completed = match self.keeper.store().finish_shard(shard.tick, shard.shard, shards).await {
            Ok(completed) => completed,
            Err(error) => return Err(Failure::from(error).with_events(page.events)),
        };
        let shard_done = RotationShardDone {
            id: ids::follow_up(None, shard.id, RotationShardDone::NAME, ""),
            tick: shard.tick,
            shard: shard.shard,
            mode: shard.mode,
            resealed: page.resealed,
            failed: page.failed,
        };
        let rotation_done = completed.then(|| RotationDone {
            id: ids::follow_up(None, shard.tick, RotationDone::NAME, ""),
            tick: shard.tick,
            mode: shard.mode,
            shards,
        });
        Ok(Walked { shard_done: Some(shard_done), rotation_done, ..Walked::with(page.events) })
    }
}

fn supported(mode: RotationMode) -> Result<(), Failure> {
    match mode {
        RotationMode::Rewrap => Ok(()),
        RotationMode::Refresh => {
            Err(Failure::reject(Code::NotSupported, "mode refresh is not done by this version; use rewrap"))
        }
    }
}

fn continued(shard: &RotationShard, cursor: String) -> RotationShard {
    RotationShard { id: shard_id(shard.tick, shard.shard, Some(&cursor)), cursor: Some(cursor), ..shard.clone() }
}

fn shard_id(tick: uuid::Uuid, shard: u16, cursor: Option<&str>) -> uuid::Uuid {
    ids::follow_up(None, tick, RotationShard::NAME, &format!("{shard} {}", cursor.unwrap_or_default()))
}

impl Walked {
    fn with(events: Vec<Answer>) -> Self {
        Self { continuation: None, shard_done: None, rotation_done: None, events }
    }
}

impl FollowUps for Shards {
    fn emission(self) -> Result<Emission, serde_json::Error> {
        let messages = self.0.iter().map(FollowUp::of).collect::<Result<_, _>>()?;
        Ok(Emission { messages, outcome: "fanned-out", ..Emission::default() })
    }
}

impl FollowUps for Walked {
    fn emission(self) -> Result<Emission, serde_json::Error> {
        let mut events = self.events;
        events.extend(self.shard_done.as_ref().map(Answer::of).transpose()?);
        events.extend(self.rotation_done.as_ref().map(Answer::of).transpose()?);
        let messages: Vec<_> = self.continuation.iter().map(FollowUp::of).collect::<Result<_, _>>()?;
        let outcome = if messages.is_empty() { "shard-done" } else { "continued" };
        Ok(Emission { messages, events, outcome, ..Emission::default() })
    }
}
