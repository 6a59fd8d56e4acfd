//! The contract in the hands of somebody who has only `schemas/`: what a schema accepts the types read, and what they
//! write it accepts.

use std::fs;
use std::path::Path;

use jsonschema::Validator;
use sealpost_schemas::codec::{Encoding, decode};
use sealpost_schemas::events::{
    ConnectionNeedsConsent, ConnectionQuarantined, ConnectionRefreshed, JobDeadLettered, KeyEmpty, RotationDone,
    RotationShardDone,
};
use sealpost_schemas::generated;
use sealpost_schemas::{
    ConnectionQuery, ConnectionStatus, ExchangeRequest, ExchangeResult, Message, Notice, PublishJob, PublishResult,
    RevocationRequest, RevocationResult, RevocationShard, RotationShard, RotationTick,
};
use serde_json::{Value, json};

const SCHEMAS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../schemas");

/// A message of the contract, as its files tell it and as its type does.
pub(crate) struct Kind {
    pub(crate) type_name: String,
    schema: Value,
    validator: Validator,
    /// File name and content.
    pub(crate) examples: Vec<(String, Value)>,
    pub(crate) reread: fn(Encoding, &[u8]) -> Result<Reread, String>,
}

/// What the type made of a body: unknown fields, and the body in both encodings.
pub(crate) struct Reread {
    unknown_fields: usize,
    pub(crate) json: Vec<u8>,
    pub(crate) messagepack: Vec<u8>,
}

pub(crate) fn kinds() -> Vec<Kind> {
    vec![
        kind::<ExchangeRequest>(),
        kind::<ExchangeResult>(),
        kind::<PublishJob>(),
        kind::<PublishResult>(),
        kind::<Notice>(),
        kind::<RotationTick>(),
        kind::<RotationShard>(),
        kind::<RevocationRequest>(),
        kind::<RevocationShard>(),
        kind::<RevocationResult>(),
        kind::<ConnectionQuery>(),
        kind::<ConnectionStatus>(),
        kind::<ConnectionNeedsConsent>(),
        kind::<ConnectionRefreshed>(),
        kind::<ConnectionQuarantined>(),
        kind::<RotationShardDone>(),
        kind::<RotationDone>(),
        kind::<KeyEmpty>(),
        kind::<JobDeadLettered>(),
    ]
}

fn kind<M: Message>() -> Kind {
    let type_name = M::type_name();
    let schema = read(&Path::new(SCHEMAS).join(format!("{type_name}.schema.json")));
    let validator = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
    let prefix = format!("{type_name}.");
    let examples = names("examples").into_iter().filter(|name| name.starts_with(&prefix));
    let examples = examples.map(|name| (name.clone(), read(&Path::new(SCHEMAS).join("examples").join(name))));
    Kind { type_name, schema, validator, examples: examples.collect(), reread: reread::<M> }
}

fn reread<M: Message>(encoding: Encoding, body: &[u8]) -> Result<Reread, String> {
    let decoded = decode::<M>(encoding, body).map_err(|error| error.to_string())?;
    let written = |encoding: Encoding| encoding.encode(&decoded.message);
    let (json, messagepack) = (written(Encoding::Json)?, written(Encoding::MessagePack)?);
    Ok(Reread { unknown_fields: decoded.unknown_fields, json, messagepack })
}

/// Whether unknown fields are refused, and not ignored: a misspelt one would mean something else.
fn is_strict(kind: &Kind) -> bool {
    kind.schema["additionalProperties"] == json!(false)
}

