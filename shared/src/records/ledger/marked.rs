//! A request that is marked as sent in the breath that claims its entry, for a record that can be used as it is.

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::super::content::{Content, ContentError};
use super::super::locate::RecordId;
use super::super::record::Sealed;
use crate::seal::{Key, KeyRef};

/// When a record can be used as it is, beside being sealed under a key that is at hand.
#[derive(Clone, Copy, Debug)]
pub struct ReadyIf {
    /// The record. It lies in the shard of its owner's entries.
    pub record: RecordId,
    /// The time by the caller's clock.
    pub now: Timestamp,
    /// An access token counts as expired so long before its end, or a quarter of its life if that is shorter.
    pub skew: SignedDuration,
}

/// A request that is marked as sent.
#[derive(Debug)]
pub struct Marked {
    /// Its number.
    pub number: u64,
    /// Whether the entry was claimed before.
    pub again: bool,
    /// The record that it was marked for; `None`: the answer was lost, and the record is another one since.
    pub ready: Option<Ready>,
}

/// What is needed of a record that can be used as it is.
#[derive(Debug)]
pub struct Ready {
    record: RecordId,
    /// The token set.
    pub generation: Uuid,
    /// The consent that it comes from.
    pub consent: Option<Uuid>,
    /// When its tokens were last replaced.
    pub refreshed_at: Timestamp,
    sealed: Sealed,
}

impl ReadyIf {
    /// The mark's part of the script's arguments.
    pub(super) fn args(&self, key: &KeyRef) -> [Vec<u8>; 4] {
        let now = self.now.as_millisecond().to_string();
        [now.into(), self.skew.as_millis().to_string().into(), key.id.as_str().into(), key.version.as_str().into()]
    }
}

impl Ready {
    pub(super) fn new(
        record: RecordId,
        (generation, consent, refreshed_at): (Uuid, Option<Uuid>, Timestamp),
        (key, bytes): (&KeyRef, Vec<u8>),
    ) -> Self {
        Self { record, generation, consent, refreshed_at, sealed: Sealed { key: key.clone(), bytes } }
    }

    /// Opens it with the key that it was asked for under.
    ///
    /// # Errors
    /// If it does not open.
    pub fn open(&self, key: &Key) -> Result<Content, ContentError> {
        self.sealed.open(&self.record, key)
    }
}
