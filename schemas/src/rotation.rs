//! Rotation: the tick, and the shards that it fans out into.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::message::queues::{ROTATION_SHARDS, ROTATION_TICKS};
use crate::{Message, Name, Owner, ProviderId, Queued};

/// What a rotation does with each record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RotationMode {
    /// Seals anew under the latest key version.
    Rewrap,
    /// Refreshes at the provider, which also seals anew.
    Refresh,
}

/// Which records a rotation touches; without a field, all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RotationScope {
    /// Only this tenant's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<Name>,
    /// Only this provider's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<ProviderId>,
}

/// What a rotation did with records so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RotationCounts {
    /// Refreshed at their providers, which also sealed them anew.
    #[serde(default)]
    pub refreshed: u64,
    /// Sealed anew.
    #[serde(default)]
    pub resealed: u64,
    /// Refused by their providers: they need consent now.
    #[serde(default)]
    pub ended: u64,
    /// Left behind as they are, since something went wrong.
    #[serde(default)]
    pub failed: u64,
}

impl std::ops::AddAssign for RotationCounts {
    fn add_assign(&mut self, more: Self) {
        self.refreshed += more.refreshed;
        self.resealed += more.resealed;
        self.ended += more.ended;
        self.failed += more.failed;
    }
}

/// Starts a rotation.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct RotationTick {
    /// The same id is the same rotation.
    pub id: Uuid,
    /// What is done with each record.
    pub mode: RotationMode,
    /// Which records.
    #[serde(default)]
    pub scope: RotationScope,
    /// Mode `refresh`: only records due before this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_before: Option<Timestamp>,
    /// The time that the schedule named.
    pub scheduled_for: Timestamp,
}

/// One shard of a rotation, or what is left of it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct RotationShard {
    /// Derived from tick, shard and cursor.
    pub id: Uuid,
    /// The tick's id.
    pub tick: Uuid,
    /// The shard's number.
    pub shard: u16,
    /// What is done with each record.
    pub mode: RotationMode,
    /// Which records.
    #[serde(default)]
    pub scope: RotationScope,
    /// Mode `refresh`: only records due before this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_before: Option<Timestamp>,
    /// The time that the schedule named: what was refreshed since is done already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduled_for: Option<Timestamp>,
    /// What earlier messages of this shard did.
    #[serde(default)]
    pub counts: RotationCounts,
    /// Where a walk that ran out of its budget goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

impl Message for RotationTick {
    const NAME: &'static str = "rotation-tick";
    const VERSION: u16 = 1;
    fn id(&self) -> Uuid {
        self.id
    }
}

impl Queued for RotationTick {
    const QUEUE: &'static str = ROTATION_TICKS;
    fn deadline(&self) -> Option<Timestamp> {
        None
    }
    fn owner(&self) -> Option<&Owner> {
        None
    }
    fn tenant(&self) -> Option<&Name> {
        self.scope.tenant.as_ref()
    }
}

impl Message for RotationShard {
    const NAME: &'static str = "rotation-shard";
    const VERSION: u16 = 1;
    fn id(&self) -> Uuid {
        self.id
    }
}

impl Queued for RotationShard {
    const QUEUE: &'static str = ROTATION_SHARDS;
    fn deadline(&self) -> Option<Timestamp> {
        None
    }
    fn owner(&self) -> Option<&Owner> {
        None
    }
    fn tenant(&self) -> Option<&Name> {
        self.scope.tenant.as_ref()
    }
}
