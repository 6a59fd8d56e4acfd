//! The place a ciphertext belongs to, and the associated data that binds it there.

use std::fmt;

use super::aead::FORMAT;
use super::key::KeyRef;

macro_rules! purposes {
    ($($variant:ident = $name:literal: $sentence:literal,)+) => {
        /// What a sealed value is for. The wire names are part of every ciphertext: they never change.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Purpose { $(#[doc = $sentence] $variant,)+ }

        impl Purpose {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The name that goes into the associated data.
            #[must_use]
            pub const fn wire_name(self) -> &'static str { match self { $(Self::$variant => $name,)+ } }
        }
    };
}

purposes! {
    Record = "record": "The token set and connection of a token record.",
    Ledger = "ledger": "The result that a ledger entry repeats.",
    Tombstone = "tombstone": "A token set that is to be revoked, and belongs to no record any more.",
    Park = "park": "A token set that waits for its user's device.",
}

/// The 32 bytes a record or a ledger entry is stored under: a keyed hash, so not itself a secret.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordKey([u8; 32]);

impl RecordKey {
    /// Takes the keyed hash as it is.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The keyed hash.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// In hex, as in Redis and in logs.
impl fmt::Display for RecordKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; 64];
        hex::encode_to_slice(self.0, &mut text).map_err(|_| fmt::Error)?;
        f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for RecordKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecordKey({self})")
    }
}

/// Where a ciphertext belongs. In any other place it does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// What the value is for.
    pub purpose: Purpose,
    /// The record that holds it.
    pub record: RecordKey,
}

/// Keeps our associated data apart from that of any other use of the same key.
const DOMAIN: &[u8] = b"sealpost sealed value";

/// Six fields, each after its length: no two places have the same bytes, whatever the fields contain.
///
/// The purpose is text here, so that the vectors can try purposes that do not exist.
pub(super) fn associated_data(purpose: &str, record: &RecordKey, key: &KeyRef) -> Vec<u8> {
    let fields = [
        DOMAIN,
        &[FORMAT],
        purpose.as_bytes(),
        record.as_bytes(),
        key.id.as_str().as_bytes(),
        key.version.as_str().as_bytes(),
    ];
    let mut data = Vec::with_capacity(fields.iter().map(|field| 8 + field.len()).sum());
    for field in fields {
        data.extend_from_slice(&(field.len() as u64).to_be_bytes());
        data.extend_from_slice(field);
    }
    data
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bound(purpose: &str, record: u8, id: &str, version: &str) -> Vec<u8> {
        let key = KeyRef { id: id.parse().unwrap(), version: version.parse().unwrap() };
        associated_data(purpose, &RecordKey::from_bytes([record; 32]), &key)
    }

    #[test]
    fn no_two_places_have_the_same_associated_data() {
        let places = [
            bound("record", 1, "ab", "c"),
            bound("record", 1, "a", "bc"),
            bound("record", 2, "ab", "c"),
            bound("recor", 1, "ab", "c"),
            bound("record", 1, "ab", "d"),
            bound("record", 1, "c", "ab"),
        ];
        for (i, one) in places.iter().enumerate() {
            assert!(places[i + 1..].iter().all(|other| other != one), "place {i} is not alone");
        }
    }

    #[test]
    fn the_wire_names_stay() {
        assert_eq!(Purpose::Record.wire_name(), "record");
        assert_eq!(Purpose::Ledger.wire_name(), "ledger");
        assert_eq!(Purpose::Tombstone.wire_name(), "tombstone");
        assert_eq!(Purpose::Park.wire_name(), "park");
    }
}
