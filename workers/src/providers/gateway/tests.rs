use std::time::Duration;

use sealpost_schemas::Phone;
use sealpost_shared::http::Answered;
use serde_json::json;

use super::{Gateway, GatewayError, Gateways};

const GOOD: &str =
    "url = 'https://sms.example/{key}'\nform = { to = '{recipient}', text = '{text}' }\nmessage_id = '/id'\n";

fn checked(text: &str) -> Result<Gateway, String> {
    let gateway: Gateway = toml::from_str(text).map_err(|error| error.to_string())?;
    gateway.check().map(|()| gateway)
}

#[test]
fn an_entry_that_cannot_work_is_refused_where_it_is_wrong() {
    checked(GOOD).unwrap();
    for (old, new, named) in [
        ("https://", "http://", "url must be https"),
        ("https://", "https://user:hunter2@", "url must have no user or password"),
        ("'/id'", "'id'", "message_id must be a JSON pointer"),
        ("form", "body = { a = '{text}' }\nform", "a request has one body"),
        ("'{text}'", "'{title}'", "no {title} and no {in_reply_to}"),
        ("'{text}'", "'x'", "must name {text} and {recipient}"),
        ("'{recipient}'", "'x'", "must name {text} and {recipient}"),
        ("'{recipient}'", "'{phone}'", "{phone} is none of"),
        ("form", "headers = { X-Text = '{text}' }\nform", "cannot be put into the request"),
        (
            "form",
            "headers = { X-Key = '1' }\nauth = { header = { name = 'X-Key', value = { env = 'K' } } }\nform",
            "x-key",
        ),
        ("form", "auth = { header = { name = 'X Key', value = { env = 'K' } } }\nform", "not a header's name"),
        ("form", "auth = { basic = { user = 'u', password = 'hunter2' } }\nform", "expected"),
        ("form", "auth = { digest = { env = 'K' } }\nform", "unknown variant"),
        ("form", "idempotency_header = 'Key'\nform", "needs idempotency_window"),
        ("/{key}'", "/send'\nidempotency_window = 5", "or {key} in the request"),
        ("form", "success = { at = 'ok' }\nform", "success must be a JSON pointer"),
        ("form", "errors = [{ status = 200, at = 'e', means = 'retry' }]\nform", "errors must be a JSON pointer"),
        ("form", "from = 'us'\nform", "unknown field `from`"),
    ] {
        assert!(GOOD.contains(old));
        let error = checked(&GOOD.replacen(old, new, 1)).unwrap_err();
        assert!(error.contains(named), "{error}");
        assert!(!error.contains("hunter2") || error.contains("TOML"), "{error}");
    }
}

#[test]
fn the_example_is_read_as_it_stands() {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/gateways.toml");
    let gateways = Gateways::read(&file).unwrap();
    assert_eq!(gateways.names().collect::<Vec<_>>(), ["generic", "twilio"]);
    let repeatable = |name| gateways.get(name).unwrap().repeatable_for().is_some();
    assert_eq!((repeatable("generic"), repeatable("twilio")), (true, false));
}

fn said(more: &str, status: u16, body: &str) -> Result<Option<String>, GatewayError> {
    let gateway = checked(&format!("{more}\n{GOOD}")).unwrap();
    let retry_after = (status == 429).then_some(Duration::from_secs(7));
    let answer = Answered { status, retry_after, body: body.into() };
    gateway.read(&answer, &Phone::new("+237650000000").unwrap())
}

#[test]
fn only_an_answer_that_says_so_is_a_success() {
    assert_eq!(said("", 201, r#"{"id": "SM1-a_b.c:d"}"#).unwrap().as_deref(), Some("SM1-a_b.c:d"));
    assert_eq!(said("", 200, r#"{"id": 17}"#).unwrap().as_deref(), Some("17"));
    for body in ["", "<html>", "{}", r#"{"id": null}"#, r#"{"id": ""}"#, r#"{"error": "no"}"#] {
        assert!(matches!(said("", 200, body), Err(GatewayError::Unknown(_))), "{body}");
    }
    let success = "success = { at = '/status', is = '0' }\nerror = '/status'";
    assert!(said(success, 200, r#"{"id": "1", "status": "0"}"#).is_ok());
    for body in [r#"{"id": "1", "status": "2"}"#, r#"{"id": "1"}"#, "", r#"{"id": "1", "status": null}"#] {
        assert!(matches!(said(success, 200, body), Err(GatewayError::Rejected { status: 200, .. })), "{body}");
    }
    let rules = format!("{success}\nerrors = [{{ status = 200, at = '/status', is = '1', means = 'rate-limited' }}]");
    assert!(matches!(said(&rules, 200, r#"{"status": "1"}"#), Err(GatewayError::RateLimited { .. })));
    let Err(error) = said(success, 200, r#"{"status": "2"}"#) else { panic!() };
    assert_eq!(error.to_string(), "it refused the message (200, 2)");
}

#[test]
fn an_answer_means_what_it_proves() {
    let means = |status| said("", status, "").unwrap_err();
    assert!(matches!(means(429), GatewayError::RateLimited { after: Some(after), .. } if after.as_secs() == 7));
    for retried in [500, 503] {
        assert!(matches!(means(retried), GatewayError::Unavailable { .. }), "{retried}");
    }
    for unknown in [302, 408, 409, 502, 504] {
        assert!(matches!(means(unknown), GatewayError::Unknown(_)), "{unknown}");
    }
    for refused in [400, 403, 404, 422] {
        assert!(matches!(means(refused), GatewayError::Rejected { .. }), "{refused}");
    }
    assert!(matches!(means(401), GatewayError::Unauthorized { .. }));
}

#[test]
fn nothing_that_a_gateway_says_tells_the_number() {
    for id in ["+237650000000", "237-650-000-000", "id 1", "x\n", "msg-0000000", "é", &"x".repeat(65)] {
        let body = json!({"id": id}).to_string();
        assert_eq!(said("", 200, &body).unwrap(), None, "{id}");
        let body = json!({"e": id, "message": "+237650000000"}).to_string();
        let error = said("error = '/e'", 400, &body).unwrap_err();
        assert_eq!(format!("{error} {error:?}"), "it refused the message (400) Rejected { status: 400, code: None }");
    }
}
