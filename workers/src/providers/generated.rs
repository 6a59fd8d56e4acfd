//! What is generated from the types of configuration: the JSON Schemas of `providers.toml`, `gateways.toml` and `texts.toml`,
//! committed beside the messages'.

use std::{env, fs, path::Path};

use serde_json::Value;

use super::{Catalogue, Gateways};

/// Writes the file anew with `SEALPOST_WRITE_GENERATED=1`.
fn is_committed(name: &str, schema: &Value) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas").join(name);
    let text = serde_json::to_string_pretty(schema).unwrap() + "\n";
    if env::var_os("SEALPOST_WRITE_GENERATED").is_some() {
        fs::write(&file, &text).unwrap();
    }
    let committed = fs::read_to_string(&file).unwrap_or_default();
    assert!(committed == text, "{name} is not what the types say: run `make generated` and commit it");
}

#[test]
fn the_committed_schema_of_the_catalogue_is_what_its_types_say() {
    is_committed("providers.schema.json", &Catalogue::schema());
}

#[test]
fn the_committed_schema_of_the_gateways_is_what_their_types_say() {
    is_committed("gateways.schema.json", &Gateways::schema());
}

#[test]
fn the_committed_schema_of_the_texts_is_what_their_types_say() {
    is_committed("texts.schema.json", &crate::notify::Texts::schema());
}
