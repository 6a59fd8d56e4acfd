//! The catalogue's format: the example that documents it, and its JSON Schema; and what its templates send.

mod matrix;
mod templates;

use jsonschema::Validator;
use sealpost::providers::Catalogue;
use sealpost_schemas::ProviderId;
use sealpost_tests::{
    entries::{entry, example},
    machine::workspace,
};
use serde_json::Value;

fn schema() -> Value {
    let file = workspace().join("schemas/providers.schema.json");
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

fn validator() -> Validator {
    jsonschema::options().should_validate_formats(true).build(&schema()).unwrap()
}

/// What the schema and the worker say to a catalogue.
fn judged(text: &str) -> (bool, Result<Catalogue, String>) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("providers.toml");
    std::fs::write(&file, text).unwrap();
    let tables: Value = toml::from_str(text).unwrap();
    (validator().is_valid(&tables), Catalogue::read(&file))
}

#[test]
fn the_example_is_taken_by_its_schema_and_by_workers() {
    let tables: Value = toml::from_str(&example()).unwrap();
    let problems: Vec<_> = validator().iter_errors(&tables).map(|error| error.to_string()).collect();
    assert_eq!(problems, Vec::<String>::new());
    let catalogue = judged(&example()).1.unwrap();
    for name in tables.as_object().unwrap().keys() {
        assert!(catalogue.get(&ProviderId::new(name).unwrap()).is_some(), "{name}");
    }
    assert!(example().starts_with("#:schema ../schemas/providers.schema.json\n"));
}

#[test]
fn what_an_editor_marks_as_wrong_a_worker_refuses_too() {
    let good = entry("practice", "https://practice.example");
    assert!(matches!(judged(&good), (true, Ok(_))));
    for (old, new) in [
        ("client_id =", "client ="),
        ("client_id = \"sealpost\"\n", ""),
        ("[practice.publish.post]", "[practice.publish.poem]"),
        ("idempotency_window = 86400", "idempotency_window = \"a day\""),
        ("https://practice.example/api/posts", "https://practice.example/{text"),
        ("remote_id =", "method = \"GET\"\nremote_id ="),
        ("remote_id =", "headers = { a = 5 }\nremote_id ="),
        ("remote_id =", "form = [\"text\"]\nremote_id ="),
        ("[practice.oauth]", "[practice.oauth]\nclient_auth = \"hope\""),
        ("[practice.api]", "[practice.api]\nerrors = [{ status = 403, means = \"perhaps\" }]"),
    ] {
        assert!(good.contains(old), "{old} in {good}");
        let (valid, read) = judged(&good.replace(old, new));
        assert!(!valid && read.is_err(), "{new}: valid {valid}, read {:?}", read.err());
    }
}

#[test]
fn a_template_that_cannot_be_filled_as_it_looks_is_refused_with_its_line() {
    let good = example();
    let at = |text: &str| good[..good.find(text).expect(text)].matches('\n').count() + 1;
    for (old, new, named) in [
        ("rooms/{recipient}/send", "rooms/{room}/send", "{room} is none of {text}"),
        ("rooms/{recipient}/send", "rooms/{to}/send", "{recipient} is the only recipient"),
        ("{recipient}/send", "../{key}/send", "plain segments"),
        ("X-Thread =", "Host =", "Host is set by the call itself"),
        ("status = \"{text}\"", "status = \"{text\"", "stands alone"),
        ("News: {title}", "News: {to}", "{to} is a list"),
    ] {
        let error = judged(&good.replacen(old, new, 1)).1.unwrap_err();
        assert!(error.contains(named) && error.contains(&format!("line {}:", at(old))), "{error}");
    }
}

#[test]
fn the_example_shows_every_field_of_the_format() {
    let schema = schema();
    let text = example();
    let tables: Value = toml::from_str(&text).unwrap();
    for (of, table) in schema["$defs"].as_object().unwrap() {
        for (field, about) in table["properties"].as_object().into_iter().flatten() {
            assert!(is_named(&tables, field), "{of}.{field} is not in the example");
            assert!(about["description"].is_string(), "{of}.{field} is not described");
        }
        for value in table["oneOf"].as_array().into_iter().flatten().filter_map(|value| value["const"].as_str()) {
            assert!(text.contains(value), "{of}: {value} is not in the example");
        }
    }
}

/// Whether a table somewhere has a field of this name.
fn is_named(value: &Value, name: &str) -> bool {
    match value {
        Value::Object(fields) => {
            fields.iter().any(|(field, value)| (field == name && !value.is_null()) || is_named(value, name))
        }
        Value::Array(items) => items.iter().any(|item| is_named(item, name)),
        _ => false,
    }
}
