//! The messages of a producer, and what it sets beside them.

use lapin::{
    BasicProperties,
    types::{AMQPValue, FieldTable},
};
use sealpost_schemas::{Connection, Name, ProviderId};
use sealpost_shared::ids;
use sealpost_shared::wire::{PublicKey, seal_body};
use serde_json::{Value, json};

use super::{ANSWERS, Consent, REDIRECT};

/// A user's connection to the provider `practice`.
#[must_use]
pub fn connection(tenant: &str, user: &str) -> Connection {
    let name = |text| Name::new(text).expect("a name");
    let provider = ProviderId::new("practice").expect("a provider's name");
    Connection { tenant: name(tenant), user: name(user), provider, label: name("default") }
}

/// A request to exchange a consent.
#[must_use]
pub fn exchange_request(tenant: &str, user: &str, consent: &Consent) -> Value {
    json!({
        "id": ids::fresh(), "owner": {"tenant": tenant, "user": user}, "provider": "practice",
        "grant": {"type": "authorization_code", "code": consent.code, "redirect_uri": REDIRECT, "code_verifier": consent.verifier}
    })
}

/// A job to publish a post.
#[must_use]
pub fn publish_job(tenant: &str, user: &str, text: &str) -> Value {
    json!({
        "id": ids::fresh(), "owner": {"tenant": tenant, "user": user}, "provider": "practice",
        "content": {"type": "post", "text": text}
    })
}

/// A message with its secrets sealed to this key.
#[must_use]
pub fn sealed(type_name: &str, body: &Value, key: &PublicKey) -> Value {
    let (mut body, id) = (body.clone(), body["id"].as_str().and_then(|id| id.parse().ok()).expect("an id"));
    let sealed = seal_body(queue_of(type_name), &mut body, id, key);
    sealed.expect("sealed secrets");
    body
}

/// A tick that seals everything anew.
#[must_use]
pub fn rotation_tick() -> Value {
    json!({"id": ids::fresh(), "mode": "rewrap", "scheduled_for": "2026-11-22T03:00:00Z"})
}

/// What a producer sets beside the body; answers go to [`ANSWERS`].
#[must_use]
pub fn properties(type_name: &str, id: &str) -> BasicProperties {
    BasicProperties::default()
        .with_delivery_mode(2)
        .with_type(type_name.into())
        .with_content_type("application/json".into())
        .with_message_id(id.into())
        .with_reply_to(ANSWERS.into())
}

/// The header that says which attempt a message is.
#[must_use]
pub fn attempt(number: i64) -> FieldTable {
    let mut headers = FieldTable::default();
    headers.insert("sealpost-attempt".into(), AMQPValue::LongLongInt(number));
    headers
}

/// The queue of a type of message: its plural.
#[must_use]
pub fn queue_of(type_name: &str) -> &'static str {
    match type_name.split('.').next() {
        Some("exchange-request") => "exchange-requests",
        Some("publish-job") => "publish-jobs",
        Some("rotation-tick") => "rotation-ticks",
        Some("rotation-shard") => "rotation-shards",
        Some("notice") => "notices",
        Some("revocation-request") => "revocation-requests",
        Some("revocation-shard") => "revocation-shards",
        Some("connection-query") => "connection-queries",
        _ => panic!("{type_name} waits on no queue"),
    }
}
