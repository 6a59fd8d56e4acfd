//! Workers that are killed in the middle of it.

use sealpost_tests::pipeline::{SOON, exchange_request};
use sealpost_tests::until;
use serde_json::json;

use super::world::{impatient, is_taken, minted, one, pipeline_with, record, tenant, word};

#[tokio::test]
async fn a_worker_that_is_killed_while_the_platform_is_asked_leaves_the_rest_to_another() {
    for (fault, revoked) in [
        (json!({"path": "/revoke", "kind": "hang"}), json!({"ok": 2})),
        // the platform has done it, and nobody knows
        (json!({"path": "/revoke", "kind": "hang", "when": "after"}), json!({"ok": 2, "unknown": 1})),
    ] {
        let pipeline = pipeline_with("", impatient()).await;
        let worker = pipeline.worker().await;
        let tokens = minted(&pipeline, "ada", "default").await;
        pipeline.sandbox.fault(fault).await;
        let correlation = pipeline.send("revocation-request.v1", &one("ada")).await;
        until("the platform hangs", SOON, async || pipeline.sandbox.stats().await["faults_fired"] == 1).await;
        worker.kill9().await;
        assert!(record(&pipeline, "ada").await.is_none(), "it is buried before anybody is asked");
        assert_eq!(pipeline.held(&pipeline.newest_version().await).await, 1, "and its tombstone is there");
        let _other = pipeline.worker().await;
        assert_eq!(word(&pipeline.answer(&correlation).await.json(), "ada"), "revoked");
        assert_eq!(pipeline.sandbox.stats().await["revoke"], revoked);
        assert!(!is_taken(&pipeline, &tokens).await);
        assert_eq!(pipeline.held(&pipeline.newest_version().await).await, 0);
    }
}

#[tokio::test]
async fn workers_that_are_killed_while_a_tenant_ends_leave_nothing_out() {
    let pipeline = pipeline_with("", impatient()).await;
    for number in 0..12 {
        minted(&pipeline, &format!("user-{number}"), "default").await;
    }
    let mut worker = pipeline.worker().await;
    pipeline.sandbox.fault(json!({"path": "/revoke", "kind": "hang", "n": 3})).await;
    let correlation = pipeline.send("revocation-request.v1", &tenant("acme")).await;
    until("the platform hangs", SOON, async || pipeline.sandbox.stats().await["faults_fired"] == 3).await;
    worker.kill9().await;
    worker = pipeline.worker().await;
    let answer = pipeline.answer(&correlation).await.json();
    assert_eq!(answer["counts"]["revoked"], 12, "{answer}");
    assert_eq!(pipeline.held(&pipeline.newest_version().await).await, 0);
    drop(worker);
}

#[tokio::test]
async fn the_newest_token_is_what_is_revoked_when_a_refresh_is_under_way() {
    let pipeline = pipeline_with("", sealpost_tests::Setup { shards: 4, ..Default::default() }).await;
    let worker = pipeline.worker().await;
    pipeline.connect("ada").await;
    pipeline.sandbox.admin(reqwest::Method::POST, "expire", Some(json!({"user": "ada"}))).await;
    let before = record(&pipeline, "ada").await.unwrap();
    // the platform says that the access token is no good, and is slow to give another one
    let slow = json!({"path": "/token", "kind": "slow", "when": "after", "delay_ms": 1500});
    pipeline.sandbox.fault(slow).await;
    let job = sealpost_tests::pipeline::publish_job("acme", "ada", "in between");
    pipeline.send("publish-job.v1", &job).await;
    until("the refresh is under way", SOON, async || pipeline.sandbox.stats().await["faults_fired"] == 1).await;
    pipeline.sandbox.fault(json!({"path": "/revoke", "kind": "status", "status": 503})).await;
    let correlation = pipeline.send("revocation-request.v1", &one("ada")).await;
    let pending = pipeline.event("connection.revoked").await.json();
    let receipt = &pending["receipts"][0];
    assert_eq!((&receipt["provider"], &receipt["deleted"]), (&json!("pending"), &json!(false)), "{pending}");
    // what is buried is what the refresh brought
    let store = pipeline.store().await;
    let buried = until("it is buried", SOON, async || {
        let ids = store.tombstones_of(&before.id).await.unwrap();
        let tombstone = store.load_tombstone(ids.first()?).await.unwrap()?;
        Some((ids.len(), tombstone.id.generation))
    });
    let (number, generation) = buried.await;
    assert_eq!(number, 1);
    assert_ne!(generation, before.metadata.generation, "the newest");
    assert_eq!(word(&pipeline.answer(&correlation).await.json(), "ada"), "revoked");
    assert_eq!(pipeline.sandbox.stats().await["token"]["refresh_token"], json!({"ok": 1}));
    assert_eq!(pipeline.sandbox.stats().await["revoke"]["ok"], 2);
    assert!(record(&pipeline, "ada").await.is_none());
    drop(worker);
}

#[tokio::test]
async fn an_exchange_that_is_under_way_is_waited_for_and_what_it_brings_is_revoked() {
    let pipeline = pipeline_with("", sealpost_tests::Setup { shards: 4, ..Default::default() }).await;
    let _worker = pipeline.worker().await;
    pipeline.sandbox.fault(json!({"path": "/token", "kind": "slow", "when": "after", "delay_ms": 1500})).await;
    let exchange = exchange_request("acme", "ada", &pipeline.consent("ada").await);
    let exchanged = pipeline.send("exchange-request.v1", &exchange).await;
    until("the code is sent", SOON, async || pipeline.sandbox.stats().await["faults_fired"] == 1).await;
    let ended = pipeline.send("revocation-request.v1", &one("ada")).await;
    let answer = pipeline.answer(&ended).await.json();
    assert_eq!(answer["outcome"], "done", "{answer}");
    // by then nothing of it is left anywhere
    assert_eq!(pipeline.sandbox.stats().await["revoke"], json!({"ok": 2}));
    let store = pipeline.store().await;
    assert_eq!(store.count_tombstones().await.unwrap(), 0);
    assert!(record(&pipeline, "ada").await.is_none());
    let told = pipeline.answer(&exchanged).await.json();
    assert_eq!(told["failure"]["code"], "revoked", "{told}");
}
