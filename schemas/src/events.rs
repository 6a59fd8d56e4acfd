//! Events that are not the result of a request.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Announced, Code, Connection, Message, ProviderError, RotationCounts, RotationMode};

/// A stored record does not open with its key and is left alone from now on.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ConnectionQuarantined {
    /// The event's id.
    pub id: Uuid,
    /// The connection, where the message that met it named one (it is inside what does not open).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<Connection>,
    /// The record's hidden name, as operators see it in Redis.
    pub record: String,
    /// Why.
    pub code: Code,
}

/// The provider no longer takes a connection's tokens. Told once, or again under the same id where a worker died before
/// anybody could know that it was told.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ConnectionNeedsConsent {
    /// The event's id.
    pub id: Uuid,
    /// Which one.
    pub connection: Connection,
    /// Why.
    pub code: Code,
    /// What the provider said, without `claims`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_error: Option<ProviderError>,
}

/// A connection's tokens were replaced by newer ones.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ConnectionRefreshed {
    /// The event's id.
    pub id: Uuid,
    /// Which one.
    pub connection: Connection,
    /// The scopes that it has now.
    pub scopes: Vec<String>,
    /// When the new access token expires, where the provider tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

/// One shard of a rotation is done.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct RotationShardDone {
    /// The event's id.
    pub id: Uuid,
    /// The tick's id.
    pub tick: Uuid,
    /// The shard's number.
    pub shard: u16,
    /// What was done with each record.
    pub mode: RotationMode,
    /// What was done with its records.
    pub counts: RotationCounts,
}

/// Every shard of a rotation is done.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct RotationDone {
    /// The event's id.
    pub id: Uuid,
    /// The tick's id.
    pub tick: Uuid,
    /// What was done with each record.
    pub mode: RotationMode,
    /// How many shards it had.
    pub shards: u16,
    /// What was done with all records.
    pub counts: RotationCounts,
}

/// A key version that is not the latest holds nothing any more, and may be retired.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct KeyEmpty {
    /// The event's id, the same however often it is told of this version.
    pub id: Uuid,
    /// The key.
    pub key: String,
    /// Its version.
    pub version: String,
}

/// A message was put aside for an operator.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct JobDeadLettered {
    /// The event's id.
    pub id: Uuid,
    /// The queue of first publication.
    pub queue: String,
    /// The message's id, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<Uuid>,
    /// Why.
    pub code: Code,
    /// The same in words.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

macro_rules! events {
    ($($event:ident = $name:literal at $topic:literal,)+) => {
        $(
            impl Message for $event {
                const NAME: &'static str = $name;
                const VERSION: u16 = 1;
                fn id(&self) -> Uuid { self.id }
            }

            impl Announced for $event {
                fn topic(&self) -> &'static str { $topic }
                fn public(&self) -> Self { self.clone() }
            }
        )+
    };
}

events! {
    ConnectionNeedsConsent = "connection-needs-consent" at "connection.needs-consent",
    ConnectionRefreshed = "connection-refreshed" at "connection.refreshed",
    ConnectionQuarantined = "connection-quarantined" at "connection.quarantined",
    RotationShardDone = "rotation-shard-done" at "rotation.shard-done",
    RotationDone = "rotation-done" at "rotation.done",
    KeyEmpty = "key-empty" at "key.empty",
    JobDeadLettered = "job-dead-lettered" at "job.dead-lettered",
}
