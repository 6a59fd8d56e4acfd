//! Records as earlier versions wrote them: every format number ever written must stay readable.
//!
//! As Redis had them: index key 32 bytes of 7, sealing key the bytes 0 to 31. A file is never changed; a new format gets
//! a file of its own.

use std::collections::HashMap;
use std::sync::Arc;

use base64::{Engine, prelude::BASE64_STANDARD};
use sealpost_schemas::{Code, Connection, Name, ProviderId};
use secrecy::ExposeSecret;
use serde::Deserialize;

use super::locate::{Locator, RecordId};
use super::record::{Custody, Draft, Record, State};
use super::{RecordError, fields, park};
use crate::keys::IndexKey;
use crate::seal::{Key, RecordKey};

#[derive(Deserialize)]
pub(super) struct Golden {
    record: String,
    fields: HashMap<String, String>,
}

/// The record in each format, the oldest first.
pub(super) fn golden() -> [Golden; 2] {
    [include_str!("golden/record-1.json"), include_str!("golden/record-2.json")]
        .map(|text| serde_json::from_str(text).unwrap())
}

/// As Redis answers: the ciphertext is bytes, everything else text.
pub(super) fn hash(golden: &Golden) -> HashMap<String, Vec<u8>> {
    let bytes = |name: &str, text: &str| match name {
        "sealed" => BASE64_STANDARD.decode(text).unwrap(),
        _ => text.into(),
    };
    golden.fields.iter().map(|(name, text)| (name.clone(), bytes(name, text))).collect()
}

pub(super) fn connection() -> Connection {
    let name = |text| Name::new(text).unwrap();
    let provider = ProviderId::new("gitea").unwrap();
    Connection { tenant: name("acme"), user: name("u-42"), provider, label: name("default") }
}

pub(super) fn locator() -> Locator {
    Locator::new(Arc::new(IndexKey::from_bytes(&[7; IndexKey::LEN])), 256)
}

pub(super) fn key() -> Key {
    Key::from_bytes(&std::array::from_fn(|number| u8::try_from(number).unwrap()))
}

/// As HMGET answers.
pub(super) fn values(hash: &HashMap<String, Vec<u8>>) -> fields::Values {
    fields::NAMES.iter().map(|&name| hash.get(name).cloned()).collect()
}

fn read(golden: &Golden) -> Record {
    fields::read(locator().locate(&connection()), values(&hash(golden))).unwrap().unwrap()
}

fn newest() -> Golden {
    let [.., newest] = golden();
    newest
}

#[test]
fn a_record_of_every_format_is_found_by_its_name_and_read() {
    for golden in golden() {
        assert_eq!(locator().locate(&connection()).to_string(), golden.record);
        let record = read(&golden);
        assert_eq!(record.tags, locator().tags(&connection()));
        assert_eq!(record.key().to_string(), "key sealpost-records, version 4387e9f3d6e14c459867679a90fd0f79");
        let data = &record.metadata;
        assert_eq!((data.standing.state, data.standing.code), (State::NeedsConsent, Some(Code::InvalidGrant)));
        assert_eq!(data.custody, Custody::Vault);
        assert_eq!(data.scopes, ["write:issue", "with space"]);
        assert_eq!(data.next_due.unwrap().as_millisecond(), 1_760_007_200_000);
        assert_eq!(data.marker.unwrap().at.as_millisecond(), 1_760_000_002_000);
        assert_eq!(data.superseded, [[1; 32], [2; 32]]);

        let content = record.open(&key()).unwrap();
        assert_eq!(content.connection, connection());
        assert_eq!(content.subject.unwrap().name.as_deref(), Some("ada"));
        assert_eq!(content.tokens.refresh_token.unwrap().expose_secret(), "refresh-1");
    }
}

#[test]
fn format_1_knew_no_hash_of_its_refresh_token() {
    let [first, second] = golden();
    assert_eq!(read(&first).token, None);
    assert_eq!(read(&second).token, Some(locator().refresh_token(b"refresh-1")));
}

