//! Records at rest: what Redis holds of every connection, sealed, with its names hidden.
//!
//! Owns the layout in Redis, the record, its writes and its indexes; it is the only place that uses `redis`. It
//! refuses to choose keys ([`crate::keys`]), to talk to providers, and to know what a step does with a record.
//!
//! Every write is one script that checks its condition, marks the record with a random id of that write, and moves the
//! record between the indexes. So a write whose answer was lost is simply sent again: if it was done, the script finds
//! its own mark and says so; if not, it does it now, or finds that somebody else was faster.

mod config;
mod content;
mod due;
mod durability;
mod error;
mod fields;
#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod golden;
mod holders;
mod layout;
mod lease;
mod ledger;
mod link;
mod listing;
mod locate;
mod meta;
pub mod pace;
mod park;
mod record;
mod reseal;
mod retired;
mod revocation;
mod store;
mod tenant;
mod ticks;
mod tombstone;
mod trouble;
mod walk;

pub use config::{StoreConfig, StoreMode};
pub use content::{Content, ContentError, Device, Subject, TokenSet};
pub use due::Due;
pub use durability::Risk;
pub use error::StoreError;
pub use fields::RecordError;
pub use holders::TokenLease;
pub use lease::Lease;
pub use ledger::KEPT as LEDGER_KEPT;
pub use ledger::{
    Begun, ClaimOf, Entry, EntryId, Fingerprint, Marked, Outcome, Ready, ReadyIf, ResealError, SealedResult, Settled,
    StoredResult, Word,
};
pub use link::{Inspection, inspect};
pub use locate::{RecordId, Tag, Tags};
pub use meta::Mismatch;
pub use park::{Park, Parking};
pub use record::{Custody, Draft, Marker, Metadata, Record, Revision, Sealed, Standing, State};
pub use retired::Holding;
pub use revocation::{Buried, Revocation, Stored};
pub use store::{Expected, Saved, Store};
pub use ticks::{Rotation, RotationBegin};
pub use tombstone::{Replaced, Tombstone, TombstoneId};
pub use trouble::Trouble;
pub use walk::{Cursor, Held, Scope};
