//! A result or event as a person reads it. Tokens, which only a device's reply has, are not shown.

use sealpost_schemas::Code;
use serde_json::Value;

use super::screen::pretty;

/// Parts of an answer: their names on the screen, and where they are.
const PARTS: [(&str, &str); 13] = [
    ("outcome", "/outcome"),
    ("tenant", "/connection/tenant"),
    ("user", "/connection/user"),
    ("provider", "/connection/provider"),
    ("label", "/connection/label"),
    ("account", "/subject/id"),
    ("account name", "/subject/name"),
    ("scopes", "/scopes"),
    ("expires", "/expires_at"),
    ("post", "/remote/id"),
    ("address", "/remote/url"),
    ("response", "/remote/response"),
    ("shards", "/shards"),
];

/// The same of a failure, and of a rotation's counts.
const MORE: [(&str, &str); 6] = [
    ("message", "/failure/message"),
    ("provider says", "/failure/provider_error"),
    ("refreshed", "/counts/refreshed"),
    ("sealed anew", "/counts/resealed"),
    ("need consent", "/counts/ended"),
    ("left behind", "/counts/failed"),
];

/// What an answer says, part by part.
pub(super) fn rows(answer: &Value) -> Vec<(&'static str, String)> {
    let row = |(name, at): &(&'static str, &str)| Some((*name, text(answer.pointer(at)?)));
    let mut rows: Vec<_> = PARTS.iter().filter_map(row).collect();
    if answer.get("tokens").is_some_and(|tokens| !tokens.is_null()) {
        rows.push(("tokens", "(masked; --json prints the answer as it came)".into()));
    }
    if let Some(code) = answer.pointer("/failure/code").and_then(Value::as_str) {
        let sentence = Code::ALL.iter().find(|known| known.as_str() == code).map_or("", |code| code.sentence());
        rows.push(("code", format!("{code}: {sentence}")));
    }
    rows.extend(MORE.iter().filter_map(row));
    rows
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) if items.iter().all(Value::is_string) => {
            items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" ")
        }
        other => pretty(other),
    }
}
