//! The known-answer vectors of `schemas/vectors/sealed.json`: what they are made of, and that both sides hold them.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::aead::{NONCE_LEN, OpenError, open_with, seal_with};
use super::place::associated_data;
use super::{Key, KeyRef, RecordKey};
use crate::known_answers::{assert_made, assert_once, committed};

const FILE: &str = "sealed.json";

/// What a reader is given, and what must come of it. Bytes are in hex.
#[derive(Clone, Serialize, Deserialize)]
struct Vector {
    name: String,
    key: String,
    purpose: String,
    record: String,
    key_id: String,
    key_version: String,
    associated_data: String,
    sealed: String,
    result: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    plain: Option<String>,
}

/// Bytes that look random and are the same in every run.
fn bytes(of: &str) -> [u8; 32] {
    Sha256::digest(format!("sealpost vector, {of}")).into()
}

fn bytes_of<const N: usize>(text: &str) -> [u8; N] {
    hex::decode(text).unwrap().try_into().unwrap()
}

impl Vector {
    /// A vector that opens.
    fn good(name: &str, plain: &[u8]) -> Self {
        Self::good_under("key", name, plain)
    }

    fn good_under(key: &str, name: &str, plain: &[u8]) -> Self {
        Self::good_for("record", key, name, plain)
    }

    fn good_for(purpose: &str, key: &str, name: &str, plain: &[u8]) -> Self {
        let mut vector = Self {
            name: name.to_owned(),
            key: hex::encode(bytes(key)),
            purpose: purpose.to_owned(),
            record: hex::encode(bytes("record")),
            key_id: "sealpost-records".to_owned(),
            key_version: "4387e9f3d6e14c459867679a90fd0f79".to_owned(),
            associated_data: String::new(),
            sealed: String::new(),
            result: "opens".to_owned(),
            plain: Some(hex::encode(plain)),
        };
        vector.associated_data = hex::encode(vector.bound());
        // Each its own nonce, as it must be; fixed ones are allowed here because these keys seal nothing else.
        let nonce: [u8; NONCE_LEN] = *bytes(name).first_chunk().unwrap();
        let key = Key::from_bytes(&bytes_of(&vector.key));
        vector.sealed = hex::encode(seal_with(&key, &nonce, &vector.bound(), plain).unwrap());
        vector
    }

    /// The same, changed so that it does not open. Its associated data are what a reader of the changed one computes.
    fn spoilt(&self, name: &str, result: &str, spoil: impl FnOnce(&mut Self)) -> Self {
        let mut vector = Self { name: name.to_owned(), result: result.to_owned(), plain: None, ..self.clone() };
        spoil(&mut vector);
        vector.associated_data = hex::encode(vector.bound());
        vector
    }

    fn sealed_spoilt(&self, name: &str, result: &str, spoil: impl FnOnce(&mut Vec<u8>)) -> Self {
        self.spoilt(name, result, |vector| {
            let mut sealed = hex::decode(&vector.sealed).unwrap();
            spoil(&mut sealed);
            vector.sealed = hex::encode(sealed);
        })
    }

    fn bound(&self) -> Vec<u8> {
        let key = KeyRef { id: self.key_id.parse().unwrap(), version: self.key_version.parse().unwrap() };
        associated_data(&self.purpose, &RecordKey::from_bytes(bytes_of(&self.record)), &key)
    }
}

