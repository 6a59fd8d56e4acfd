//! Revocation: what is to end, and the receipt.

mod request;
mod shard;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Announced, Connection, FailureReport, Message};

pub use request::{RevocationRequest, RevocationScope};
pub use shard::RevocationShard;

/// How far a revocation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RevocationOutcome {
    /// Everything that was asked for is done.
    Done,
    /// Another word comes: something is pending, or this is about a part of what was asked for.
    UnderWay,
    /// It was given up; an operator has the message.
    Failed,
}

/// What became of a connection's tokens at the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RevokedAtProvider {
    /// They are no good any more.
    Revoked,
    /// They are deleted here, and the provider has no way to revoke them.
    Unsupported,
    /// It is not known yet, and is tried again.
    Pending,
    /// The user gave a newer consent, which would have ended with them.
    Superseded,
    /// They are deleted here, and could not be revoked: they do not open, or the provider refuses.
    GaveUp,
}

impl RevokedAtProvider {
    /// Every one.
    pub const ALL: [Self; 5] = [Self::Revoked, Self::Unsupported, Self::Pending, Self::Superseded, Self::GaveUp];

    /// The word on the wire and in metric labels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Revoked => "revoked",
            Self::Unsupported => "unsupported",
            Self::Pending => "pending",
            Self::Superseded => "superseded",
            Self::GaveUp => "gave-up",
        }
    }
}

/// What became of one connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Receipt {
    /// Which one; nothing where its name was in what does not open, or was told before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<Connection>,
    /// Its hidden name, as operators see it in Redis.
    pub record: String,
    /// What became of its tokens at the provider.
    pub provider: RevokedAtProvider,
    /// Whether no token of the consents that the request is about is held here any more in any form.
    pub deleted: bool,
}

/// How many connections ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RevocationCounts {
    /// Revoked at their providers.
    #[serde(default)]
    pub revoked: u64,
    /// Deleted; their providers have no way to revoke.
    #[serde(default)]
    pub unsupported: u64,
    /// Replaced by a newer consent, which stays.
    #[serde(default)]
    pub superseded: u64,
    /// Deleted, and not revoked.
    #[serde(default)]
    pub gave_up: u64,
}

impl RevocationCounts {
    /// Counts one more.
    pub fn add(&mut self, word: RevokedAtProvider) {
        match word {
            RevokedAtProvider::Revoked => self.revoked += 1,
            RevokedAtProvider::Unsupported => self.unsupported += 1,
            RevokedAtProvider::Superseded => self.superseded += 1,
            RevokedAtProvider::GaveUp => self.gave_up += 1,
            RevokedAtProvider::Pending => {}
        }
    }
}

impl std::ops::AddAssign for RevocationCounts {
    fn add_assign(&mut self, more: Self) {
        self.revoked += more.revoked;
        self.unsupported += more.unsupported;
        self.superseded += more.superseded;
        self.gave_up += more.gave_up;
    }
}

/// The receipt of a revocation, or of a part of it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct RevocationResult {
    /// The result's id, the same whenever the same is told again.
    pub id: Uuid,
    /// The request's id.
    pub request: Uuid,
    /// How far it is.
    pub outcome: RevocationOutcome,
    /// The connections that it tells of; empty where there was none, and in the last word on a tenant, which only counts.
    pub receipts: Vec<Receipt>,
    /// How many ended how, of all that was asked for; with outcome `done` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts: Option<RevocationCounts>,
    /// Why it was given up; with outcome `failed` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<FailureReport>,
}

impl RevocationResult {
    /// That it was given up.
    #[must_use]
    pub fn failed(id: Uuid, request: Uuid, failure: FailureReport) -> Self {
        let (outcome, receipts) = (RevocationOutcome::Failed, Vec::new());
        Self { id, request, outcome, receipts, counts: None, failure: Some(failure) }
    }
}

impl Message for RevocationResult {
    const NAME: &'static str = "revocation-result";
    const VERSION: u16 = 1;
    fn id(&self) -> Uuid {
        self.id
    }
}

impl Announced for RevocationResult {
    fn topic(&self) -> &'static str {
        match self.outcome {
            RevocationOutcome::Done | RevocationOutcome::UnderWay => "connection.revoked",
            RevocationOutcome::Failed => "connection.revocation-failed",
        }
    }
    fn public(&self) -> Self {
        let this = self.clone();
        Self { failure: this.failure.map(FailureReport::public), ..this }
    }
}
