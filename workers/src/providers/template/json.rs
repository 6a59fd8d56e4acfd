//! A JSON body: its texts are templates. A value is put into the tree, never into text, so nothing in it can end the
//! string that it stands in.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::super::request::RequestError;
use super::{Text, Word, Words, optional};

/// How toml hands over a date, for which JSON has no type.
const TOML_DATE: &str = "$__toml_private_datetime";

/// A JSON value whose texts are templates.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Value")]
pub(in super::super) struct Json(Tree);

#[derive(Clone, Debug)]
enum Tree {
    Text(Text),
    Object(Vec<(String, Tree)>),
    Array(Vec<Tree>),
    Other(Value),
}

impl TryFrom<Value> for Json {
    type Error = String;

    fn try_from(template: Value) -> Result<Self, String> {
        Tree::of(template).map(Self)
    }
}

impl Json {
    /// The body. A text whose field is absent drops its entry; `{to}` alone is the list. `None`: nothing is left.
    pub(in super::super) fn fill(&self, words: &Words<'_>) -> Result<Option<Value>, RequestError> {
        self.0.fill(words)
    }

    pub(in super::super) fn names(&self, word: Word) -> bool {
        self.0.names(word)
    }
}

impl Tree {
    fn of(template: Value) -> Result<Self, String> {
        Ok(match template {
            Value::String(text) => Self::Text(text.try_into()?),
            Value::Array(items) => Self::Array(items.into_iter().map(Self::of).collect::<Result<_, _>>()?),
            Value::Object(fields) => Self::Object(fields.into_iter().map(Self::entry).collect::<Result<_, _>>()?),
            other => Self::Other(other),
        })
    }

    fn entry((name, value): (String, Value)) -> Result<(String, Self), String> {
        if name == TOML_DATE {
            return Err(format!("{value} is a date, which JSON does not have; write it as a text"));
        }
        if name.contains(['{', '}']) {
            return Err(format!("{name:?}: the name of a field is no template"));
        }
        Ok((name, Self::of(value)?))
    }

    fn fill(&self, words: &Words<'_>) -> Result<Option<Value>, RequestError> {
        Ok(match self {
            Self::Text(text) if text.is_list() => words.content.to.clone().map(Value::from),
            Self::Text(text) => optional(text.fill(words, |value| Ok(value.into())))?.map(Value::from),
            Self::Object(fields) => {
                let mut filled = Map::new();
                for (name, value) in fields {
                    filled.extend(value.fill(words)?.map(|value| (name.clone(), value)));
                }
                Some(filled.into())
            }
            Self::Array(items) => {
                let items = items.iter().filter_map(|item| item.fill(words).transpose());
                Some(Value::Array(items.collect::<Result<_, _>>()?))
            }
            Self::Other(value) => Some(value.clone()),
        })
    }

    fn names(&self, word: Word) -> bool {
        match self {
            Self::Text(text) => text.names(word),
            Self::Object(fields) => fields.iter().any(|(_, value)| value.names(word)),
            Self::Array(items) => items.iter().any(|item| item.names(word)),
            Self::Other(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::tests::{content, words};
    use super::Json;

    fn filled(template: &Value, fields: &Value) -> Value {
        Json::try_from(template.clone()).unwrap().fill(&words(&content(fields))).unwrap().unwrap()
    }

    #[test]
    fn what_cannot_be_filled_as_it_looks_is_refused() {
        for good in [json!({"text": "{text}", "tags": ["a", "{to}", 5, null]}), json!({}), json!({"a": "Hello {text}"})]
        {
            assert!(Json::try_from(good.clone()).is_ok(), "{good}");
        }
        for bad in [json!("{txt}"), json!("to {to}"), json!({"{text}": "x"}), json!({"a": {"b}": 1}})] {
            let text = json!({"a": [{"b": bad}]});
            assert!(Json::try_from(text).unwrap_err().starts_with('"'), "{bad}");
        }
        let date: Value = toml::from_str("a = { b = 2026-11-22 }").unwrap();
        assert!(Json::try_from(date).unwrap_err().contains("is a date"));
    }

    #[test]
    fn a_value_cannot_leave_its_place_and_an_absent_one_is_dropped() {
        let evil = "\",\"admin\":true,\"x\":\"{title}";
        let template = json!({
            "text": "{text}", "said": "He said \"{text}\"", "title": "{title}", "more": "x {title}", "kind": "note",
            "tags": ["{title}", "a", "{text}"], "deep": {"title": "{title}"}, "key": "{key}",
        });
        assert_eq!(
            filled(&template, &json!({"text": evil})),
            json!({
                "text": evil, "said": format!("He said \"{evil}\""), "kind": "note", "tags": ["a", evil], "deep": {},
                "key": "00000000-0000-0000-0000-000000000000",
            })
        );
    }

    #[test]
    fn recipients_are_a_list_and_the_only_one_is_a_text() {
        let template = json!({"to": "{to}", "channel": "{recipient}"});
        assert_eq!(filled(&template, &json!({"text": "t", "to": ["a"]})), json!({"to": ["a"], "channel": "a"}));
        assert_eq!(filled(&json!({"to": "{to}"}), &json!({"text": "t", "to": ["a", "b"]})), json!({"to": ["a", "b"]}));
        assert_eq!(filled(&template, &json!({"text": "t"})), json!({}));
        let two = content(&json!({"text": "t", "to": ["a", "b"]}));
        assert!(Json::try_from(template).unwrap().fill(&words(&two)).is_err());
    }
}
