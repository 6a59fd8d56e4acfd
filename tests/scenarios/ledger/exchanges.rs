//! A code is sent once, whatever happens to the worker that sent it, and is not stored after a revocation.

use sealpost_tests::pipeline::{SOON, exchange_request};
use sealpost_tests::{Pipeline, until};
use serde_json::{Value, json};

use super::world::{Entry, owner, pipeline};

/// Has a worker begin an exchange whose token call meets this fault, and returns the request and its correlation.
async fn begun(pipeline: &Pipeline, fault: Value) -> (Value, String) {
    let request = exchange_request("acme", "ada", &pipeline.consent("ada").await);
    pipeline.sandbox.fault(fault).await;
    let correlation = pipeline.send("exchange-request.v1", &request).await;
    until("the token call is made", SOON, async || pipeline.sandbox.stats().await["faults_fired"] == 1).await;
    (request, correlation)
}

#[tokio::test]
async fn a_code_whose_worker_died_with_the_answer_is_not_sent_again() {
    for when in ["before", "after"] {
        let pipeline = pipeline(Entry::Plain, None).await;
        let worker = pipeline.worker().await;
        let fault = json!({"path": "/token", "kind": "hang", "when": when});
        let (request, correlation) = begun(&pipeline, fault).await;
        worker.kill9().await;
        let _other = pipeline.worker().await;
        let answer = pipeline.answer(&correlation).await.json();
        assert_eq!(answer["failure"]["code"], "exchange-outcome-lost", "{answer}");
        assert_eq!(pipeline.ask("exchange-request.v1", &request).await, answer, "the same is told again");
        let calls = pipeline.sandbox.stats().await["token"].clone();
        let sent = if when == "before" { Value::Null } else { json!({"ok": 1}) };
        assert_eq!(calls["authorization_code"], sent, "{calls}");
    }
}

#[tokio::test]
async fn another_request_under_a_used_id_is_refused_before_its_code_is_sent() {
    let pipeline = pipeline(Entry::Plain, None).await;
    let _worker = pipeline.worker().await;
    let request = exchange_request("acme", "ada", &pipeline.consent("ada").await);
    assert_eq!(pipeline.ask("exchange-request.v1", &request).await["outcome"], "stored");
    let mut other = exchange_request("acme", "ada", &pipeline.consent("ada").await);
    other["id"] = request["id"].clone();
    let answer = pipeline.ask("exchange-request.v1", &other).await;
    assert_eq!(answer["failure"]["code"], "id-reused", "{answer}");
    assert_eq!(pipeline.sandbox.stats().await["token"]["authorization_code"], json!({"ok": 1}));
    pipeline.dead_letter().await;
}

#[tokio::test]
async fn what_a_consent_from_before_a_revocation_brings_is_not_stored() {
    let pipeline = pipeline(Entry::Plain, None).await;
    let _worker = pipeline.worker().await;
    let slow = json!({"path": "/token", "kind": "slow", "when": "after", "delay_ms": 1500});
    let (request, correlation) = begun(&pipeline, slow).await;
    pipeline.store().await.move_epoch(&owner(&request)).await.unwrap();
    let answer = pipeline.answer(&correlation).await.json();
    assert_eq!(answer["outcome"], "failed", "{answer}");
    let connection = sealpost_tests::pipeline::connection("acme", "ada");
    let store = pipeline.store().await;
    assert!(store.load(&store.locate(&connection)).await.unwrap().is_none());
    pipeline.connect("ada").await;
}

#[tokio::test]
async fn a_request_whose_deadline_has_passed_spends_no_code_and_is_told_so_again() {
    let pipeline = pipeline(Entry::Plain, None).await;
    let _worker = pipeline.worker().await;
    let mut request = exchange_request("acme", "ada", &pipeline.consent("ada").await);
    request["deadline"] = "2026-01-01T00:00:00Z".into();
    let answer = pipeline.ask("exchange-request.v1", &request).await;
    assert_eq!((&answer["outcome"], &answer["failure"]["code"]), (&"failed".into(), &"deadline-passed".into()));
    assert_eq!(pipeline.ask("exchange-request.v1", &request).await, answer);
    assert_eq!(pipeline.sandbox.stats().await["token"], json!({}));
}
