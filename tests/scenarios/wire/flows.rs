//! What is sealed is done as if it had come plain.

use lapin::types::AMQPValue;
use sealpost_tests::Pipeline;
use sealpost_tests::pipeline::{SOON, WIRE, attempt, exchange_request, properties, publish_job};
use serde_json::{Value, json};

use super::{sealed_request, strict};

const TYPE: &str = "exchange-request.v1";

#[tokio::test]
async fn a_sealed_consent_becomes_a_connection_that_publishes() {
    let pipeline = strict().await;
    let _worker = pipeline.worker().await;
    let answer = pipeline.ask(TYPE, &sealed_request(&pipeline).await).await;
    assert_eq!(answer["outcome"], "stored", "{answer}");
    let published = pipeline.ask("publish-job.v1", &publish_job("acme", "ada", "Hello")).await;
    assert_eq!(published["outcome"], "published", "{published}");
}

#[tokio::test]
async fn a_sealed_refresh_token_is_brought_in_in_messagepack() {
    let pipeline = strict().await;
    let _worker = pipeline.worker().await;
    let minted = pipeline.sandbox.mint_tokens("ada").await;
    let mut request = exchange_request("acme", "ada", &pipeline.consent("ada").await);
    request["grant"] = json!({"type": "refresh_token", "refresh_token": minted["refresh_token"]});
    let request = pipeline.sealed(TYPE, &request).await;
    let id = request["id"].as_str().unwrap();
    let properties = properties(TYPE, id).with_content_type("application/msgpack".into());
    let correlation = pipeline.send_raw(TYPE, &rmp_serde::to_vec_named(&request).unwrap(), properties).await;
    let answer = pipeline.answer(&correlation).await;
    let answer: Value = rmp_serde::from_slice(&answer.body).unwrap();
    assert_eq!(answer["outcome"], "stored", "{answer}");
}

#[tokio::test]
async fn fields_that_are_not_known_here_count_as_the_producer_sent_them() {
    let pipeline = strict().await;
    let _worker = pipeline.worker().await;
    let mut request = exchange_request("acme", "ada", &pipeline.consent("ada").await);
    request["newer"] = json!({"z": [1.5, "€", null], "a": true});
    let sealed = pipeline.sealed(TYPE, &request).await;
    // another order, and another way to write the same
    let mut text =
        format!("{{\"newer\": {{\"a\": true, \"z\": [15e-1, \"\\u20ac\", null]}}, {}", &sealed.to_string()[1..]);
    let at = text.rfind(",\"newer\"").unwrap();
    text.replace_range(at.., "}");
    let id = request["id"].as_str().unwrap();
    let correlation = pipeline.send_raw(TYPE, text.as_bytes(), properties(TYPE, id)).await;
    let answer = pipeline.answer(&correlation).await.json();
    assert_eq!(answer["outcome"], "stored", "{answer}");
}

#[tokio::test]
async fn the_same_request_sealed_anew_or_plain_is_the_same_and_another_secret_is_another() {
    let pipeline = Pipeline::start().await;
    let _worker = pipeline.worker().await;
    let plain = exchange_request("acme", "ada", &pipeline.consent("ada").await);
    let first = pipeline.ask(TYPE, &pipeline.sealed(TYPE, &plain).await).await;
    assert_eq!(first["outcome"], "stored", "{first}");
    for again in [pipeline.sealed(TYPE, &plain).await, plain.clone()] {
        assert_eq!(pipeline.ask(TYPE, &again).await, first);
    }
    assert_eq!(super::spent(&pipeline).await["authorization_code"]["ok"], 1);
    let mut other = plain;
    other["grant"]["code"] = json!("another");
    let answer = pipeline.ask(TYPE, &pipeline.sealed(TYPE, &other).await).await;
    assert_eq!(answer["failure"]["code"], "id-reused", "{answer}");
}

#[tokio::test]
async fn a_retry_opens_as_the_first_attempt_does() {
    let pipeline = strict().await;
    let _worker = pipeline.worker().await;
    let request = sealed_request(&pipeline).await;
    let mut headers = attempt(3);
    headers.insert("sealpost-origin".into(), AMQPValue::LongString("exchange-requests".into()));
    let properties = properties(TYPE, request["id"].as_str().unwrap()).with_headers(headers);
    let correlation = pipeline.send_raw(TYPE, request.to_string().as_bytes(), properties).await;
    assert_eq!(pipeline.answer(&correlation).await.json()["outcome"], "stored");
}

#[tokio::test]
async fn what_is_to_be_tried_again_waits_as_it_was_sealed() {
    let pipeline = strict().await;
    let _worker = pipeline.worker().await;
    // a version that the worker has not read before the file is gone
    pipeline.rotate_key_of(WIRE);
    let request = sealed_request(&pipeline).await;
    pipeline.write("keyring.json", "not a keyring");
    let properties = properties(TYPE, request["id"].as_str().unwrap()).with_headers(attempt(9));
    pipeline.send_raw(TYPE, request.to_string().as_bytes(), properties).await;
    let waiting = pipeline.rig.broker.next("delay.1h", SOON).await;
    assert_eq!(waiting.json(), request);
}
