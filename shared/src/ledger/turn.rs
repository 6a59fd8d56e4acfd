//! What a delivery meets at its entry, and what it holds while it acts.

use std::sync::Arc;
use std::time::Duration;

use sealpost_schemas::Name;
use uuid::Uuid;

use crate::records::{ClaimOf, EntryId, Ready};
use crate::seal::{Key, KeyRef};

/// An entry, and the tenant whose key its result is sealed with.
#[derive(Clone)]
pub(super) struct At {
    pub(super) entry: EntryId,
    pub(super) tenant: Name,
}

/// What a delivery is to do.
pub enum Turn<R> {
    /// Act.
    Act(Claim),
    /// Come back after this time: somebody acts.
    Busy(Duration),
    /// Answer `unknown`, or look for a proof.
    Doubt(Doubt),
    /// Refuse: another message has this id.
    Reused,
    /// Answer again.
    Settled(Standing<R>),
}

/// How an entry stands.
pub enum Standing<R> {
    /// With this result.
    Done(R),
    /// With this result, which contradicts what an operator said before it came.
    Conflict(R),
    /// A request was sent, and nothing proves how it ended.
    Unknown,
    /// Somebody is to act, or acts.
    Open,
}

/// A request that is marked as sent already, since all that it needs is at hand.
pub struct Begin {
    /// The mark.
    pub sending: Sending,
    /// Whether the message was claimed before: as of [`Claim::again`].
    pub again: bool,
    /// The record, and the key that opens it; `None`: it is another one by now, and the mark is to be taken back.
    pub ready: Option<(Ready, Arc<Key>)>,
}

/// The right to act, while the claim lives.
pub struct Claim {
    pub(super) at: At,
    pub(super) of: ClaimOf,
    /// The owner's epoch when the message was first claimed.
    pub epoch: u64,
    /// The message was claimed before: whoever had it may have died before it told what happened.
    pub again: bool,
    /// An earlier request may have been carried out: that this one is not proves nothing.
    pub doubtful: bool,
    /// The consent that the request is sent under, where that matters: a doubtful one goes under the consent of the request
    /// before it, or not at all.
    pub consent: Option<Uuid>,
}

impl Claim {
    /// Of a request that is sent under this consent.
    #[must_use]
    pub fn under(self, consent: Option<Uuid>) -> Self {
        Self { consent, ..self }
    }
}

/// A request whose outcome nobody is there to tell.
pub struct Doubt {
    pub(super) at: At,
    /// How long the claim of its sender lives on. Until then the request may still be under way.
    pub left: Duration,
    /// How long ago the first request was marked.
    pub since: Duration,
    /// How many requests were sent when it was met.
    pub(super) sent: u64,
    /// The consent that the newest of them was sent under, where that is known.
    pub consent: Option<Uuid>,
    /// The owner's epoch when the message was first claimed.
    pub(super) epoch: u64,
}

/// The newest request that somebody knows of.
#[derive(Clone)]
pub struct Newest {
    pub(super) at: At,
    pub(super) number: u64,
}

impl From<&Doubt> for Newest {
    fn from(doubt: &Doubt) -> Self {
        Self { at: doubt.at.clone(), number: doubt.sent }
    }
}

impl From<&Sending> for Newest {
    fn from(sending: &Sending) -> Self {
        Self { at: sending.at.clone(), number: sending.number }
    }
}

/// A request that is marked as sent.
pub struct Sending {
    pub(super) at: At,
    pub(super) owner: Uuid,
    pub(super) number: u64,
    /// When the claim ends, on the clock of [`crate::clock::Clock::since_boot`].
    pub(super) until: Duration,
    pub(super) key: (KeyRef, Arc<Key>),
    /// As of the claim.
    pub doubtful: bool,
}
