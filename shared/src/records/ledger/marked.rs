//! A request that is marked as sent in the breath that claims its entry, for a record that can be used as it is.

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::super::content::{Content, ContentError};
use super::super::locate::RecordId;
use super::super::record::Sealed;
use crate::seal::{Key, KeyRef};

/// What a record must be for a request to be marked at once.
#[derive(Clone, Copy, Debug)]
pub struct ReadyIf<'a> {
    /// The record. It lies in the shard of its owner's entries.
    pub record: RecordId,
    /// The time by the caller's clock.
    pub now: Timestamp,
    /// An access token counts as expired so long before its end, or a quarter of its life if that is shorter.
    pub skew: SignedDuration,
    /// The key that the caller has.
    pub key: &'a KeyRef,
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
    sealed: Sealed,
}

impl ReadyIf<'_> {
    /// The mark's part of the script's arguments.
    pub(super) fn args(&self) -> [Vec<u8>; 4] {
        let now = self.now.as_millisecond().to_string();
        let (id, version) = (self.key.id.as_str().into(), self.key.version.as_str().into());
        [now.into(), self.skew.as_millis().to_string().into(), id, version]
    }

    pub(super) fn met(&self, generation: Uuid, consent: Option<Uuid>, bytes: Vec<u8>) -> Ready {
        Ready { record: self.record, generation, consent, sealed: Sealed { key: self.key.clone(), bytes } }
    }
}

impl Ready {
    /// Opens it with the key of [`ReadyIf::key`].
    ///
    /// # Errors
    /// If it does not open.
    pub fn open(&self, key: &Key) -> Result<Content, ContentError> {
        self.sealed.open(&self.record, key)
    }
}