fn names(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(Path::new(SCHEMAS).join(folder)).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn read(file: &Path) -> Value {
    let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// What the type must write for a body: the body, and the defaults that the schema promises for what it leaves out.
fn with_defaults(schema: &Value, body: &Value) -> Value {
    let mut full = body.clone();
    for (field, property) in schema["properties"].as_object().unwrap() {
        match property.get("default") {
            Some(default) if !default.is_null() && body.get(field).is_none() => full[field] = default.clone(),
            _ => {}
        }
    }
    full
}

/// Both must refuse it. Returns the type's words.
fn refused(kind: &Kind, body: &Value, what: &str) -> String {
    assert!(!kind.validator.is_valid(body), "the schema of {} accepts {what}", kind.type_name);
    let problems = [Encoding::Json, Encoding::MessagePack].map(|encoding| {
        let read = (kind.reread)(encoding, &encoding.encode(body).unwrap());
        read.err().unwrap_or_else(|| panic!("the type of {} reads {what}", kind.type_name))
    });
    assert_eq!(problems[0], problems[1], "{what}: one error in both encodings");
    problems.into_iter().next().unwrap()
}

#[test]
fn every_schema_has_a_type_and_examples_and_every_example_a_schema() {
    let kinds = kinds();
    // those of configuration are no messages
    for name in names(".").into_iter().filter(|name| !generated::OTHERS.contains(&name.as_str())) {
        if let Some(type_name) = name.strip_suffix(".schema.json") {
            assert!(kinds.iter().any(|kind| kind.type_name == type_name), "{name} is not tested here");
        }
    }
    let examples = names("examples");
    assert_eq!(kinds.iter().map(|kind| kind.examples.len()).sum::<usize>(), examples.len(), "{examples:?}");
    for kind in kinds {
        assert!(!kind.examples.is_empty(), "{} has no example", kind.type_name);
    }
}

#[test]
fn every_tag_outcome_and_mode_is_in_an_example() {
    for mut kind in kinds() {
        // Failure codes are many and all alike.
        if let Some(definitions) = kind.schema.get_mut("$defs").and_then(Value::as_object_mut) {
            definitions.shift_remove("Code");
        }
        let mut words = Vec::new();
        constants(&kind.schema, &mut words);
        for word in words {
            let shown = kind.examples.iter().any(|(_, body)| mentions(body, &word));
            assert!(shown, "no example of {} shows {word:?}", kind.type_name);
        }
    }
}

fn constants(schema: &Value, found: &mut Vec<String>) {
    match schema {
        Value::Object(fields) => {
            found.extend(fields.get("const").and_then(Value::as_str).map(str::to_owned));
            fields.values().for_each(|value| constants(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| constants(value, found)),
        _ => {}
    }
}

fn mentions(body: &Value, word: &str) -> bool {
    match body {
        Value::String(text) => text == word,
        Value::Object(fields) => fields.values().any(|value| mentions(value, word)),
        Value::Array(items) => items.iter().any(|value| mentions(value, word)),
        _ => false,
    }
}

#[test]
fn a_schema_accepts_its_examples_and_the_type_reads_them_and_writes_them_again() {
    for kind in kinds() {
        for (name, body) in &kind.examples {
            let problems: Vec<_> = kind.validator.iter_errors(body).map(|error| error.to_string()).collect();
            assert!(problems.is_empty(), "{name}: {problems:?}");
            let expected = with_defaults(&kind.schema, body);
            for encoding in [Encoding::Json, Encoding::MessagePack] {
                let read = (kind.reread)(encoding, &encoding.encode(body).unwrap());
                let read = read.unwrap_or_else(|problem| panic!("{name} in {encoding:?}: {problem}"));
                assert_eq!(read.unknown_fields, 0, "{name}: fields that the type does not know");
                let json: Value = serde_json::from_slice(&read.json).unwrap();
                let messagepack: Value = rmp_serde::from_slice(&read.messagepack).unwrap();
                assert_eq!(json, expected, "{name} read from {encoding:?}, written as JSON");
                assert_eq!(messagepack, expected, "{name} read from {encoding:?}, written as MessagePack");
                assert!(kind.validator.is_valid(&json), "{name}: the schema refuses what the type writes");
            }
        }
    }
}

#[test]
fn a_field_that_a_newer_producer_sends_is_ignored_and_counted() {
    for kind in kinds().into_iter().filter(|kind| !is_strict(kind)) {
        let (name, mut body) = kind.examples[0].clone();
        body["sent_by_a_newer_producer"] = json!({"deep": [1]});
        assert!(kind.validator.is_valid(&body), "{name}");
        let read = (kind.reread)(Encoding::Json, body.to_string().as_bytes());
        assert_eq!(read.unwrap_or_else(|problem| panic!("{name}: {problem}")).unknown_fields, 1, "{name}");
    }
}

#[test]
fn of_a_revocation_every_field_counts_and_none_is_passed_over() {
    let strict: Vec<_> = kinds().into_iter().filter(is_strict).collect();
    assert_eq!(strict.iter().map(|kind| kind.type_name.as_str()).collect::<Vec<_>>(), ["revocation-request.v1"]);
    for kind in strict {
        for (name, body) in &kind.examples {
            for field in body.as_object().unwrap().keys() {
                let mut without = body.clone();
                let value = without.as_object_mut().unwrap().shift_remove(field).unwrap();
                assert!(refused(&kind, &without, &format!("{name} without {field}")).contains(field.as_str()));
                without[format!("{field}s")] = value;
                refused(&kind, &without, &format!("{name} with a misspelt {field}"));
                let mut null = body.clone();
                null[field] = Value::Null;
                refused(&kind, &null, &format!("{name} with no {field}"));
            }
            let mut more = body.clone();
            for (field, value) in [("colour", json!("blue")), ("user", json!("u-42")), ("tenants", json!(["acme"]))] {
                more[field] = value;
                refused(&kind, &more, &format!("{name} with {field}"));
                more.as_object_mut().unwrap().shift_remove(field);
            }
            if body.get("owner").is_some() {
                more["owner"]["users"] = json!(["u-42"]);
                refused(&kind, &more, &format!("{name} with owner.users"));
            }
        }
        // the fields of one scope are none of another
        for (_, one) in &kind.examples {
            for (_, other) in &kind.examples {
                let mut mixed = one.clone();
                mixed["scope"] = other["scope"].clone();
                if mixed != *one {
                    refused(&kind, &mixed, &mixed.to_string());
                }
            }
        }
    }
}

#[test]
fn a_field_that_the_schema_does_not_require_may_be_left_out() {
    for kind in kinds().into_iter().filter(|kind| !is_strict(kind)) {
        let required = kind.schema["required"].as_array().unwrap();
        for (name, body) in &kind.examples {
            for field in body.as_object().unwrap().keys().filter(|&field| !required.contains(&json!(field))) {
                let mut without = body.clone();
                without.as_object_mut().unwrap().shift_remove(field);
                assert!(kind.validator.is_valid(&without), "{name} without {field}");
                let read = (kind.reread)(Encoding::Json, without.to_string().as_bytes());
                let read = read.unwrap_or_else(|problem| panic!("{name} without {field}: {problem}"));
                let written: Value = serde_json::from_slice(&read.json).unwrap();
                assert_eq!(written, with_defaults(&kind.schema, &without), "{name} without {field}");
            }
        }
    }
}

#[test]
fn a_missing_field_and_one_of_a_wrong_type_are_refused_by_schema_and_type_alike() {
    for kind in kinds() {
        for (name, body) in &kind.examples {
            for field in kind.schema["required"].as_array().unwrap() {
                let mut without = body.clone();
                let field = field.as_str().unwrap();
                without.as_object_mut().unwrap().shift_remove(field);
                let problem = refused(&kind, &without, &format!("{name} without {field}"));
                assert!(problem.contains(field), "{name} without {field}: {problem}");
            }
            for field in body.as_object().unwrap().keys().filter(|&field| field != "reply_key") {
                // An array in an array is nowhere right, except in a key, which is any JSON.
                let mut wrong = body.clone();
                wrong[field] = json!([[]]);
                let problem = refused(&kind, &wrong, &format!("{name} with a wrong {field}"));
                assert!(problem.contains(field), "{name} with a wrong {field}: {problem}");
            }
        }
        for body in [json!(null), json!([]), json!("text"), json!({})] {
            refused(&kind, &body, &body.to_string());
        }
    }
}

#[test]
fn a_wrong_value_deep_inside_is_refused_by_schema_and_type_alike() {
    let wrong = [
        ("exchange-request.v1.least", "/id", json!("request-1")),
        ("exchange-request.v1.least", "/owner/tenant", json!("")),
        ("exchange-request.v1.least", "/owner/user", json!("u".repeat(257))),
        ("exchange-request.v1.least", "/provider", json!("Gitea")),
        ("exchange-request.v1.least", "/grant/type", json!("password")),
        ("exchange-request.v1.least", "/grant", json!({"type": "authorization_code", "code": "c"})),
        ("exchange-request.v1.least", "/grant", json!({"refresh_token": "no type"})),
        ("exchange-request.v1.least", "/grant/code", json!(17)),
        ("exchange-request.v1.sealed", "/grant/code", json!({"sealed": "no key"})),
        ("exchange-request.v1.authorization-code", "/deadline", json!("tomorrow")),
        ("exchange-request.v1.authorization-code", "/deadline", json!("2026-11-22T12:00:00")),
        ("exchange-request.v1.authorization-code", "/scopes", json!("write:issue")),
        ("exchange-result.v1.stored", "/outcome", json!("done")),
        ("exchange-result.v1.stored", "/subject/changed", json!("no")),
        ("exchange-result.v1.failed", "/failure/code", json!("no-such-code")),
        ("exchange-result.v1.failed", "/failure/provider_error/status", json!(70_000)),
        ("exchange-result.v1.on-device", "/tokens", json!({"refresh_token": "alone"})),
        ("publish-job.v1.least", "/content/type", json!("poem")),
        ("publish-job.v1.least", "/content", json!({"type": "post"})),
        ("publish-job.v1.post", "/content/to", json!("ada")),
        ("publish-job.v1.raw", "/content", json!({"type": "raw", "path": "/api"})),
        ("publish-job.v1.message", "/notify", json!({"phone": "+237650000000"})),
        ("publish-job.v1.message", "/notify/phone", json!("0650000000")),
        ("publish-job.v1.message", "/notify/phone", json!("+237650000000123456")),
        ("publish-job.v1.message", "/notify/language", json!("français")),
        ("notice.v1.published", "/phone", json!("237650000000")),
        ("notice.v1.failed", "/code", json!("no-such-code")),
        ("notice.v1.failed", "/outcome", json!("lost")),
        ("publish-job.v1.device-tokens", "/device_tokens", json!({"refresh_token": "alone"})),
        ("publish-result.v1.published", "/connection/provider", json!("")),
        ("publish-result.v1.failed", "/failure/retryable", json!("maybe")),
        ("rotation-tick.v1.rewrap", "/mode", json!("reencrypt")),
        ("rotation-tick.v1.rewrap", "/scope/provider", json!("a b")),
        ("rotation-tick.v1.rewrap", "/scheduled_for", json!(1_795_000_000)),
        ("rotation-shard.v1.rewrap", "/shard", json!(-1)),
        ("rotation-shard.v1.rewrap", "/shard", json!(65_536)),
        ("rotation-shard-done.v1.rewrap", "/counts/resealed", json!(-1)),
        ("rotation-done.v1.rewrap", "/shards", json!(1.5)),
        ("revocation-request.v1.tenant", "/scope", json!("everything")),
        ("revocation-request.v1.tenant", "/tenant", json!("")),
        ("revocation-request.v1.owner", "/owner/user", json!(null)),
        ("revocation-request.v1.connection", "/label", json!("")),
        ("revocation-shard.v1.later", "/part", json!(-1)),
        ("revocation-result.v1.connection", "/outcome", json!("revoked")),
        ("revocation-result.v1.connection", "/receipts/0/provider", json!("forgotten")),
        ("revocation-result.v1.tenant", "/counts/gave_up", json!(-1)),
        ("connection-query.v1.labelled", "/label", json!("")),
        ("connection-status.v1.active", "/standing", json!("fine")),
        ("connection-status.v1.active", "/connected", json!("yes")),
        ("connection-needs-consent.v1.refused", "/code", json!("tired")),
        ("connection-refreshed.v1.bounded", "/scopes", json!("posts.write")),
        ("connection-quarantined.v1.named", "/connection", json!({"tenant": "acme", "user": "u-42"})),
        ("job-dead-lettered.v1.refused", "/code", json!("Unknown-Provider")),
    ];
    let kinds = kinds();
    for (example, pointer, value) in wrong {
        let name = format!("{example}.json");
        let found = kinds.iter().find_map(|kind| Some((kind, kind.examples.iter().find(|(n, _)| *n == name)?)));
        let (kind, (_, body)) = found.unwrap_or_else(|| panic!("no example {name}"));
        let mut body = body.clone();
        *body.pointer_mut(pointer).unwrap_or_else(|| panic!("{name} has no {pointer}")) = value.clone();
        refused(kind, &body, &format!("{example} with {value} at {pointer}"));
    }
}
