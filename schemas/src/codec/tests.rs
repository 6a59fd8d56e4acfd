use serde_json::json;

use super::{DecodeError, Encoding, MAX_BODY, decode};
use crate::{Content, ExchangeRequest, Grant, PublishJob, RotationTick};

fn job() -> serde_json::Value {
    json!({
        "id": "01939f6e-0000-7000-8000-000000000001",
        "owner": {"tenant": "acme", "user": "u-42"},
        "provider": "practice",
        "content": {"text": "Hello", "type": "post"},
        "deadline": "2026-11-22T12:00:00Z",
    })
}

fn problem(value: &serde_json::Value) -> String {
    match decode::<PublishJob>(Encoding::Json, value.to_string().as_bytes()) {
        Err(error) => error.to_string(),
        Ok(_) => panic!("decoded: {value}"),
    }
}

#[test]
fn both_encodings_give_the_same_message() {
    let json = decode::<PublishJob>(Encoding::Json, job().to_string().as_bytes()).unwrap().message;
    let packed = Encoding::MessagePack.encode(&json).unwrap();
    let again = decode::<PublishJob>(Encoding::MessagePack, &packed).unwrap().message;
    assert_eq!(serde_json::to_value(&json).unwrap(), serde_json::to_value(&again).unwrap());
    assert_eq!(json.label.as_str(), "default");
    assert!(matches!(json.content, Content::Post(text) if text.text == "Hello"));
}

#[test]
fn what_is_read_straight_away_is_read_from_its_tree_as_well_and_the_same() {
    let with = |field: &str, value: serde_json::Value| {
        let mut job = job();
        job[field] = value;
        job.to_string()
    };
    let typed = with(
        "content",
        json!({"type": "raw", "method": "POST", "path": "/a", "body": {"b": [1, 2.5, null, "\u{e9}"]}}),
    );
    for body in [typed.clone(), with("content", json!({"type": "post", "text": "\u{1f980}"})), format!(" \n{typed}\t")]
    {
        let straight = super::straight::<PublishJob>(Encoding::Json, body.as_bytes()).expect("read straight away");
        let tree = super::from_tree::<PublishJob>(Encoding::Json, body.as_bytes()).unwrap().message;
        assert_eq!(serde_json::to_value(&straight).unwrap(), serde_json::to_value(&tree).unwrap());
    }
    let list =
        serde_json::to_string(&json!(["01939f6e-0000-7000-8000-000000000001", {"tenant": "a", "user": "b"}])).unwrap();
    let deep = with("content", json!({"type": "raw", "method": "POST", "path": "/a"}))
        .replace("\"/a\"", &format!("\"/a\",\"body\":{}{}", "[".repeat(70), "]".repeat(70)));
    for body in [list, deep.clone(), with("novelty", json!(1)), format!("{typed}{{}}"), job().to_string()] {
        assert!(super::straight::<PublishJob>(Encoding::Json, body.as_bytes()).is_none(), "{body}");
    }
    assert!(matches!(decode::<PublishJob>(Encoding::Json, deep.as_bytes()), Err(DecodeError::Syntax { .. })));
}

#[test]
fn messagepack_carries_ids_and_times_as_text() {
    let job = decode::<PublishJob>(Encoding::Json, job().to_string().as_bytes()).unwrap().message;
    let packed = Encoding::MessagePack.encode(&job).unwrap();
    let text = String::from_utf8_lossy(&packed);
    assert!(text.contains("01939f6e-0000-7000-8000-000000000001"));
    assert!(text.contains("2026-11-22T12:00:00Z"));
}

#[test]
fn a_tag_may_stand_anywhere_in_its_object() {
    let request = json!({
        "id": "01939f6e-0000-7000-8000-000000000001", "owner": {"tenant": "a", "user": "b"}, "provider": "practice",
        "grant": {"code": "c", "redirect_uri": "http://127.0.0.1/", "code_verifier": "v", "type": "authorization_code"},
    });
    let request = decode::<ExchangeRequest>(Encoding::Json, request.to_string().as_bytes()).unwrap().message;
    assert!(matches!(request.grant, Grant::AuthorizationCode(_)));
}