fn made() -> Vec<Vector> {
    let good = Vector::good("a short text", b"a refresh token would stand here");
    let len = good.sealed.len() / 2;
    let ledger = Vector::good_for("ledger", "key", "a result in a ledger", b"a result would stand here");
    let mut vectors = vec![
        Vector::good("nothing", b""),
        Vector::good("one byte", &[0]),
        Vector::good("1 KiB", &bytes("1 KiB").repeat(32)),
        Vector::good("unicode", "Grüße, 你好, 👋🏽, e\u{301}".as_bytes()),
        Vector::good_under("key 4", "a key whose L begins with a 1", b"K1 takes the other way"),
        ledger.spoilt("a ledger's result as a record", "tag-mismatch", |v| v.purpose = "record".to_owned()),
        good.spoilt("a record as a ledger's result", "tag-mismatch", |v| v.purpose = "ledger".to_owned()),
        good.spoilt("a record as a tombstone", "tag-mismatch", |v| v.purpose = "tombstone".to_owned()),
        good.spoilt("a record as a park", "tag-mismatch", |v| v.purpose = "park".to_owned()),
        good.spoilt("another record", "tag-mismatch", |v| v.record = hex::encode(bytes("another record"))),
        good.spoilt("another purpose", "tag-mismatch", |v| v.purpose = "another".to_owned()),
        good.spoilt("no purpose", "tag-mismatch", |v| v.purpose.clear()),
        good.spoilt("another key id", "tag-mismatch", |v| v.key_id = "sealpost-wires".to_owned()),
        good.spoilt("key id in capitals", "tag-mismatch", |v| v.key_id = "Sealpost-Records".to_owned()),
        good.spoilt("another key version", "tag-mismatch", |v| v.key_version = "4387e9f3d6e14c45".to_owned()),
        good.spoilt("key id and version, cut elsewhere", "tag-mismatch", |v| {
            v.key_version.insert(0, v.key_id.pop().unwrap());
        }),
        good.spoilt("another key", "tag-mismatch", |v| v.key = hex::encode(bytes("another key"))),
        good.sealed_spoilt("first half of the nonce flipped", "tag-mismatch", |s| s[1] ^= 1),
        good.sealed_spoilt("second half of the nonce flipped", "tag-mismatch", |s| s[24] ^= 0x80),
        good.sealed_spoilt("ciphertext flipped", "tag-mismatch", |s| s[25] ^= 1),
        good.sealed_spoilt("tag flipped", "tag-mismatch", |s| s[len - 1] ^= 1),
        good.sealed_spoilt("last byte missing", "tag-mismatch", |s| s.truncate(len - 1)),
        good.sealed_spoilt("cut to an empty ciphertext", "tag-mismatch", |s| s.truncate(41)),
        good.sealed_spoilt("one byte more", "tag-mismatch", |s| s.push(0)),
        good.sealed_spoilt("cut in the tag", "truncated", |s| s.truncate(40)),
        good.sealed_spoilt("cut after the nonce", "truncated", |s| s.truncate(25)),
        good.sealed_spoilt("cut in the nonce", "truncated", |s| s.truncate(24)),
        good.sealed_spoilt("format byte alone", "truncated", |s| s.truncate(1)),
        good.sealed_spoilt("no bytes", "truncated", Vec::clear),
        good.sealed_spoilt("format 0", "unknown-format", |s| s[0] = 0),
        good.sealed_spoilt("format 2", "unknown-format", |s| s[0] = 2),
        good.sealed_spoilt("format 255, and too short", "unknown-format", |s| *s = vec![255]),
    ];
    vectors.insert(0, good);
    vectors.insert(1, ledger);
    vectors
}

#[test]
fn the_committed_vectors_are_what_the_code_makes() {
    let about = "Known answers for sealed.md. Made by the code; bytes in hex; every vector must give its result.";
    assert_made(FILE, about, &made());
}

#[test]
fn every_committed_vector_gives_its_result() {
    for vector in committed::<Vector>(FILE) {
        let key = Key::from_bytes(&bytes_of(&vector.key));
        assert_eq!(hex::encode(vector.bound()), vector.associated_data, "{}", vector.name);
        let sealed = hex::decode(&vector.sealed).unwrap();
        let (result, plain) = match open_with(&key, &vector.bound(), &sealed) {
            Ok(plain) => ("opens", Some(hex::encode(&*plain))),
            Err(OpenError::UnknownFormat(first)) if first == sealed[0] => ("unknown-format", None),
            Err(OpenError::Truncated { len }) if len == sealed.len() => ("truncated", None),
            Err(OpenError::TagMismatch) => ("tag-mismatch", None),
            Err(wrong) => panic!("{}: {wrong}", vector.name),
        };
        assert_eq!((result, plain), (vector.result.as_str(), vector.plain), "{}", vector.name);
    }
}

#[test]
fn no_name_and_no_case_is_there_twice() {
    let vectors = committed::<Vector>(FILE);
    assert_once(vectors.iter().map(|vector| &vector.name));
    assert_once(vectors.iter().map(|vector| (&vector.key, &vector.associated_data, &vector.sealed)));
}
