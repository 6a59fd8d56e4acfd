use std::collections::{BTreeMap, BTreeSet};

use sealpost_schemas::codec::{Encoding, decode};
use sealpost_schemas::{ExchangeRequest, PublishJob, Queued};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{OpenError, PrivateKey, PublicKey, RequestPlace, SealError, UnreadError, open_with, seal_body, unsealed};
use crate::seal::Key;

fn request() -> Value {
    json!({"id": "0199AB3C-7d00-7000-8000-000000000007", "owner": {"tenant": "acme", "user": "u-42"},
        "provider": "gitea", "grant": {"type": "authorization_code", "code": "hunter2", "code_verifier": "hunter3",
        "redirect_uri": "http://127.0.0.1:7777/", "nonce": "hunter4"}, "reply_key": {"kty": "OKP"}})
}

/// The request with its secrets sealed to this key.
fn sealed(key: &PublicKey) -> Value {
    let mut body = request();
    let id = body["id"].as_str().unwrap().parse().unwrap();
    seal_body(ExchangeRequest::QUEUE, &mut body, id, key).unwrap();
    body
}

fn key() -> (PrivateKey, BTreeMap<String, PrivateKey>) {
    let key = Key::random().unwrap();
    (PrivateKey::of(&key), BTreeMap::from([("v1".to_owned(), PrivateKey::of(&key))]))
}

/// What a worker makes of this body, and the texts of its secrets.
fn read<M: Queued>(body: &Value, keys: &BTreeMap<String, PrivateKey>) -> Result<Vec<String>, UnreadError> {
    // by MessagePack, so that both encodings are one
    let bytes = Encoding::MessagePack.encode(body).unwrap();
    let mut message: M = decode(Encoding::MessagePack, &bytes).unwrap().message;
    open_with(&mut message, Encoding::MessagePack.tree(&bytes).unwrap(), keys)?;
    let secrets = message.secrets().into_iter();
    Ok(secrets.map(|(_, secret)| secret.plain().unwrap().expose_secret().to_owned()).collect())
}

#[test]
fn what_is_sealed_opens_as_it_was() {
    let (key, keys) = key();
    let mut plain: ExchangeRequest = serde_json::from_value(request()).unwrap();
    assert_eq!(unsealed(&mut plain), ["/grant/code", "/grant/code_verifier", "/grant/nonce"]);
    let body = sealed(&key.public("v1"));
    let mut message: ExchangeRequest = serde_json::from_value(body.clone()).unwrap();
    assert!(unsealed(&mut message).is_empty());
    assert!(!body.to_string().contains("hunter"));
    assert_eq!(read::<ExchangeRequest>(&body, &keys).unwrap(), ["hunter2", "hunter3", "hunter4"]);
}

#[test]
fn one_that_is_sealed_already_stays_so_and_one_that_is_plain_counts_as_it_is() {
    let (key, keys) = key();
    let mut body = sealed(&key.public("v1"));
    let once = body.clone();
    seal_body(ExchangeRequest::QUEUE, &mut body, Uuid::nil(), &key.public("v2")).unwrap();
    assert_eq!(body, once);
    body["grant"]["nonce"] = json!("hunter4");
    let wrong = read::<ExchangeRequest>(&body, &keys).unwrap_err();
    assert_eq!(wrong, UnreadError::Sealed { field: "/grant/code", problem: OpenError::Mismatch });
}

#[test]
fn secrets_are_where_the_contract_says_and_nowhere_else() {
    let mut found = BTreeSet::new();
    for grant in [
        json!({"type": "authorization_code", "code": "x", "code_verifier": "x", "redirect_uri": "x", "nonce": "x"}),
        json!({"type": "on_behalf_of", "assertion": "x"}),
        json!({"type": "refresh_token", "refresh_token": "x"}),
        json!({"type": "pickup", "refresh_token": "x"}),
    ] {
        let mut body = request();
        body["grant"] = grant;
        let mut message: ExchangeRequest = serde_json::from_value(body).unwrap();
        found.extend(unsealed(&mut message));
    }
    assert_eq!(found, ExchangeRequest::SECRETS.iter().copied().collect());
}