#[test]
fn an_error_names_the_full_path_also_inside_a_tagged_value() {
    let mut value = job();
    value["content"]["text"] = json!(5);
    assert_eq!(problem(&value), "content.text: expected a string, found a number");
    value["content"] = json!({"type": "poem"});
    assert_eq!(problem(&value), "content: unknown value, expected one of `post`, `message`, `email`, `raw`");
    value["content"] = json!({"text": "no tag"});
    assert_eq!(problem(&value), "content: missing field `type`");
}

#[test]
fn no_error_quotes_a_value() {
    for (field, value) in [
        ("owner", json!("hunter2")),
        ("id", json!("hunter2")),
        ("deadline", json!("hunter2")),
        ("provider", json!("Hunter2")),
        ("content", json!({"type": "hunter2"})),
        ("device_tokens", json!({"access_token": ["hunter2"]})),
        ("label", json!("hunter2\u{0}")),
    ] {
        let mut job = job();
        job[field] = value;
        let problem = problem(&job);
        assert!(problem.starts_with(field), "{problem}");
        assert!(!problem.to_lowercase().contains("hunter2"), "{problem}");
    }
}

#[test]
fn names_may_hold_colons_and_braces_but_no_control_character_and_no_10_kb() {
    let mut value = job();
    value["owner"]["user"] = json!("{sp:001}:a b");
    assert!(decode::<PublishJob>(Encoding::Json, value.to_string().as_bytes()).is_ok());
    for bad in [String::new(), "a\u{0}b".into(), "x".repeat(10_240)] {
        value["owner"]["user"] = json!(bad);
        assert_eq!(problem(&value), "owner.user: must be 1 to 256 bytes without control characters");
    }
}

#[test]
fn unknown_fields_are_ignored_and_counted() {
    let mut value = job();
    value["novelty"] = json!({"a": 1});
    value["content"]["mood"] = json!("good");
    assert_eq!(decode::<PublishJob>(Encoding::Json, value.to_string().as_bytes()).unwrap().unknown_fields, 2);
}

#[test]
fn what_is_not_json_or_messagepack_is_told_as_such() {
    for (encoding, body) in [
        (Encoding::Json, &b"{\"id\":"[..]),
        (Encoding::Json, b"\xff\xfe"),
        (Encoding::MessagePack, b"\xdf"),
        (Encoding::MessagePack, b"\x80\x80"),
        (Encoding::MessagePack, b"\x81\xc4\x01a\x01"),
    ] {
        assert!(matches!(decode::<PublishJob>(encoding, body), Err(DecodeError::Syntax { .. })), "{body:?}");
    }
    assert_eq!(decode::<PublishJob>(Encoding::Json, b"[]").unwrap_err().to_string(), "the body: must be an object");
    assert_eq!(Encoding::of(Some("text/xml")), Err(DecodeError::ContentType));
    assert_eq!(Encoding::of(Some("Application/JSON; charset=utf-8")), Ok(Encoding::Json));
}

#[test]
fn nesting_is_bounded_in_both_encodings() {
    let json = "[".repeat(100) + &"]".repeat(100);
    let json = format!("{{\"a\":{json}}}");
    assert!(matches!(decode::<PublishJob>(Encoding::Json, json.as_bytes()), Err(DecodeError::Syntax { .. })));
    let packed = [vec![0x91; 100_000], vec![0xc0]].concat();
    assert!(matches!(decode::<PublishJob>(Encoding::MessagePack, &packed), Err(DecodeError::Syntax { .. })));
}

#[test]
fn a_body_over_the_limit_is_refused_unread() {
    let body = vec![b' '; MAX_BODY + 1];
    assert_eq!(decode::<PublishJob>(Encoding::Json, &body).unwrap_err(), DecodeError::TooLarge(MAX_BODY + 1));
}

#[test]
fn a_tick_without_scope_is_for_everything() {
    let tick = json!({"id": "01939f6e-0000-7000-8000-000000000001", "mode": "rewrap",
        "scheduled_for": "2026-11-22T12:00:00Z"});
    let tick = decode::<RotationTick>(Encoding::Json, tick.to_string().as_bytes()).unwrap().message;
    assert!(tick.scope.tenant.is_none() && tick.scope.provider.is_none());
}
