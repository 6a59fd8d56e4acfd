//! What is generated from the catalogue's types: the JSON Schema of `providers.toml`, committed beside the messages'.

use std::{env, fs, path::Path};

use super::Catalogue;

/// Run with `SEALPOST_WRITE_GENERATED=1` to write the file anew.
#[test]
fn the_committed_schema_of_the_catalogue_is_what_its_types_say() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas/providers.schema.json");
    let text = serde_json::to_string_pretty(&Catalogue::schema()).unwrap() + "\n";
    if env::var_os("SEALPOST_WRITE_GENERATED").is_some() {
        fs::write(&file, &text).unwrap();
    }
    let committed = fs::read_to_string(&file).unwrap_or_default();
    assert!(committed == text, "providers.schema.json is not what the types say: run `make generated` and commit it");
}
