//! A message's body as an operator may see it. What is not known to be harmless is masked: a secret may stand in the
//! wrong place, and a body that could not be read as its message is the likeliest to have one there.

use jiff::Timestamp;
use sealpost_schemas::codec::Encoding;
use sealpost_schemas::{Language, Name, ProviderId, all_secrets, name_of};
use serde_json::{Map, Value};
use uuid::Uuid;

/// Instead of a value.
pub(super) const MASKED: &str = "(masked)";

/// The fields that are shown, by their paths, where they hold what they are for.
const SHOWN: [&str; 32] = [
    "id",
    "owner.tenant",
    "owner.user",
    "tenant",
    "user",
    "provider",
    "label",
    "store_on_device",
    "scopes",
    "replace_subject",
    "deadline",
    "grant.type",
    "grant.redirect_uri",
    "grant.iss",
    "device_tokens.expires_at",
    "notify.language",
    "job",
    "language",
    "outcome",
    "mode",
    "scope",
    "scope.tenant",
    "scope.provider",
    "due_before",
    "scheduled_for",
    "tick",
    "shard",
    "cursor",
    "counts.refreshed",
    "counts.resealed",
    "counts.ended",
    "counts.failed",
];

/// The one of them that is a list.
const SCOPES: &str = "scopes";

/// What the user wrote is shown, as it will be at the provider; but for what is called like a secret.
const CONTENT: &str = "content";

/// Fields with these names are masked wherever they are, beside those that are secrets of messages.
const SECRET: [&str; 5] = ["id_token", "client_secret", "password", "authorization", "sealed"];

/// The longest name of a field that we do not know and show all the same.
const MAX_NAME: usize = 32;

/// The body with its secrets masked; `None`: it cannot be decoded.
pub(super) fn body(content_type: Option<&str>, body: &[u8]) -> Option<Value> {
    let tree = Encoding::of(content_type).ok()?.tree(body).ok()?;
    tree.is_object().then(|| masked("", tree))
}

fn masked(path: &str, value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            Value::Object(fields.into_iter().map(|(name, value)| field(path, name, value)).collect::<Map<_, _>>())
        }
        Value::Array(items) if path == SCOPES || is_content(path) => {
            items.into_iter().map(|item| masked(path, item)).collect()
        }
        Value::String(text) if path == "grant.redirect_uri" => without_query(&text).into(),
        value if is_content(path) || (SHOWN.contains(&path) && is_meant(path, &value)) => value,
        _ => MASKED.into(),
    }
}

fn field(path: &str, name: String, value: Value) -> (String, Value) {
    let below = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
    let is = |secret: &str| name.eq_ignore_ascii_case(secret);
    if all_secrets().map(name_of).chain(SECRET).any(is) {
        return (name, MASKED.into());
    }
    let known = SHOWN.iter().any(|shown| *shown == below || shown.starts_with(&format!("{below}.")));
    let plain =
        name.len() <= MAX_NAME && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    let name = if known || plain || is_content(&below) { name } else { MASKED.into() };
    (name, masked(&below, value))
}

/// Whether a value could be what the field is for, and is no secret that came into the wrong one.
fn is_meant(path: &str, value: &Value) -> bool {
    let text = match value {
        Value::String(text) => text,
        Value::Array(_) | Value::Object(_) => return false,
        Value::Null | Value::Bool(_) | Value::Number(_) => return true,
    };
    let is_word =
        |text: &str| text.len() <= MAX_NAME && text.bytes().all(|b| b.is_ascii_lowercase() || b"_-".contains(&b));
    match path.rsplit('.').next().unwrap_or_default() {
        "id" | "job" | "tick" => Uuid::try_parse(text).is_ok(),
        "tenant" | "user" | "label" => Name::new(text).is_some(),
        "provider" => ProviderId::new(text).is_some(),
        "language" => Language::new(text).is_some(),
        "type" | "mode" | "outcome" | "scope" => is_word(text),
        "deadline" | "expires_at" | "due_before" | "scheduled_for" => text.parse::<Timestamp>().is_ok(),
        _ => true,
    }
}

