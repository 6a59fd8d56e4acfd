//! Headers and form fields: a name each, and a template for its value.

use std::collections::BTreeMap;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;

use super::super::request::RequestError;
use super::{Text, Word, Words, optional};

/// Headers that the call itself makes.
const OURS: [&str; 9] = [
    "authorization",
    "connection",
    "content-length",
    "expect",
    "host",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

const UNFIT: &str = "goes into a header at this provider, which takes only printable ASCII and blanks (RFC 9110 §5.5)";

/// Headers of a request.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(try_from = "BTreeMap<String, Text>")]
pub(in super::super) struct Headers(Vec<(HeaderName, Text)>);

impl TryFrom<BTreeMap<String, Text>> for Headers {
    type Error = String;

    fn try_from(headers: BTreeMap<String, Text>) -> Result<Self, String> {
        let mut known: Vec<(HeaderName, Text)> = Vec::new();
        for (name, value) in headers {
            let header: HeaderName = name.parse().map_err(|_| format!("headers: {name:?} is not a header's name"))?;
            if OURS.contains(&header.as_str()) || known.iter().any(|(other, _)| *other == header) {
                return Err(format!("headers: {name} is set by the call itself, or twice"));
            }
            if value.is_list() {
                return Err(format!("headers: {name}: {{to}} is a list; {{recipient}} is the only recipient"));
            }
            if !value.literals().all(is_printable) {
                return Err(format!("headers: {name}: a header takes only printable ASCII and blanks"));
            }
            known.push((header, value));
        }
        Ok(Self(known))
    }
}

impl Headers {
    /// The headers; one whose field is absent is left out.
    pub(in super::super) fn fill(&self, words: &Words<'_>) -> Result<HeaderMap, RequestError> {
        let mut filled = HeaderMap::new();
        for (name, text) in &self.0 {
            let escape = |value: &str| if is_printable(value) { Ok(value.to_owned()) } else { Err(UNFIT) };
            let Some(value) = optional(text.fill(words, escape))? else { continue };
            let value = HeaderValue::from_str(&value);
            filled.insert(name.clone(), value.map_err(|_| RequestError::Malformed(format!("{name}: {UNFIT}")))?);
        }
        Ok(filled)
    }

    pub(in super::super) fn has(&self, name: &HeaderName) -> bool {
        self.0.iter().any(|(header, _)| header == name)
    }

    pub(in super::super) fn names(&self, word: Word) -> bool {
        self.0.iter().any(|(_, text)| text.names(word))
    }
}

/// RFC 9110 §5.5, without the tab and the octets of old: what they mean is nobody's guess.
fn is_printable(text: &str) -> bool {
    text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

/// The fields of a form body.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "BTreeMap<String, Text>")]
pub(in super::super) struct Form(BTreeMap<String, Text>);

impl TryFrom<BTreeMap<String, Text>> for Form {
    type Error = String;

    fn try_from(fields: BTreeMap<String, Text>) -> Result<Self, String> {
        match fields.keys().find(|name| name.contains(['{', '}'])) {
            Some(name) => Err(format!("form: {name:?}: the name of a field is no template")),
            None => Ok(Self(fields)),
        }
    }
}

impl Form {
    /// The fields; one whose field of the content is absent is left out, `{to}` comes once for each recipient.
    pub(in super::super) fn fill(&self, words: &Words<'_>) -> Result<Vec<(String, String)>, RequestError> {
        let mut filled = Vec::new();
        for (name, text) in &self.0 {
            let values = text.fill_each(words, ToOwned::to_owned)?;
            filled.extend(values.into_iter().map(|value| (name.clone(), value)));
        }
        Ok(filled)
    }

    pub(in super::super) fn names(&self, word: Word) -> bool {
        self.0.values().any(|text| text.names(word))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::{Value, json};

    use super::super::tests::{content, words};
    use super::{Form, Headers, Text};

    fn fields(fields: Value) -> BTreeMap<String, Text> {
        serde_json::from_value(fields).unwrap()
    }

    fn headers(template: Value, content_fields: &Value) -> Result<Vec<(String, String)>, String> {
        let headers = Headers::try_from(fields(template))?.fill(&words(&content(content_fields)));
        let headers = headers.map_err(|error| error.to_string())?;
        let text = |value: &reqwest::header::HeaderValue| value.to_str().unwrap().to_owned();
        Ok(headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect())
    }

    #[test]
    fn a_header_takes_printable_ascii_and_nothing_that_could_end_it() {
        let filled = |title: &str| headers(json!({"X-Title": "re: {title}"}), &json!({"text": "t", "title": title}));
        let one = |value: &str| Ok(vec![("x-title".to_owned(), value.to_owned())]);
        assert_eq!(filled("a b~!\"%0d"), one("re: a b~!\"%0d"));
        for evil in ["a\r\nX-Evil: 1", "a\n", "a\r", "a\0", "a\tb", "a\u{7f}", "é", "a\u{85}b", "\u{202e}"] {
            let error = filled(evil).unwrap_err();
            assert!(error.starts_with("content.title: ") && error.contains("RFC 9110"), "{error}");
        }
        assert_eq!(headers(json!({"X-Title": "re: {title}"}), &json!({"text": "t"})), Ok(Vec::new()));
    }

    #[test]
    fn headers_that_the_call_makes_itself_or_that_are_none_are_refused() {
        for (bad, named) in [
            (json!({"Authorization": "{text}"}), "Authorization is set by the call itself"),
            (json!({"host": "evil.example"}), "host is set by the call itself"),
            (json!({"Content-Length": "5"}), "set by the call itself"),
            (json!({"X-A": "1", "x-a": "2"}), "or twice"),
            (json!({"X A": "1"}), "not a header's name"),
            (json!({"{text}": "1"}), "not a header's name"),
            (json!({"X-To": "{to}"}), "{recipient} is the only recipient"),
            (json!({"X-A": "a\r\nX-Evil: 1"}), "only printable ASCII"),
            (json!({"X-A": "é {text}"}), "only printable ASCII"),
        ] {
            let error = headers(bad, &json!({"text": "t"})).unwrap_err();
            assert!(error.contains(named), "{error}");
        }
    }

    #[test]
    fn a_form_leaves_out_what_is_absent_and_repeats_what_is_a_list() {
        let form = |template: Value| Form::try_from(fields(template));
        let template =
            json!({"status": "{text}", "spoiler": "{title}", "to": "{to}", "of": "a {recipient}", "by": "us"});
        let filled =
            |content_fields: Value| form(template.clone()).unwrap().fill(&words(&content(&content_fields))).unwrap();
        let pairs = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect::<Vec<_>>()
        };
        assert_eq!(filled(json!({"text": "a&b=c"})), pairs(&[("by", "us"), ("status", "a&b=c")]));
        assert_eq!(
            filled(json!({"text": "t", "title": "s", "to": ["x"]})),
            pairs(&[("by", "us"), ("of", "a x"), ("spoiler", "s"), ("status", "t"), ("to", "x")])
        );
        let list = form(json!({"to": "{to}"})).unwrap();
        let two = content(&json!({"text": "t", "to": ["x", "y"]}));
        assert_eq!(list.fill(&words(&two)).unwrap(), pairs(&[("to", "x"), ("to", "y")]));
        assert!(form(template).unwrap().fill(&words(&two)).is_err(), "two are not the only one");
        assert!(form(json!({"{text}": "x"})).unwrap_err().contains("no template"));
    }
}
