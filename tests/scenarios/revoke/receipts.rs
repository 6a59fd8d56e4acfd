//! One connection ends.

use sealpost_tests::pipeline::{exchange_request, publish_job};
use serde_json::json;

use super::world::{all_of, is_taken, minted, one, pipeline, record, word};

#[tokio::test]
async fn both_tokens_are_revoked_the_record_goes_and_the_receipt_says_so_however_often_it_is_asked_for() {
    let pipeline = pipeline().await;
    let worker = pipeline.worker().await;
    let tokens = minted(&pipeline, "ada", "default").await;
    let request = one("ada");
    let answer = pipeline.ask("revocation-request.v1", &request).await;
    assert_eq!(word(&answer, "ada"), "revoked");
    assert_eq!((&answer["request"], &answer["counts"]["revoked"]), (&request["id"], &json!(1)), "{answer}");
    assert_eq!(pipeline.event("connection.revoked").await.json(), answer, "everybody is told the same");
    assert_eq!(pipeline.sandbox.stats().await["revoke"], json!({"ok": 2}), "refresh token and access token");
    assert!(!is_taken(&pipeline, &tokens).await);
    assert!(record(&pipeline, "ada").await.is_none());
    assert_eq!(pipeline.held(&pipeline.newest_version().await).await, 0, "nothing is sealed any more");
    let published = pipeline.ask("publish-job.v1", &publish_job("acme", "ada", "never")).await;
    assert_eq!(published["failure"]["code"], "no-connection", "{published}");

    assert_eq!(pipeline.ask("revocation-request.v1", &request).await, answer);
    assert_eq!(pipeline.sandbox.stats().await["revoke"], json!({"ok": 2}), "once");
    worker.measured("sealpost_revocations_total", &["outcome=\"revoked\""], 1).await;
    worker.measured("sealpost_jobs_total", &["revocation-requests", "connection.revoked"], 2).await;
}

#[tokio::test]
async fn a_repeated_request_leaves_what_was_connected_since() {
    let pipeline = pipeline().await;
    let _worker = pipeline.worker().await;
    for ends in [one, all_of] {
        pipeline.connect("ada").await;
        let request = ends("ada");
        assert_eq!(word(&pipeline.ask("revocation-request.v1", &request).await, "ada"), "revoked");
        pipeline.connect("ada").await;
        assert_eq!(word(&pipeline.ask("revocation-request.v1", &request).await, "ada"), "revoked", "as told before");
        let published = pipeline.ask("publish-job.v1", &publish_job("acme", "ada", "anew")).await;
        assert_eq!(published["outcome"], "published", "{published}");
        // a new one ends it
        assert_eq!(word(&pipeline.ask("revocation-request.v1", &ends("ada")).await, "ada"), "revoked");
        assert!(record(&pipeline, "ada").await.is_none());
    }
}

#[tokio::test]
async fn of_what_is_not_there_the_receipt_is_empty() {
    let pipeline = pipeline().await;
    let _worker = pipeline.worker().await;
    for request in [one("nobody"), all_of("nobody")] {
        let answer = pipeline.ask("revocation-request.v1", &request).await;
        assert_eq!((&answer["outcome"], &answer["receipts"]), (&json!("done"), &json!([])), "{answer}");
    }
}

#[tokio::test]
async fn an_exchange_that_is_delivered_again_after_a_revocation_brings_nothing_back() {
    let pipeline = pipeline().await;
    let _worker = pipeline.worker().await;
    let exchange = exchange_request("acme", "ada", &pipeline.consent("ada").await);
    let stored = pipeline.ask("exchange-request.v1", &exchange).await;
    assert_eq!(stored["outcome"], "stored");
    assert_eq!(word(&pipeline.ask("revocation-request.v1", &one("ada")).await, "ada"), "revoked");
    assert_eq!(pipeline.ask("exchange-request.v1", &exchange).await, stored, "as told before");
    assert!(record(&pipeline, "ada").await.is_none());
    assert_eq!(pipeline.sandbox.stats().await["token"]["authorization_code"], json!({"ok": 1}));
}

#[tokio::test]
async fn another_request_under_a_used_id_is_refused_and_ends_nothing() {
    let pipeline = pipeline().await;
    let _worker = pipeline.worker().await;
    pipeline.connect("ada").await;
    let first = one("nobody");
    let mut first_of_ada = one("ada");
    first_of_ada["label"] = json!("other");
    pipeline.ask("revocation-request.v1", &first).await;
    pipeline.ask("revocation-request.v1", &first_of_ada).await;
    let mut second = one("ada");
    second["id"] = first_of_ada["id"].clone();
    let answer = pipeline.ask("revocation-request.v1", &second).await;
    assert_eq!((&answer["outcome"], &answer["failure"]["code"]), (&json!("failed"), &json!("id-reused")), "{answer}");
    assert_eq!(pipeline.event("connection.revocation-failed").await.json(), answer);
    pipeline.dead_letter().await;
    assert!(record(&pipeline, "ada").await.is_some());
    // of another owner the same id is another request
    second["id"] = first["id"].clone();
    assert_eq!(word(&pipeline.ask("revocation-request.v1", &second).await, "ada"), "revoked");
}