fn is_content(path: &str) -> bool {
    path.strip_prefix(CONTENT).is_some_and(|rest| rest.starts_with('.'))
}

/// A producer in error may send the address that it was called back at, with the code in its query.
fn without_query(uri: &str) -> String {
    uri.split_once(['?', '#']).map_or(uri.into(), |(before, _)| format!("{before}?{MASKED}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{MASKED, body};

    #[test]
    fn what_is_known_to_be_harmless_is_shown_and_all_else_masked() {
        let message = json!({
            "notify": {"phone": "s3cret", "language": "fr"}, "phone": "s3cret", "language": "fr",
            "id": "1", "owner": {"tenant": "acme", "user": "ada", "password": "s3cret"}, "provider": "practice",
            "grant": {"type": "authorization_code", "code": "s3cret", "code_verifer": "s3cret",
                      "redirect_uri": "https://a.example/b?code=s3cret", "nonce": {"sealed": "s3cret", "key": "s3cret"}},
            "device_tokens": {"access_token": "s3cret", "expires_at": "2026-11-22T12:00:00Z"},
            "content": {"type": "raw", "body": {"text": "hello", "access_token": "s3cret"}},
            "tokens": ["s3cret"], "s3cret s3cret": 1, "label": {"token": "s3cret"}
        });
        for (kind, bytes) in [
            ("application/json", serde_json::to_vec(&message).unwrap()),
            ("application/msgpack", sealpost_schemas::codec::Encoding::MessagePack.encode(&message).unwrap()),
        ] {
            let shown = body(Some(kind), &bytes).unwrap();
            assert!(!shown.to_string().contains("s3cret"), "{shown}");
            assert_eq!((&shown["owner"]["user"], &shown["content"]["body"]["text"]), (&json!("ada"), &json!("hello")));
            assert_eq!(shown["grant"]["redirect_uri"], format!("https://a.example/b?{MASKED}"));
            assert_eq!(shown["device_tokens"]["expires_at"], "2026-11-22T12:00:00Z");
        }
    }

    #[test]
    fn a_secret_in_a_field_for_something_else_is_masked() {
        let secret = "spc_S3cret";
        let message = json!({
            "id": secret, "job": secret, "tick": secret, "provider": secret, "mode": secret, "outcome": secret,
            "scope": secret, "deadline": secret, "scheduled_for": secret, "due_before": secret, "language": secret,
            "owner": {"user": [secret], "tenant": {"id": secret}}, "label": format!("{secret}\n"),
            "grant": {"type": secret, "iss": [secret]}, "device_tokens": {"expires_at": secret},
            "scopes": {"a": secret},
        });
        let shown = body(None, message.to_string().as_bytes()).unwrap();
        assert!(!shown.to_string().contains(secret), "{shown}");
        let good = json!({
            "id": "01939f6e-7c00-7000-8000-000000000001", "provider": "practice", "mode": "rewrap", "scopes": ["a b"],
            "scope": {"tenant": "Acme"}, "grant": {"type": "authorization_code"}, "language": "fr-CM", "shard": 7,
            "deadline": "2026-11-22T12:00:00Z", "content": {"to": ["ada"]},
        });
        assert_eq!(body(None, good.to_string().as_bytes()).unwrap(), good);
    }

    #[test]
    fn a_secret_in_the_place_of_an_object_is_masked_and_what_is_no_object_not_shown() {
        let shown = body(None, br#"{"grant": "s3cret", "owner": "s3cret", "content": "s3cret"}"#).unwrap();
        assert_eq!(shown, json!({"grant": MASKED, "owner": MASKED, "content": MASKED}));
        for bytes in [&b"\"s3cret\""[..], b"{\"id\":", b"\xc1"] {
            assert!(body(None, bytes).is_none());
        }
        assert!(body(Some("text/plain"), b"{}").is_none());
    }
}
