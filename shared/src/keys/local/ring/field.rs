//! How single fields of a keyring file are read and written.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};
use serde::ser::Serializer;
use zeroize::Zeroizing;

use super::Entry;
use crate::keys::{IndexKey, value};
use crate::seal::Key;

/// The format this program reads and writes.
pub(super) const FORMAT: u32 = 1;

pub(super) fn format<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    match u32::deserialize(from)? {
        FORMAT => Ok(FORMAT),
        other => Err(D::Error::custom(format_args!("not a known format: {other}, this program knows {FORMAT}"))),
    }
}

pub(super) fn created<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
    // jiff's own message quotes the text.
    Timestamp::deserialize(from).map_err(|_| D::Error::custom("not a time: expected RFC 3339, 2026-11-22T12:00:00Z"))
}

pub(super) fn index_key<'de, D: Deserializer<'de>>(from: D) -> Result<Arc<IndexKey>, D::Error> {
    Ok(Arc::new(IndexKey::from_bytes(&*from.deserialize_str(KeyBytes)?)))
}

pub(super) fn key<'de, D: Deserializer<'de>>(from: D) -> Result<Arc<Key>, D::Error> {
    Ok(Arc::new(Key::from_bytes(&*from.deserialize_str(KeyBytes)?)))
}

pub(super) fn write_index_key<S: Serializer>(key: &IndexKey, to: S) -> Result<S::Ok, S::Error> {
    write(key.bytes(), to)
}

pub(super) fn write_key<S: Serializer>(key: &Key, to: S) -> Result<S::Ok, S::Error> {
    write(key.bytes(), to)
}

fn write<S: Serializer>(bytes: &[u8; 32], to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&value::write(bytes))
}

/// Reads 32 bytes of base64 straight out of the file's text.
struct KeyBytes;

impl Visitor<'_> for KeyBytes {
    type Value = Zeroizing<[u8; 32]>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("32 bytes in base64")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        value::read(text).ok_or_else(|| E::custom("not a key: expected 32 bytes in base64, 44 characters"))
    }
}

/// The list of versions, each of them once.
pub(super) fn versions<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Entry>, D::Error> {
    struct Versions;
    impl<'de> Visitor<'de> for Versions {
        type Value = Vec<Entry>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list of versions")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            let mut versions: Vec<Entry> = Vec::new();
            while let Some(entry) = list.next_element::<Entry>()? {
                if versions.iter().any(|earlier| earlier.is(&entry)) {
                    return Err(A::Error::custom("not a new version: the same id and version stand further up"));
                }
                versions.push(entry);
            }
            Ok(versions)
        }
    }
    from.deserialize_seq(Versions)
}
