//! Catalogues, what providers answer, and what producers want of them, spoilt.

use std::fs;

use bolero::{ValueGenerator, produce};
use sealpost_fuzz::{ITERATIONS, near, near_text};
use sealpost_schemas::Content;
use sealpost_shared::http::Answered;
use serde_json::{Value, json};

use super::answer::{remote, words};
use super::errors::{ErrorRule, meaning};
use super::raw::RawAccess;
use super::{Catalogue, template};

const TOKEN: &str = "secret-token";

#[test]
fn a_spoilt_answer_has_a_meaning_and_what_goes_on_of_it_is_bounded_plain_and_without_what_was_sent() {
    let rules: Vec<ErrorRule> = serde_json::from_value(json!([
        {"status": 400, "at": "/error", "is": "expired_token", "means": "token-expired"},
        {"status": 403, "empty": true, "means": "token-expired"},
        {"status": 200, "at": "/error/code", "means": "rejected"},
    ]))
    .unwrap();
    let sent = json!({"text": "a private text"});
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
            let said = words(status, &body, (Some("/error"), Some("/message")), Some(&sent), &TOKEN.into());
            assert!(!format!("{said:?}").contains("a private text"), "{said:?}");
            for text in [serde_json::to_string(&remote).unwrap(), serde_json::to_string(&said).unwrap()] {
                assert!(!text.contains(TOKEN), "{text}");
                assert!(text.len() < 4 * 4096 + 8192, "{text}");
                assert!(!text.contains("\\u001b") && !text.contains('\u{202e}'), "{text}");
            }
        }
    });
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
            let rest = percent_decoded(&url.path()[prefix.len()..]);
            assert_eq!(rest.split('/').count(), path.split('/').count() - 1, "{url}");
            assert!(!rest.split(['/', '\\']).any(|segment| segment == ".." || segment == "."), "{url}");
            assert!(!rest.contains(['\n', '\r', '\0']), "{url}");
            assert_eq!(url::Url::parse(url.as_str()).unwrap(), url);
        }
    });
}

fn percent_decoded(path: &str) -> String {
    let form = path.replace('+', "%2B");
    let (name, _) = url::form_urlencoded::parse(form.as_bytes()).next().unwrap_or_default();
    name.into_owned()
}

/// A template as it stands in an entry, and a content.
fn filled() -> impl ValueGenerator<Output = (String, String)> {
    let templates = [
        r#"{"text":"{text}","title":"{title}","tags":["{to}","a",5],"deep":{"in_reply_to":"{in_reply_to}"}}"#,
        r#"["{text}",{"a":"{title}"},null]"#,
        r#""{text}""#,
    ];
    let contents = [
        r#"{"type":"post","text":"\",\"admin\":true,\"x\":\"{title}","title":"{text}"}"#,
        r#"{"type":"email","text":"a","to":["b@c","{text}"],"in_reply_to":"{"}"#,
    ];
    (near_text(templates.map(String::from).into()), near_text(contents.map(String::from).into()))
}

#[test]
fn a_filled_template_holds_its_own_words_and_the_contents_and_has_no_fields_but_its_own() {
    bolero::check!().with_iterations(ITERATIONS).with_generator(filled()).for_each(|(template, content)| {
        let (Ok(template), Ok(content)) = (serde_json::from_str(template), serde_json::from_str::<Content>(content))
        else {
            return;
        };
        if template::check(&template).is_ok() {
            same_shape(
                &template,
                template::fill(&template, &content).as_ref(),
                &serde_json::to_value(&content).unwrap(),
            );
        }
    });
}

fn same_shape(template: &Value, filled: Option<&Value>, content: &Value) {
    match (template, filled) {
        (Value::String(text), None) => {
            assert!(text.starts_with('{') && content[text.trim_matches(['{', '}'])].is_null())
        }
        (Value::String(text), Some(filled)) if text.starts_with('{') => {
            assert_eq!(*filled, content[text.trim_matches(['{', '}'])]);
        }
        (Value::Object(fields), Some(Value::Object(filled))) => {
            assert!(filled.keys().all(|name| fields.contains_key(name)));
            fields.iter().for_each(|(name, value)| same_shape(value, filled.get(name), content));
        }
        (Value::Array(items), Some(Value::Array(filled))) => assert!(filled.len() <= items.len()),
        (template, filled) => assert_eq!(Some(template), filled),
    }
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
