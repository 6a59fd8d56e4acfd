//! The key that producers seal to: rotated, retired, away.

use std::fs;

use sealpost_tests::command::run;
use sealpost_tests::pipeline::{SOON, WIRE};
use sealpost_tests::{Pipeline, until};
use serde_json::{Value, json};

use super::{refused, sealed_request, strict};

const TYPE: &str = "exchange-request.v1";

async fn kid(pipeline: &Pipeline) -> String {
    let jwks = run(pipeline, &["keys", "jwks", "--json"]).await.json();
    jwks["keys"][0]["kid"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_message_opens_that_was_sealed_before_the_key_was_rotated() {
    let pipeline = strict().await;
    // it makes the queues, and is gone
    let first = pipeline.worker().await;
    first.terminate();
    first.ended().await;
    let (old, request) = (kid(&pipeline).await, sealed_request(&pipeline).await);
    assert_eq!(request["grant"]["code"]["key"], old);
    let correlation = pipeline.send(TYPE, &request).await;
    let rotated = run(&pipeline, &["keys", "rotate", "--wire", "--json"]).await.json();
    assert_eq!(rotated["key"], WIRE);
    assert_eq!(kid(&pipeline).await, rotated["version"].as_str().unwrap());
    let worker = pipeline.worker().await;
    assert_eq!(pipeline.answer(&correlation).await.json()["outcome"], "stored");

    // a running worker takes up what comes after it too
    let (status, jwks) = worker.page("/jwks").await;
    assert_eq!((status, jwks.trim()), (200, run(&pipeline, &["keys", "jwks"]).await.stdout.trim()));
    assert_eq!(run(&pipeline, &["keys", "rotate", "--wire"]).await.stderr, "");
    until("the port shows the newest", SOON, async || worker.page("/jwks").await.1.contains(&kid(&pipeline).await))
        .await;
    assert_eq!(pipeline.ask(TYPE, &sealed_request(&pipeline).await).await["outcome"], "stored");
    // and the keys that seal records stayed as they were
    assert_eq!(run(&pipeline, &["keys", "list", "--json"]).await.json()["versions"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_version_is_switched_off_only_when_nothing_can_need_it_or_somebody_says_that_it_does_not_matter() {
    let pipeline = strict().await;
    let _worker = pipeline.worker().await;
    let (old, request) = (kid(&pipeline).await, sealed_request(&pipeline).await);
    let latest = run(&pipeline, &["keys", "retire", &old]).await;
    assert!(!latest.good && latest.stderr.contains("keys rotate --wire"), "{}", latest.stderr);
    assert!(run(&pipeline, &["keys", "rotate", "--wire"]).await.good);
    let early = run(&pipeline, &["keys", "retire", &old]).await;
    assert!(!early.good && early.stderr.contains("--even-if-messages-need-it"), "{}", early.stderr);
    let listed = run(&pipeline, &["keys", "list", "--wire"]).await;
    assert!(listed.row(&[&old, "older"]).is_some(), "{}", listed.stdout);
    let retired = run(&pipeline, &["keys", "retire", &old, "--even-if-messages-need-it", "--json"]).await;
    assert_eq!(retired.json(), json!({"key": WIRE, "version": old, "retired": true, "held": 0}));
    let listed = run(&pipeline, &["keys", "list", "--wire", "--json"]).await.json();
    assert_eq!((&listed["versions"][0]["enabled"], &listed["versions"][1]["state"]), (&json!(false), &json!("latest")));

    // what needs it waits among the dead letters, and opens once that is taken back
    let (_, letter) = refused(&pipeline, TYPE, &request, "sealed-key-unknown").await;
    assert_eq!(letter.json(), request);
    pipeline.send(TYPE, &request).await;
    until("it is a dead letter", SOON, async || pipeline.rig.broker.depth("dead-letters").await == 1).await;
    assert!(run(&pipeline, &["keys", "retire", &old, "--undo"]).await.good);
    let replayed = run(&pipeline, &["dead", "replay", request["id"].as_str().unwrap()]).await;
    assert!(replayed.good, "{}", replayed.stderr);
    let stored = pipeline.event("connection.stored").await.json();
    assert_eq!(stored["request"], request["id"]);
}

#[tokio::test]
async fn versions_that_were_replaced_long_ago_are_switched_off_without_a_word() {
    let pipeline = strict().await;
    let old = kid(&pipeline).await;
    // made in 1970
    pipeline.rotate_key_of(WIRE);
    let retired = run(&pipeline, &["keys", "retire", &old, "--key", WIRE]).await;
    assert!(retired.good && retired.stdout.contains("is switched off"), "{}{}", retired.stdout, retired.stderr);
}

#[tokio::test]
async fn a_version_that_was_replaced_long_ago_stays_on_while_a_dead_letter_needs_it_that_may_be_replayed() {
    let pipeline = strict().await;
    let _worker = pipeline.worker().await;
    let (old, mut request) = (kid(&pipeline).await, sealed_request(&pipeline).await);
    request["provider"] = json!("nowhere");
    pipeline.ask(TYPE, &request).await;
    until("it is a dead letter", SOON, async || pipeline.rig.broker.depth("dead-letters").await == 1).await;
    // made in 1970
    pipeline.rotate_key_of(WIRE);
    let early = run(&pipeline, &["keys", "retire", &old]).await;
    assert!(!early.good && early.stderr.contains("1 dead letters"), "{}{}", early.stdout, early.stderr);
    until("it is given back", SOON, async || pipeline.rig.broker.depth("dead-letters").await == 1).await;
    pipeline.rig.broker.drain("dead-letters").await;
    let retired = run(&pipeline, &["keys", "retire", &old]).await;
    assert!(retired.good && retired.stdout.contains("is switched off"), "{}{}", retired.stdout, retired.stderr);
}

#[tokio::test]
async fn while_the_key_source_is_away_a_message_waits_and_then_opens() {
    let pipeline = strict().await;
    let worker = pipeline.worker().await;
    // a version that the worker has not read before the file is gone
    pipeline.rotate_key_of(WIRE);
    let (request, keyring) = (sealed_request(&pipeline).await, fs::read(pipeline.keyring()).unwrap());
    fs::write(pipeline.keyring(), "not a keyring").unwrap();
    let correlation = pipeline.send(TYPE, &request).await;
    worker.logged("key-source-unavailable").await;
    fs::write(pipeline.keyring(), keyring).unwrap();
    let answer: Value = pipeline.answer(&correlation).await.json();
    assert_eq!(answer["outcome"], "stored", "{answer}");
    assert_eq!(pipeline.rig.broker.depth("dead-letters").await, 0);
}
