//! A consent that is given while the old one is not revoked yet.

use sealpost_tests::{Pipeline, Setup};
use serde_json::{Value, json};

use super::world::{done, is_taken, minted, not_yet, one, pipeline_with, record, step, word};

/// Ada's connection ends while the platform is down, and she gives a new consent. Returns the tokens of both, and the
/// receipt of the retry.
async fn consented_meanwhile(pipeline: &Pipeline) -> (Value, Value, Value) {
    let step = step(pipeline).await;
    let old = minted(pipeline, "ada", "default").await;
    pipeline.sandbox.fault(json!({"path": "/revoke", "kind": "status", "status": 503})).await;
    let request = one("ada");
    not_yet(&step, &request, 1).await;
    let new = minted(pipeline, "ada", "default").await;
    let answer = done(&step, &request, 2).await;
    assert!(record(pipeline, "ada").await.is_some(), "the new consent stays");
    assert_eq!(pipeline.held(&pipeline.newest_version().await).await, 1, "and nothing else");
    (old, new, answer)
}

#[tokio::test]
async fn where_a_token_ends_the_whole_grant_a_retry_ends_as_superseded() {
    let pipeline = pipeline_with("revoke = 'grant'", Setup { shards: 4, ..Setup::default() }).await;
    let (_, new, answer) = consented_meanwhile(&pipeline).await;
    assert_eq!(word(&answer, "ada"), "superseded");
    assert_eq!(pipeline.sandbox.stats().await["revoke"], json!({}), "nothing was asked of the platform");
    assert!(is_taken(&pipeline, &new).await);
}

#[tokio::test]
async fn where_a_token_ends_only_itself_a_retry_revokes_it_beside_the_new_one() {
    let pipeline = pipeline_with("revoke = 'token'", Setup { shards: 4, ..Setup::default() }).await;
    let (old, new, answer) = consented_meanwhile(&pipeline).await;
    assert_eq!(word(&answer, "ada"), "revoked");
    assert!(!is_taken(&pipeline, &old).await && is_taken(&pipeline, &new).await);
}
