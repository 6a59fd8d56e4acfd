//! An answer that is lost may have spent the token: it is sent once more, and the provider's word decides.

use redis::Commands;
use sealpost_tests::pipeline::SOON;
use sealpost_tests::{Pipeline, until};
use serde_json::{Value, json};

use super::world::{import, record, refreshes, request, token_of};
use crate::ledger::world::{Entry, owner, pipeline};

/// Has a worker send a token whose call meets this fault. The owner's connections were revoked once, long ago.
async fn begun(pipeline: &Pipeline, fault: Value) -> (Value, String) {
    let request = request("ada", &token_of(pipeline, "ada").await);
    pipeline.store().await.move_epoch(&owner(&request)).await.unwrap();
    pipeline.sandbox.fault(fault).await;
    let correlation = pipeline.send("exchange-request.v1", &request).await;
    until("the token call is made", SOON, async || pipeline.sandbox.stats().await["faults_fired"] != 0).await;
    (request, correlation)
}

#[tokio::test]
async fn a_token_whose_call_never_arrived_is_brought_in_all_the_same() {
    for kill in [false, true] {
        let pipeline = pipeline(Entry::Plain, None).await;
        let worker = pipeline.worker().await;
        let (_, correlation) = begun(&pipeline, json!({"path": "/token", "kind": "hang"})).await;
        if kill {
            worker.kill9().await;
        }
        let _other = pipeline.worker().await;
        let answer = pipeline.answer(&correlation).await.json();
        assert_eq!(answer["outcome"], "stored", "{answer}");
        assert_eq!(refreshes(&pipeline).await, json!({"ok": 1}));
    }
}

#[tokio::test]
async fn a_token_whose_new_ones_were_lost_is_reported_as_that() {
    for kill in [false, true] {
        let pipeline = pipeline(Entry::Plain, None).await;
        let worker = pipeline.worker().await;
        let (request, correlation) = begun(&pipeline, json!({"path": "/token", "kind": "hang", "when": "after"})).await;
        if kill {
            worker.kill9().await;
        }
        let _other = pipeline.worker().await;
        let answer = pipeline.answer(&correlation).await.json();
        assert_eq!(answer["failure"]["code"], "exchange-outcome-lost", "{answer}");
        assert_eq!(answer["failure"]["provider_error"]["error"], "invalid_grant", "{answer}");
        assert_eq!(pipeline.ask("exchange-request.v1", &request).await, answer, "the same is told again");
        assert!(record(&pipeline, "ada").await.is_none());
    }
}

#[tokio::test]
async fn what_was_stored_before_its_worker_died_is_told_by_another_and_not_sent_again() {
    let pipeline = pipeline(Entry::Plain, None).await;
    let worker = pipeline.worker().await;
    let slow = json!({"path": "/token", "kind": "slow", "when": "after", "delay_ms": 1000});
    let (_, correlation) = begun(&pipeline, slow).await;
    until("it is stored", SOON, async || record(&pipeline, "ada").await.is_some()).await;
    worker.kill9().await;
    let _other = pipeline.worker().await;
    let answer = pipeline.answer(&correlation).await.json();
    assert_eq!(answer["outcome"], "stored", "{answer}");
    assert_eq!(refreshes(&pipeline).await, json!({"ok": 1}));
}

#[tokio::test]
async fn a_token_that_another_request_brought_in_meanwhile_is_not_sent_again_and_its_answer_stays() {
    let pipeline = pipeline(Entry::Plain, None).await;
    let worker = pipeline.worker().await;
    let (lost, correlation) = begun(&pipeline, json!({"path": "/token", "kind": "hang"})).await;
    worker.kill9().await;
    // as if the worker had been away for longer than its turn at the token lasts
    let mut redis = redis::Client::open(pipeline.rig.redis_url()).unwrap().get_connection().unwrap();
    let turns: Vec<String> = redis.keys("*:import:*").unwrap();
    let _: () = redis.del(turns).unwrap();
    let _other = pipeline.worker().await;
    let token = lost["grant"]["refresh_token"].as_str().unwrap();
    assert_eq!(import(&pipeline, "ada", token).await["outcome"], "stored");
    let answer = pipeline.answer(&correlation).await.json();
    assert_eq!(answer["outcome"], "stored", "{answer}");
    assert_eq!(refreshes(&pipeline).await, json!({"ok": 1}));
    // from here on the connection is one whose access token has no end
    let body = r#"{"access_token":"x","token_type":"Bearer"}"#;
    pipeline.sandbox.fault(json!({"path": "/token", "kind": "status", "body": body})).await;
    assert_eq!(import(&pipeline, "ada", &token_of(&pipeline, "ada").await).await["expires_at"], Value::Null);
    assert_eq!(pipeline.ask("exchange-request.v1", &lost).await, answer, "the same is told again");
}
