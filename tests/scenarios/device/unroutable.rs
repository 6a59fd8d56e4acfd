//! Answers that reach no queue: the tokens wait.

use lapin::types::FieldTable;
use sealpost_tests::Pipeline;
use sealpost_tests::pipeline::{properties, text_of};
use serde_json::json;

use super::world::{calls, exchange, job, park, pickup, publish, request, tokens, unparked};

#[tokio::test]
async fn tokens_whose_queue_is_gone_wait_and_the_same_request_gets_them_with_one() {
    let pipeline = Pipeline::start().await;
    let _worker = pipeline.worker().await;
    let request = request(&pipeline, "ada").await;
    let bytes = serde_json::to_vec(&request).unwrap();
    let nowhere = properties("exchange-request.v1", request["id"].as_str().unwrap()).with_reply_to("gone".into());
    pipeline.send_raw("exchange-request.v1", &bytes, nowhere.clone()).await;
    assert_eq!(pipeline.event("connection.on-device").await.json()["outcome"], "on-device");
    let waits = park(&pipeline, "ada").await.expect("a park");
    assert!(waits.exchange && waits.from.is_empty());
    assert_eq!(pipeline.held(&pipeline.newest_version().await).await, 3, "record, park and ledger entry");
    assert_eq!(pipeline.rig.broker.depth("dead-letters").await, 0);
    pipeline.rig.broker.declare("gone", FieldTable::default()).await;
    pipeline.send_raw("exchange-request.v1", &bytes, nowhere).await;
    unparked(&pipeline, "ada").await;
    let answers = pipeline.rig.broker.drain("gone").await;
    assert_eq!(answers.len(), 1);
    let held = tokens(&answers[0].json());
    assert_eq!(publish(&pipeline, &job("ada", "with them", &held)).await["outcome"], "published");
    assert_eq!(calls(&pipeline, "authorization_code").await, json!({"ok": 1}));
}

#[tokio::test]
async fn what_a_new_consent_brought_and_could_not_be_answered_goes_to_who_holds_the_tokens_before() {
    let pipeline = Pipeline::start().await;
    let _worker = pipeline.worker().await;
    let held = super::world::connected(&pipeline, "ada").await;
    let again = request(&pipeline, "ada").await;
    let nowhere = properties("exchange-request.v1", again["id"].as_str().unwrap()).with_reply_to("gone".into());
    pipeline.send_raw("exchange-request.v1", &serde_json::to_vec(&again).unwrap(), nowhere).await;
    pipeline.event("connection.on-device").await;
    let newer = tokens(&exchange(&pipeline, &pickup("ada", &held)).await);
    assert_ne!(newer["refresh_token"], held["refresh_token"]);
}

#[tokio::test]
async fn a_device_that_uses_its_tokens_has_them_whatever_became_known_of_the_answer() {
    let pipeline = Pipeline::start().await;
    let _worker = pipeline.worker().await;
    let request = request(&pipeline, "ada").await;
    let bytes = serde_json::to_vec(&request).unwrap();
    let nowhere = properties("exchange-request.v1", request["id"].as_str().unwrap()).with_reply_to("gone".into());
    pipeline.send_raw("exchange-request.v1", &bytes, nowhere).await;
    pipeline.event("connection.on-device").await;
    let waits = park(&pipeline, "ada").await.expect("a park");
    let keys = pipeline.sealing_keys().await;
    let content = waits.open(&keys.get(waits.key()).await.unwrap()).unwrap();
    let text = |secret: &Option<secrecy::SecretString>| {
        secrecy::ExposeSecret::expose_secret(secret.as_ref().unwrap()).to_owned()
    };
    let held = json!({"access_token": text(&content.tokens.access_token),
                      "refresh_token": text(&content.tokens.refresh_token)});
    let answer = publish(&pipeline, &job("ada", "they arrived", &held)).await;
    assert_eq!((&answer["outcome"], &answer["tokens_refreshed"]), (&json!("published"), &json!(false)), "{answer}");
    assert!(park(&pipeline, "ada").await.is_none());
}

#[tokio::test]
async fn they_wait_as_long_as_is_configured() {
    let pipeline = Pipeline::start().await;
    let config = text_of(&pipeline.config());
    pipeline.write("sealpost.toml", &format!("{config}[device]\nparked_seconds = 3600\n"));
    let _worker = pipeline.worker().await;
    let request = request(&pipeline, "ada").await;
    let bytes = serde_json::to_vec(&request).unwrap();
    let nowhere = properties("exchange-request.v1", request["id"].as_str().unwrap()).with_reply_to("gone".into());
    pipeline.send_raw("exchange-request.v1", &bytes, nowhere).await;
    pipeline.event("connection.on-device").await;
    let waits = park(&pipeline, "ada").await.expect("a park");
    let left = waits.until.duration_since(waits.now).as_secs();
    assert!((3000..=3600).contains(&left), "{left} seconds");
}
