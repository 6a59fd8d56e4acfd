//! Sealing: XAES-256-GCM bound to one place, in the byte format of `schemas/sealed.md`.
//!
//! Owns the format, the binding and the names of keys; it is the only place that uses an AES crate. It refuses
//! to choose a key (that is [`crate::keys`]) and to know what it seals.
//!
//! A ciphertext opens only with the key, and in the place, it was made for: purpose, record, key id and concrete
//! key version are associated data. What this does **not** protect:
//!
//! - *Rollback*: an older ciphertext of the same place and key version opens, since it was made for that place.
//! - *Sizes*: a ciphertext is [`OVERHEAD`] bytes longer than its plaintext, and nothing is padded.
//! - *Existence*: who can write the store can delete a record; sealing cannot tell.
//! - *Key commitment*: XAES-256-GCM does not commit to its key; nothing here tries several keys on one ciphertext.

mod aead;
#[cfg(test)]
mod c2sp;
mod key;
mod name;
mod place;
#[cfg(test)]
mod vectors;

pub use aead::{OVERHEAD, OpenError, SealError, open, seal};
pub use key::{Key, KeyRef};
pub use name::{KeyId, KeyVersion, NameError};
pub use place::{Place, Purpose, RecordKey};