#[test]
fn what_is_written_now_is_format_2() {
    let stored = hash(&newest());
    let Record { id, tags, metadata, token, sealed, .. } = read(&newest());
    let draft = Draft { id, tags, metadata, token, sealed, epoch: None, park: None, replaces: None };
    let mut written: HashMap<_, _> =
        fields::of_draft(&draft).into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    // The script writes these.
    for name in ["revision", "write"] {
        written.insert(name.into(), stored[name].clone());
    }
    assert_eq!(written, stored);
}

#[test]
fn a_park_of_every_format_is_read_and_opens_in_its_place_alone() {
    let golden: Golden = serde_json::from_str(include_str!("golden/park-1.json")).unwrap();
    let (id, stored) = (locator().locate(&connection()), hash(&golden));
    assert_eq!(id.to_string(), golden.record);
    let values =
        |stored: &HashMap<String, Vec<u8>>| park::NAMES.iter().map(|&name| stored.get(name).cloned()).collect();
    let park = park::read(id, (values(&stored), 1_760_000_000_000)).unwrap().unwrap();
    assert_eq!((park.tags, park.exchange), (locator().tags(&connection()), true));
    assert_eq!(park.generation.to_string(), "01a20539-d082-749f-9b08-f6d6517e9aa5");
    assert_eq!(park.from, [[1; 32], [2; 32]]);
    assert_eq!((park.until.as_millisecond(), park.is_over()), (1_760_604_800_000, false));
    let content = park.open(&key()).unwrap();
    assert_eq!(content.connection, connection());
    assert_eq!(content.tokens.access_token.unwrap().expose_secret(), "access-1");
    assert_eq!(content.tokens.refresh_token.unwrap().expose_secret(), "refresh-1");
    assert_eq!(content.tokens.id_token.unwrap().expose_secret(), "id-1");
    assert_eq!(content.device.access, [[3; 32]]);
    assert_eq!(content.device.reply_key.as_deref(), Some("{}"));
    // what is written now is that too
    let written: HashMap<_, _> =
        park::fields(park.generation, &park.tags, true, park.key(), stored["sealed"].clone()).into_iter().collect();
    assert!(written.iter().all(|(name, value)| stored[*name] == *value), "{written:?}");
    assert_eq!(written.len() + 2, stored.len(), "the script writes the others");
    // and elsewhere it is nothing
    let other = RecordId { key: RecordKey::from_bytes([9; 32]), ..id };
    let moved = park::read(other, (values(&stored), 0)).unwrap().unwrap();
    assert_eq!(moved.open(&key()).unwrap_err().code(), Code::Quarantined);
    let mut newer = stored.clone();
    newer.insert("format".into(), b"2".to_vec());
    assert_eq!(park::read(id, (values(&newer), 0)).unwrap_err(), RecordError::UnknownFormat(2));
    newer.remove("format");
    assert!(park::read(id, (values(&newer), 0)).unwrap().is_none());
    newer.insert("format".into(), b"1".to_vec());
    newer.remove("from");
    assert_eq!(park::read(id, (values(&newer), 0)).unwrap_err(), RecordError::Malformed("park"));
}

#[test]
fn a_newer_format_is_not_read_and_nothing_is_no_record() {
    let id = locator().locate(&connection());
    let mut newer = hash(&newest());
    newer.insert("format".into(), b"3".to_vec());
    newer.remove("custody");
    assert_eq!(fields::read(id, values(&newer)).unwrap_err(), RecordError::UnknownFormat(3));
    assert!(fields::read(id, values(&HashMap::new())).unwrap().is_none());
}

#[test]
fn a_record_and_its_content_print_no_token() {
    let record = read(&newest());
    let printed = format!("{record:?} {:?}", record.open(&key()).unwrap());
    assert!(printed.contains("u-42"), "the content was printed");
    assert!(!printed.contains("access-1") && !printed.contains("refresh-1"), "{printed}");
    assert!(format!("{record:?}").len() < 2000, "a ciphertext is told by its length");
}
