//! Catalogues, what providers answer, and what producers want of them, spoilt.

use std::collections::BTreeMap;
use std::fs;

use bolero::{ValueGenerator, produce};
use percent_encoding::percent_decode_str;
use sealpost_fuzz::{ITERATIONS, near, near_text};
use sealpost_schemas::TextContent;
use sealpost_shared::http::Answered;
use serde_json::{Value, json};
use url::Url;
use uuid::Uuid;

use super::Catalogue;
use super::answer::{remote, words};
use super::errors::{ErrorRule, meaning};
use super::raw::RawAccess;
use super::template::{Address, Form, Headers, Json, Words};

const TOKEN: &str = "secret-token";

#[test]
fn a_spoilt_answer_has_a_meaning_and_what_goes_on_of_it_is_bounded_plain_and_without_what_was_sent() {
    let rules: Vec<ErrorRule> = serde_json::from_value(json!([
        {"status": 400, "at": "/error", "is": "expired_token", "means": "token-expired"},
        {"status": 403, "empty": true, "means": "token-expired"},
        {"status": 200, "at": "/error/code", "means": "rejected"},
    ]))
    .unwrap();
    let sent = ["a private text".to_owned()];
    let seeds = [
        r#"{"id":7,"url":"https://p/secret-token","list":["a private text","secret-token"],"deep":{"secret-token":1.5}}"#,
        r#"{"error":"expired_token","message":"no: a private text, sec\u0001ret-token, secret-token"}"#,
        r#"{"error":{"code":17,"message":"\u001b[2J\u202e"},"id":null}"#,
        "<html>secret-token</html>",
    ];
    let seeds = near(seeds.map(|seed| seed.as_bytes().to_vec()).into());
    bolero::check!().with_iterations(ITERATIONS).with_generator(seeds).for_each(|bytes| {
        let body: Value = serde_json::from_slice(bytes).unwrap_or_default();
        for status in [200, 400, 403, 503] {
            let answered = Answered { status, retry_after: None, body: bytes.clone() };
            meaning(&rules, &answered, &body);
            let fields = ["/id", "/list", "/deep", "/error", "", "/list/0"].map(String::from);
            let remote = remote(&body, (Some("/id"), Some("/url")), fields.into_iter(), &TOKEN.into());
            let said = words(status, &body, (Some("/error"), Some("/message")), &sent, &TOKEN.into());
            assert!(!format!("{said:?}").contains("a private text"), "{said:?}");
            for told in [serde_json::to_value(&remote).unwrap(), serde_json::to_value(&said).unwrap()] {
                let text = told.to_string();
                assert!(!text.contains(TOKEN) && text.len() < 4 * 4096 + 8192, "{text}");
                assert!(is_plain(&told), "{text}");
            }
        }
    });
}

/// Whether no text in it, nor a field's name, has what a terminal or a reader would be misled by.
fn is_plain(value: &Value) -> bool {
    let plain = |text: &str| !text.contains(|c: char| c.is_control() || c == '\u{202e}');
    match value {
        Value::String(text) => plain(text),
        Value::Array(items) => items.iter().all(is_plain),
        Value::Object(fields) => fields.iter().all(|(name, value)| plain(name) && is_plain(value)),
        _ => true,
    }
}

/// A method and a path, as a producer may write them.
fn calls() -> impl ValueGenerator<Output = (String, String)> {
    let paths = [
        "/posts/7/comments",
        "/posts/a b/comments",
        "//evil/x",
        "/posts/..%2f/comments",
        "/me",
        "https://evil",
        "/é/%",
    ];
    let methods = near_text(vec!["POST".into(), "GET".into()]);
    (methods, near_text(paths.map(String::from).into()))
}

#[test]
fn a_raw_path_that_is_allowed_stays_under_origin_and_prefix() {
    let bases = [
        "https://api.example/v1",
        "https://api.example/v1/",
        "https://api.example",
        "https://u@api.example:8443/a%20b/c",
    ];
    let allow = json!([{"method": "POST", "path": "/posts/*/comments"}, {"method": "GET", "path": "/*"}, {"method": "GET", "path": "/*/*"}]);
    let accesses =
        bases.map(|base| serde_json::from_value::<RawAccess>(json!({"base": base, "allow": allow})).unwrap());
    bolero::check!().with_iterations(ITERATIONS).with_generator(calls()).for_each(|(method, path)| {
        for access in &accesses {
            let Ok(url) = access.url(method, path) else { continue };
            let prefix = format!("{}/", access.base.path().trim_end_matches('/'));
            assert_eq!((url.origin(), url.username()), (access.base.origin(), access.base.username()), "{url}");
            assert!(url.path().starts_with(&prefix), "{url}");
            assert_eq!((url.query(), url.fragment()), (None, None), "{url}");
            // a server that decodes it meets as many segments as were asked for, and no way up
            let rest = decoded(&url.path()[prefix.len()..]);
            assert_eq!(rest.split('/').count(), path.split('/').count() - 1, "{url}");
            assert!(!rest.split(['/', '\\']).any(|segment| segment == ".." || segment == "."), "{url}");
            assert!(!rest.contains(['\n', '\r', '\0']), "{url}");
            assert_eq!(Url::parse(url.as_str()).unwrap(), url);
        }
    });
}

fn decoded(path: &str) -> String {
    percent_decode_str(path).decode_utf8_lossy().into_owned()
}

