//! The token record: what is in clear, what is sealed.

use std::fmt;

use jiff::Timestamp;
use sealpost_schemas::Code;
use uuid::Uuid;

use super::content::{Content, ContentError};
use super::locate::{RecordId, Tags};
use super::park::Parked;
use super::tombstone::Replaced;
use crate::seal::{self, Key, KeyRef, Place, Purpose};

/// Counts the writes of one record, from a random start, so that a record that was deleted and made anew is not taken
/// for the old one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Revision(pub(super) u64);

/// Whether a connection can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It can.
    Active,
    /// The provider no longer takes its tokens.
    NeedsConsent,
    /// Its ciphertext does not open; it is left alone.
    Quarantined,
}

/// Whether a connection can be used, since when, and why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Whether it can be used.
    pub state: State,
    /// Since when. Redis keeps milliseconds of every time.
    pub since: Timestamp,
    /// Why not. `None` also for a code that only a newer version knows.
    pub code: Option<Code>,
}

impl Standing {
    /// Can be used.
    #[must_use]
    pub const fn active(since: Timestamp) -> Self {
        Self { state: State::Active, since, code: None }
    }

    /// Cannot be used until consent is given again.
    #[must_use]
    pub const fn needs_consent(since: Timestamp, code: Code) -> Self {
        Self { state: State::NeedsConsent, since, code: Some(code) }
    }

    /// Does not open, and is left alone from now on.
    #[must_use]
    pub const fn quarantined(since: Timestamp, code: Code) -> Self {
        Self { state: State::Quarantined, since, code: Some(code) }
    }
}

/// Where a connection's tokens rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Custody {
    /// Here, sealed.
    Vault,
    /// With the user.
    Device,
}

/// The durable note that a refresh was sent and its answer is not yet saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marker {
    /// Which attempt.
    pub attempt: Uuid,
    /// When it was written.
    pub at: Timestamp,
}

/// The clear part of a record: what scripts and sweeps need to know without a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// The random id of the token set, new with every one that a provider gives.
    pub generation: Uuid,
    /// Whether the connection can be used.
    pub standing: Standing,
    /// Where the tokens rest.
    pub custody: Custody,
    /// When the access token expires, where the provider tells.
    pub access_expires_at: Option<Timestamp>,
    /// When the scheduled rotation shall refresh it; `None`: never.
    pub next_due: Option<Timestamp>,
    /// The scopes that were granted.
    pub scopes: Vec<String>,
    /// When the connection was made.
    pub created_at: Timestamp,
    /// When its tokens were last replaced.
    pub refreshed_at: Timestamp,
    /// The exchange request that made the token set's family.
    pub request: Option<Uuid>,
    /// A refresh that was sent and whose answer is not saved.
    pub marker: Option<Marker>,
    /// Keyed hashes of refresh tokens that newer ones replaced.
    pub superseded: Vec<[u8; 32]>,
}

/// A ciphertext, and the key that it was made with.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed {
    pub(super) key: KeyRef,
    pub(super) bytes: Vec<u8>,
}

impl Sealed {
    fn seal(id: &RecordId, name: &KeyRef, key: &Key, plain: &[u8]) -> Result<Self, ContentError> {
        Ok(Self { key: name.clone(), bytes: seal::seal(key, name, &place(id), plain)? })
    }

    /// The key that it was made with.
    #[must_use]
    pub fn key(&self) -> &KeyRef {
        &self.key
    }

    pub(super) fn open(&self, id: &RecordId, key: &Key) -> Result<Content, ContentError> {
        Content::from_bytes(&seal::open(key, &self.key, &place(id), &self.bytes)?)
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({} bytes, {})", self.bytes.len(), self.key)
    }
}

fn place(id: &RecordId) -> Place {
    Place { purpose: Purpose::Record, record: id.key }
}

/// A record to be saved, sealed for its place.
#[derive(Clone, Debug)]
pub struct Draft {
    pub(super) id: RecordId,
    pub(super) tags: Tags,
    pub(super) metadata: Metadata,
    pub(super) token: Option<[u8; 32]>,
    pub(super) sealed: Sealed,
    /// The owner's epoch that it belongs to; `None`: any.
    pub(super) epoch: Option<u64>,
    /// The tokens, where they rest with the user and wait for the user's device.
    pub(super) park: Option<Parked>,
    /// The token set that it takes the place of, where that is not left to itself.
    pub(super) replaces: Option<Box<Replaced>>,
}

impl Draft {
    /// To be saved only while the owner's epoch is this one; `None`: in any.
    #[must_use]
    pub fn in_epoch(self, epoch: Option<u64>) -> Self {
        Self { epoch, ..self }
    }

    /// To bury with its save what it takes the place of.
    #[must_use]
    pub fn in_place_of(self, replaced: Option<Replaced>) -> Self {
        Self { replaces: replaced.map(Box::new), ..self }
    }

    pub(super) fn seal(
        (id, tags): (RecordId, Tags),
        (metadata, token): (Metadata, Option<[u8; 32]>),
        content: &Content,
        (name, key): (&KeyRef, &Key),
    ) -> Result<Self, ContentError> {
        let sealed = Sealed::seal(&id, name, key, &content.to_bytes()?)?;
        Ok(Self { id, tags, metadata, token, sealed, epoch: None, park: None, replaces: None })
    }

    /// Where it will lie.
    #[must_use]
    pub fn id(&self) -> RecordId {
        self.id
    }
}

/// A record as it was read. Nothing in it is secret without the key.
#[derive(Clone, Debug)]
pub struct Record {
    /// Where it lies.
    pub id: RecordId,
    /// Which of its states this is.
    pub revision: Revision,
    /// Hidden names, to find and pick it by.
    pub tags: Tags,
    /// What is in clear.
    pub metadata: Metadata,
    /// The keyed hash of its refresh token; `None` also for a record that was written before there was one.
    pub token: Option<[u8; 32]>,
    /// Whether it was written before there was one.
    pub is_silent_on_token: bool,
    /// What is not.
    pub sealed: Sealed,
}

impl Record {
    /// The key that opens it.
    #[must_use]
    pub fn key(&self) -> &KeyRef {
        &self.sealed.key
    }

    /// Opens the sealed part with the key that [`Self::key`] names.
    pub fn open(&self, key: &Key) -> Result<Content, ContentError> {
        self.sealed.open(&self.id, key)
    }

    /// The same sealed part under another key, for [`super::Store::reseal`]. What is inside is not read, so it may also
    /// be of a newer version.
    pub fn seal_anew(&self, old: &Key, name: &KeyRef, new: &Key) -> Result<Sealed, ContentError> {
        let plain = seal::open(old, &self.sealed.key, &place(&self.id), &self.sealed.bytes)?;
        Sealed::seal(&self.id, name, new, &plain)
    }
}
