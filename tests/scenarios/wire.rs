//! Secrets that are sealed on the wire: what opens, what does not and why, and what a plain one comes to.

mod commands;
mod flows;
mod keys;
mod moved;
mod readers;
mod required;

use sealpost_tests::pipeline::{SOON, exchange_request};
use sealpost_tests::{Message, Pipeline, Setup};
use serde_json::{Value, json};

/// A pipeline that takes sealed secrets only.
async fn strict() -> Pipeline {
    Pipeline::start_with(Setup { require_sealed: true, ..Setup::default() }).await
}

/// A request to exchange a consent of ada's, with a reply key, sealed.
async fn sealed_request(pipeline: &Pipeline) -> Value {
    let mut request = exchange_request("acme", "ada", &pipeline.consent("ada").await);
    let x = "3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08";
    request["reply_key"] = json!({"kty": "OKP", "crv": "X25519", "x": x});
    pipeline.sealed("exchange-request.v1", &request).await
}

/// Sends a message that is refused with this code, and gives its dead letter.
async fn refused(pipeline: &Pipeline, type_name: &str, body: &Value, code: &str) -> (Value, Message) {
    let answer = pipeline.ask(type_name, body).await;
    assert_eq!((&answer["outcome"], &answer["failure"]["code"]), (&json!("failed"), &json!(code)), "{answer}");
    let letter = pipeline.rig.broker.next("dead-letters", SOON).await;
    assert_eq!(letter.header("sealpost-code").as_deref(), Some(code));
    (answer, letter)
}

/// How many codes were spent at the platform.
async fn spent(pipeline: &Pipeline) -> Value {
    pipeline.sandbox.stats().await["token"].clone()
}
