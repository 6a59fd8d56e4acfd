//! What goes on of an answer: the fields that the entry lists, bounded, in plain characters and without what was sent.

use sealpost_schemas::{ProviderError, Remote};
use sealpost_shared::http;
use sealpost_shared::plain::plain;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};

/// The longest remote id or address that is kept, in characters.
const MAX_REMOTE: usize = 2048;
/// The most that is kept of a provider's words, in characters.
const MAX_WORDS: usize = 300;
/// The most that is kept of the fields that the entry or the job lists, in bytes of JSON.
const MAX_RESPONSE: usize = 4096;
/// The most that is searched for what was sent, in bytes of words times texts: some milliseconds, during which the worker
/// does nothing else. Words that would take more are left out.
const MAX_SEARCH: usize = 4 << 20;
/// Shorter texts than this, in bytes, are words and not echoes.
const SHORTEST_ECHO: usize = 8;

/// A text at a JSON pointer, as a remote id or address; numbers count.
pub(super) fn text_at(body: &Value, pointer: &str, token: &SecretString) -> Option<String> {
    let text = match body.pointer(pointer)? {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    Some(clean(&text, MAX_REMOTE, &[token.expose_secret()])).filter(|text| !text.is_empty())
}

/// A post's id and address.
pub(super) fn remote(
    body: &Value,
    (id, url): (Option<&str>, Option<&str>),
    fields: impl Iterator<Item = String>,
    token: &SecretString,
) -> Remote {
    let at = |pointer: Option<&str>| text_at(body, pointer?, token);
    Remote { id: at(id), url: at(url), response: response(body, fields, token) }
}

/// The fields at these JSON pointers, each under its pointer's last name; `None` where none is there or all of them are
/// more than is kept.
fn response(body: &Value, fields: impl Iterator<Item = String>, token: &SecretString) -> Option<Value> {
    let mut kept = Map::new();
    for pointer in fields {
        let Some(value) = body.pointer(&pointer) else { continue };
        let name = pointer.rsplit('/').next().unwrap_or_default();
        kept.insert(name.into(), scrub(value, token));
    }
    let kept = Value::Object(kept);
    let fits = kept != Value::Object(Map::new()) && kept.to_string().len() <= MAX_RESPONSE;
    fits.then_some(kept)
}

fn scrub(value: &Value, token: &SecretString) -> Value {
    let text = |text: &str| clean(text, MAX_RESPONSE, &[token.expose_secret()]);
    match value {
        Value::String(inner) => text(inner).into(),
        Value::Array(items) => items.iter().map(|item| scrub(item, token)).collect(),
        Value::Object(fields) => fields.iter().map(|(name, value)| (text(name), scrub(value, token))).collect(),
        other => other.clone(),
    }
}

/// What a provider said in refusing, without any text that was sent to it: it goes into events.
pub(super) fn words(
    status: u16,
    body: &Value,
    (error, description): (Option<&str>, Option<&str>),
    sent: &[String],
    token: &SecretString,
) -> ProviderError {
    let texts = sent.iter().map(String::as_str).filter(|text| text.len() >= SHORTEST_ECHO);
    let mut echoes: Vec<&str> = texts.chain([token.expose_secret()]).collect();
    // the longest first: one that is part of another would leave the rest of it
    echoes.sort_unstable_by_key(|text| std::cmp::Reverse(text.len()));
    let at = |pointer: Option<&str>| {
        let text = body.pointer(pointer?)?.as_str()?;
        (text.len() * echoes.len() <= MAX_SEARCH).then(|| clean(text, MAX_WORDS, &echoes))
    };
    ProviderError { status: Some(status), error: at(error), description: at(description), ..ProviderError::default() }
}

/// What is not plain goes first, so that nothing hides what was sent.
fn clean(text: &str, max: usize, sent: &[&str]) -> String {
    let mut clean = http::scrubbed(plain(text), sent);
    if let Some((end, _)) = clean.char_indices().nth(max) {
        clean.truncate(end);
    }
    clean
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{remote, words};

    fn response(body: &Value, fields: &[&str]) -> Option<Value> {
        remote(body, (None, None), fields.iter().map(|&field| field.into()), &"secret-token".into()).response
    }

    #[test]
    fn only_listed_fields_go_on_and_no_token_in_them() {
        let body = json!({"id": 7, "note": "a\u{1b}[2J secret-token", "deep": {"list": ["secret-token"]}, "more": 1});
        assert_eq!(
            response(&body, &["/id", "/note", "/deep/list", "/absent"]).unwrap(),
            json!({"id": 7, "note": "a[2J [removed]", "list": ["[removed]"]})
        );
        assert_eq!(response(&body, &["/absent"]), None);
    }

    #[test]
    fn more_than_four_kilobytes_are_not_kept() {
        assert!(response(&json!({"text": "x".repeat(4000)}), &["/text"]).is_some());
        assert!(response(&json!({"text": "x".repeat(4100)}), &["/text"]).is_none());
    }

    #[test]
    fn a_refusal_is_told_without_what_was_sent() {
        let body =
            json!({"error": "bad", "message": format!("no: {} {} secret-token", "my private text", "x".repeat(900))});
        let sent = ["my private".into(), "bad".into(), "my private text".into()];
        let said = words(422, &body, (Some("/error"), Some("/message")), &sent, &"secret-token".into());
        let description = said.description.unwrap();
        assert_eq!(said.error.as_deref(), Some("bad"));
        assert!(description.starts_with("no: [removed] xxx") && description.len() == 300, "{description}");
    }

    #[test]
    fn words_in_which_there_is_too_much_to_look_for_are_left_out() {
        let sent: Vec<String> = (0..5_000).map(|number| format!("text-{number}")).collect();
        let body = json!({"error": "bad", "message": format!("no: text-4999 secret-token {}", "x".repeat(900))});
        let said = words(422, &body, (Some("/error"), Some("/message")), &sent, &"secret-token".into());
        assert_eq!((said.status, said.error, said.description), (Some(422), Some("bad".into()), None));
    }
}