#[test]
fn whatever_else_is_changed_nothing_of_it_opens() {
    let (key, keys) = key();
    let body = sealed(&key.public("v1"));
    let (code, verifier) = (body["grant"]["code"].clone(), body["grant"]["code_verifier"].clone());
    for (field, value) in [
        ("/id", json!("0199ab3c-7d00-7000-8000-000000000008")),
        ("/owner/user", json!("u-43")),
        ("/owner/tenant", json!("acm")),
        ("/reply_key/kty", json!("EC")),
        ("/reply_key", Value::Null),
        ("/grant/code", verifier),
        ("/grant/code_verifier", code.clone()),
        ("/grant/nonce", Value::Null),
        ("/grant/nonce", code),
        ("/grant/redirect_uri", json!("http://127.0.0.1:7778/")),
        ("/provider", json!("github")),
    ] {
        let mut changed = body.clone();
        *changed.pointer_mut(field).unwrap() = value;
        assert!(read::<ExchangeRequest>(&changed, &keys).is_err(), "{field}");
    }
    let mut more = body;
    more["unknown_to_us"] = json!(1);
    assert!(read::<ExchangeRequest>(&more, &keys).is_err());
}

#[test]
fn a_key_of_another_id_is_not_tried() {
    let (key, keys) = key();
    let body = sealed(&key.public("v2"));
    assert_eq!(read::<ExchangeRequest>(&body, &keys), Err(UnreadError::NoKey { field: "/grant/code" }));
}

#[test]
fn what_was_sealed_for_a_queue_opens_in_no_other() {
    let (key, keys) = key();
    let tokens = json!({"access_token": "hunter2", "refresh_token": "hunter3"});
    let job = json!({"id": "0199ab3c-7d00-7000-8000-000000000007", "owner": {"tenant": "acme", "user": "u-42"},
        "provider": "gitea", "label": "default", "content": {"type": "post", "text": "Hello"}, "device_tokens": tokens});
    let mut body = job;
    let id = body["id"].as_str().unwrap().parse().unwrap();
    seal_body(PublishJob::QUEUE, &mut body, id, &key.public("v1")).unwrap();
    let mut message: PublishJob = serde_json::from_value(body.clone()).unwrap();
    let fields: Vec<_> = message.secrets().into_iter().map(|(field, _)| field).collect();
    assert_eq!(fields, PublishJob::SECRETS);
    assert_eq!(read::<PublishJob>(&body, &keys).unwrap(), ["hunter2", "hunter3"]);
    // and nothing but the queue is another
    let place = RequestPlace { queue: PublishJob::QUEUE, id, field: "/x", rest: &[7; 32] };
    let sealed = key.public("v1").seal(&place.into(), &"hunter2".into()).unwrap().sealed;
    assert!(key.open(&place.into(), &sealed).is_ok());
    let other = RequestPlace { queue: ExchangeRequest::QUEUE, ..place };
    assert_eq!(key.open(&other.into(), &sealed).err(), Some(OpenError::Mismatch));
}

#[test]
fn a_message_that_is_half_sealed_is_refused_since_what_is_sealed_would_not_open() {
    let (key, _) = key();
    let mut body = sealed(&key.public("v1"));
    body["grant"]["nonce"] = json!("hunter4");
    let id = body["id"].as_str().unwrap().parse().unwrap();
    let half = seal_body(ExchangeRequest::QUEUE, &mut body, id, &key.public("v1"));
    assert_eq!(half, Err(SealError::Half { plain: "/grant/nonce", sealed: "/grant/code_verifier" }));
    assert!(!body.to_string().contains("hunter"));
}

#[test]
fn what_may_be_a_secret_and_has_no_place_of_one_is_refused() {
    let (key, _) = key();
    for (tokens, field) in [
        (json!(["hunter2", "hunter3"]), "/device_tokens/access_token"),
        (json!({"access_token": ["hunter2"]}), "/device_tokens/access_token"),
        (json!({"access_token": "hunter2", "refresh": "hunter3"}), "/device_tokens/access_token"),
        (json!({"access_token": "hunter2", "refresh_token": {"token": "hunter3"}}), "/device_tokens/refresh_token"),
        (json!("hunter2"), "/device_tokens/access_token"),
    ] {
        let mut body = json!({"device_tokens": tokens});
        let sealed = seal_body(PublishJob::QUEUE, &mut body, Uuid::nil(), &key.public("v1"));
        assert_eq!(sealed, Err(SealError::Misplaced { field }), "{tokens}");
        assert!(!sealed.unwrap_err().to_string().contains("hunter"));
    }
}