/// A template as it stands in an entry, and a content.
fn filled(templates: &[&str]) -> impl ValueGenerator<Output = (String, String)> {
    let contents = [
        r#"{"text":"\",\"admin\":true,\"x\":\"{title}","title":"{text}"}"#,
        r#"{"text":"a/../b?c=d&e#f;g","to":["b@c/..","{text}"],"in_reply_to":"%2e%2e"}"#,
        r#"{"text":"a\r\nx: y","title":"..","to":["e"],"in_reply_to":"7"}"#,
    ];
    let templates = templates.iter().map(ToString::to_string).collect();
    (near_text(templates), near_text(contents.map(String::from).into()))
}

#[test]
fn a_filled_body_has_the_shape_of_its_template() {
    let templates = [
        r#"{"text":"{text}","title":"{title}","tags":["{to}","a",5],"deep":{"in_reply_to":"x {in_reply_to}"}}"#,
        r#"["{text}",{"a":"{title}"},null]"#,
        r#""{text}""#,
    ];
    bolero::check!().with_iterations(ITERATIONS).with_generator(filled(&templates)).for_each(|(template, content)| {
        let Ok(template) = serde_json::from_str::<Value>(template) else { return };
        let (Ok(json), Ok(content)) = (Json::try_from(template.clone()), serde_json::from_str(content)) else { return };
        if let Ok(Some(filled)) = json.fill(&Words { content: &content, key: Uuid::nil() }) {
            same_shape(&template, &filled, &content);
        }
    });
}

fn same_shape(template: &Value, filled: &Value, content: &TextContent) {
    match (template, filled) {
        (Value::Object(fields), Value::Object(filled)) => {
            filled.iter().for_each(|(name, value)| same_shape(&fields[name], value, content));
        }
        (Value::Array(items), Value::Array(filled)) => assert!(filled.len() <= items.len()),
        (Value::String(text), Value::Array(filled)) => {
            assert_eq!((text.as_str(), filled.len()), ("{to}", content.to.as_ref().map_or(0, Vec::len)));
        }
        (Value::String(text), Value::String(filled)) => match text.as_str() {
            "{text}" => assert_eq!(*filled, content.text),
            text if text.contains(['{', '}']) => {}
            text => assert_eq!(filled, text),
        },
        (template, filled) => assert_eq!(template, filled),
    }
}

#[test]
fn a_filled_address_leads_to_the_entrys_origin_through_as_many_segments_and_parameters() {
    let templates = [
        "https://p.example/v1/{title}/posts/x-{in_reply_to}?key={key}&text={text}&fixed=1&to={to}",
        "https://p.example:8443/{recipient}",
        "https://p.example/a%20b/?q={text}",
    ];
    bolero::check!().with_iterations(ITERATIONS).with_generator(filled(&templates)).for_each(|(template, content)| {
        let (Ok(address), Ok(content)) = (Address::try_from(template.clone()), serde_json::from_str(content)) else {
            return;
        };
        let Ok(url) = address.fill(&Words { content: &content, key: Uuid::nil() }) else { return };
        let sample = address.sample();
        assert_eq!((url.origin(), url.username(), url.fragment()), (sample.origin(), sample.username(), None), "{url}");
        let segments = |url: &Url| decoded(url.path()).split(['/', '\\']).map(String::from).collect::<Vec<_>>();
        assert_eq!(segments(&url).len(), segments(sample).len(), "{url} from {template}");
        let dots = |url: &Url| segments(url).iter().filter(|segment| [".", ".."].contains(&segment.as_str())).count();
        assert_eq!(dots(&url), dots(sample), "{url} from {template}");
        let names: Vec<_> = sample.query_pairs().map(|(name, _)| name).collect();
        assert!(url.query_pairs().all(|(name, _)| names.contains(&name)), "{url} from {template}");
    });
}

#[test]
fn a_filled_header_is_one_line_and_a_form_has_no_fields_but_its_own() {
    let templates = [r#"{"x-title":"{title}","x-note":"of {text}","x-to":"{recipient}"}"#];
    bolero::check!().with_iterations(ITERATIONS).with_generator(filled(&templates)).for_each(|(template, content)| {
        let Ok(content) = serde_json::from_str::<TextContent>(content) else { return };
        let words = Words { content: &content, key: Uuid::nil() };
        let names: BTreeMap<String, String> = serde_json::from_str(template).unwrap_or_default();
        if let Ok(headers) = serde_json::from_str::<Headers>(template)
            && let Ok(filled) = headers.fill(&words)
        {
            assert!(filled.len() <= names.len());
            assert!(filled.values().all(|value| !value.as_bytes().iter().any(u8::is_ascii_control)), "{filled:?}");
        }
        if let Ok(form) = serde_json::from_str::<Form>(template)
            && let Ok(filled) = form.fill(&words)
        {
            assert!(filled.iter().all(|(name, _)| names.contains_key(name)), "{filled:?}");
        }
    });
}

#[test]
fn a_spoilt_catalogue_is_read_or_refused_without_its_secrets() {
    let example = include_str!("../../../examples/providers.toml");
    let secret = example.replace("{ env = ", "'hunter2' # ");
    assert_ne!(example, secret);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("providers.toml");
    let seeds = near_text(vec![example.to_owned(), secret]);
    bolero::check!().with_iterations(ITERATIONS / 5).with_generator(seeds).for_each(|text| {
        fs::write(&file, text).unwrap();
        let Err(error) = Catalogue::read(&file) else { return };
        assert!(error.starts_with(&file.display().to_string()), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    });
}

#[test]
fn any_status_means_something() {
    bolero::check!().with_iterations(ITERATIONS).with_generator(produce::<u16>()).for_each(|status| {
        let answered = Answered { status: *status, retry_after: None, body: Vec::new() };
        let posted = matches!(meaning(&[], &answered, &Value::Null), super::errors::Meaning::Posted);
        assert_eq!(posted, (200..300).contains(status), "only a success is one");
    });
}
