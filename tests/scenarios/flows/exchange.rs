//! Consent in, a connection out.

use sealpost_tests::Pipeline;
use sealpost_tests::pipeline::{exchange_request, properties};
use serde_json::Value;

/// What must be in no answer and no event.
fn no_token_in(value: &Value) {
    let text = value.to_string();
    for token in ["spa_", "spr_", "spc_", "access_token", "refresh_token"] {
        assert!(!text.contains(token), "{token} in {text}");
    }
}

#[tokio::test]
async fn a_consent_is_stored_and_answered_in_json_without_its_tokens() {
    let pipeline = Pipeline::start().await;
    let _worker = pipeline.worker().await;
    let request = exchange_request("acme", "ada", &pipeline.consent("ada").await);
    let correlation = pipeline.send("exchange-request.v1", &request).await;
    let answer = pipeline.answer(&correlation).await;
    assert_eq!(answer.properties.content_type().as_ref().unwrap().as_str(), "application/json");
    assert_eq!(answer.properties.kind().as_ref().unwrap().as_str(), "exchange-result.v1");
    let body = answer.json();
    assert_eq!(answer.properties.message_id().as_ref().unwrap().as_str(), body["id"]);
    assert_eq!((&body["outcome"], &body["request"]), (&"stored".into(), &request["id"]), "{body}");
    assert_eq!(body["connection"]["user"], "ada");
    assert_eq!(body["scopes"], serde_json::json!(["profile", "posts.read", "posts.write"]));
    no_token_in(&body);

    let event = pipeline.event("connection.stored").await;
    assert_eq!(event.json(), body);
    assert_eq!(pipeline.sandbox.stats().await["token"]["authorization_code"]["ok"], 1);
}

#[tokio::test]
async fn a_request_in_messagepack_is_answered_in_messagepack() {
    let pipeline = Pipeline::start().await;
    let _worker = pipeline.worker().await;
    let request = exchange_request("acme", "ada", &pipeline.consent("ada").await);
    let body = rmp_serde::to_vec_named(&request).unwrap();
    let properties = properties("exchange-request.v1", request["id"].as_str().unwrap())
        .with_content_type("application/msgpack".into());
    let correlation = pipeline.send_raw("exchange-request.v1", &body, properties).await;
    let answer = pipeline.answer(&correlation).await;
    assert_eq!(answer.properties.content_type().as_ref().unwrap().as_str(), "application/msgpack");
    let body: Value = rmp_serde::from_slice(&answer.body).unwrap();
    assert_eq!((&body["outcome"], &body["request"]), (&"stored".into(), &request["id"]), "{body}");
    no_token_in(&body);
}

#[tokio::test]
async fn the_same_request_twice_spends_its_code_once_and_is_answered_twice() {
    let pipeline = Pipeline::start().await;
    let _worker = pipeline.worker().await;
    let request = exchange_request("acme", "ada", &pipeline.consent("ada").await);
    let first = pipeline.ask("exchange-request.v1", &request).await;
    let second = pipeline.ask("exchange-request.v1", &request).await;
    assert_eq!(first["outcome"], "stored", "{first}");
    assert_eq!(first, second);
    assert_eq!(pipeline.sandbox.stats().await["token"]["authorization_code"], serde_json::json!({"ok": 1}));
}
