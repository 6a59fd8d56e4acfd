//! Templates of request bodies: JSON whose texts name fields of the content.
//!
//! A value is put into a JSON tree, never into text, so nothing in it can end the string that it stands in.

use sealpost_schemas::Content;
use serde_json::Value;

/// The fields that a template may name.
const FIELDS: [&str; 4] = ["text", "title", "to", "in_reply_to"];

/// Refuses a template that would not be filled as it looks.
pub(super) fn check(template: &Value) -> Result<(), String> {
    match template {
        Value::String(text) => {
            let name = text.strip_prefix('{').and_then(|text| text.strip_suffix('}'));
            match name {
                Some(name) if FIELDS.contains(&name) => Ok(()),
                None if !text.contains(['{', '}']) => Ok(()),
                _ => Err(format!("{text:?} is neither a plain text nor one of {FIELDS:?} in braces and alone")),
            }
        }
        Value::Object(fields) => fields.values().try_for_each(check),
        Value::Array(items) => items.iter().try_for_each(check),
        _ => Ok(()),
    }
}

/// Fills a template. A text that is only the name of an absent field drops its entry.
pub(super) fn fill(template: &Value, content: &Content) -> Option<Value> {
    match template {
        Value::String(text) => match text.strip_prefix('{').and_then(|text| text.strip_suffix('}')) {
            Some(name) => field(content, name),
            None => Some(template.clone()),
        },
        Value::Object(fields) => {
            Some(fields.iter().filter_map(|(name, value)| Some((name.clone(), fill(value, content)?))).collect())
        }
        Value::Array(items) => Some(items.iter().filter_map(|item| fill(item, content)).collect()),
        other => Some(other.clone()),
    }
}

fn field(content: &Content, name: &str) -> Option<Value> {
    let (Content::Post(text) | Content::Message(text) | Content::Email(text)) = content else { return None };
    match name {
        "text" => Some(text.text.clone().into()),
        "title" => text.title.clone().map(Value::from),
        "to" => text.to.clone().map(Value::from),
        "in_reply_to" => text.in_reply_to.clone().map(Value::from),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{check, fill};

    #[test]
    fn a_template_that_would_not_be_filled_as_it_looks_is_refused() {
        for good in [json!({"text": "{text}", "tags": ["a", "{to}", 5, null]}), json!({})] {
            assert_eq!(check(&good), Ok(()), "{good}");
        }
        for bad in ["{txt}", "Hello {text}", "{text} {title}", "{", "{}"] {
            let error = check(&json!({"a": [{"b": bad}]})).unwrap_err();
            assert!(error.contains(&format!("{bad:?}")) && error.contains("in_reply_to"), "{error}");
        }
    }

    #[test]
    fn a_value_cannot_leave_its_place_and_an_absent_one_is_dropped() {
        let content =
            serde_json::from_value(json!({"type": "post", "text": "\",\"admin\":true,\"x\":\"{title}"})).unwrap();
        let template = json!({"text": "{text}", "title": "{title}", "kind": "note", "tags": ["{title}", "a"]});
        assert_eq!(
            fill(&template, &content).unwrap(),
            json!({"text": "\",\"admin\":true,\"x\":\"{title}", "kind": "note", "tags": ["a"]})
        );
    }
}
