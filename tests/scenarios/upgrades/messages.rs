//! Every message of every release is read by the types of this one.

use sealpost_schemas::codec::Encoding;
use sealpost_schemas::generated;
use serde_json::Value;

use super::golden::{advice, present, releases, says_the_same};
use crate::contract::{Kind, kinds};

/// The message type of a golden file, as in `publish-job.v1` before its second dot.
fn kind<'a>(kinds: &'a [Kind], file: &str) -> Option<&'a Kind> {
    kinds.iter().find(|kind| file.starts_with(&format!("{}.", kind.type_name)))
}

#[test]
fn every_message_of_every_release_is_read_and_written_again_with_all_that_it_said() {
    let kinds = kinds();
    for release in releases() {
        let files = release.files("messages");
        for name in files.iter().filter_map(|file| file.strip_suffix(".json")) {
            let (file, path) = (format!("{name}.json"), format!("messages/{name}.json"));
            let kind =
                kind(&kinds, &file).unwrap_or_else(|| panic!("nothing reads {path} of {} any more", release.name));
            let then = release.json(&path);
            let packed = release.bytes(&format!("messages/{name}.msgpack"));
            for (encoding, body) in [(Encoding::Json, release.bytes(&path)), (Encoding::MessagePack, packed)] {
                let read = (kind.reread)(encoding, &body);
                let read =
                    read.unwrap_or_else(|problem| panic!("{path} of {} in {encoding:?}: {problem}", release.name));
                let json: Value = serde_json::from_slice(&read.json).unwrap();
                let messagepack: Value = rmp_serde::from_slice(&read.messagepack).unwrap();
                for now in [json, messagepack] {
                    says_the_same(&then, &now)
                        .unwrap_or_else(|problem| panic!("{path} of {} in {encoding:?}: {problem}", release.name));
                }
            }
        }
    }
}

#[test]
fn no_kind_of_message_of_this_release_is_without_a_golden_file() {
    let files = present().files("messages");
    for (schema, _) in generated::schemas() {
        let type_name = schema.trim_end_matches("schema.json");
        assert!(files.iter().any(|file| file.starts_with(type_name)), "{type_name}*: {}", advice());
    }
    let kinds = kinds();
    for (name, _) in kinds.iter().flat_map(|kind| &kind.examples) {
        assert!(files.contains(name), "{name}: {}", advice());
    }
}
