//! One shard of a tenant's revocation.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::RevocationResult;
use crate::message::queues::REVOCATION_SHARDS;
use crate::{Answer, FailureReport, Message, Name, Owner, Queued};

/// One shard of a tenant's revocation, or what is left of it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct RevocationShard {
    /// Derived from request, shard and part.
    pub id: Uuid,
    /// The request's id.
    pub request: Uuid,
    /// The tenant whose connections end.
    pub tenant: Name,
    /// The shard's number.
    pub shard: u16,
    /// How many messages of this shard were there before.
    #[serde(default)]
    pub part: u32,
    /// How often what is left was tried before.
    #[serde(default)]
    pub tried: u32,
    /// How many connections this walk left behind so far, since they could not be ended.
    #[serde(default)]
    pub left: u64,
    /// Where a walk that ran out of its budget goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

impl Message for RevocationShard {
    const NAME: &'static str = "revocation-shard";
    const VERSION: u16 = 1;
    fn id(&self) -> Uuid {
        self.id
    }
}

impl Queued for RevocationShard {
    const QUEUE: &'static str = REVOCATION_SHARDS;
    fn deadline(&self) -> Option<Timestamp> {
        None
    }
    fn owner(&self) -> Option<&Owner> {
        None
    }
    fn tenant(&self) -> Option<&Name> {
        Some(&self.tenant)
    }
    fn failed(&self, id: Uuid, failure: FailureReport) -> Option<Answer> {
        Answer::of(RevocationResult::failed(id, self.request, failure)).ok()
    }
}
