//! `rotation-ticks` fan out into `rotation-shards`, one message a shard.

mod parks;
mod shard;

use std::sync::Arc;

use sealpost_schemas::{Message, RotationCounts, RotationShard, RotationTick};
use sealpost_shared::failure::Failure;
use sealpost_shared::ids;
use sealpost_shared::tokens::TokenKeeper;

use crate::step::{Attempt, Emission, FollowUp, FollowUps, Step};

pub use self::parks::sweep_parks;
pub use shard::RotateShard;

/// The step of the tick.
pub struct Rotate {
    /// Where connections are kept.
    pub keeper: Arc<TokenKeeper>,
}

/// One message a shard.
pub struct Shards(Vec<RotationShard>);

impl Step for Rotate {
    type Input = RotationTick;
    type Output = Shards;

    async fn run(&self, tick: &RotationTick, at: Attempt) -> Result<Shards, Failure> {
        self.keeper.begin_rotation(tick, at.now).await?;
        let rotation = ids::rotation(tick.id, &tick.scope);
        let shard = |shard| RotationShard {
            id: shard_id(rotation, shard, None),
            tick: tick.id,
            shard,
            mode: tick.mode,
            scope: tick.scope.clone(),
            due_before: tick.due_before,
            scheduled_for: Some(tick.scheduled_for),
            counts: RotationCounts::default(),
            cursor: None,
        };
        Ok(Shards((0..self.keeper.store().shards()).map(shard).collect()))
    }
}

impl FollowUps for Shards {
    fn emission(self) -> Result<Emission, serde_json::Error> {
        let messages = self.0.iter().map(FollowUp::of).collect::<Result<_, _>>()?;
        Ok(Emission { messages, outcome: "fanned-out", ..Emission::default() })
    }
}

fn shard_id(rotation: uuid::Uuid, shard: u16, cursor: Option<&str>) -> uuid::Uuid {
    ids::follow_up(None, rotation, RotationShard::NAME, &format!("{shard} {}", cursor.unwrap_or_default()))
}
