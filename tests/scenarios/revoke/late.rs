//! Tokens that nobody's message looks after.

use sealpost::revoke::Revoke;
use sealpost_schemas::Code;
use sealpost_shared::clock::{Clock, SystemClock};
use sealpost_shared::records::Buried;
use sealpost_tests::Pipeline;
use sealpost_tests::pipeline::connection;
use serde_json::json;

use super::world::{attempt, is_taken, minted, not_yet, one, pipeline, record, step, sweep};

#[tokio::test]
async fn a_tombstone_is_left_to_its_message_at_first_and_swept_when_nobody_comes() {
    let pipeline = pipeline().await;
    let step = step(&pipeline).await;
    let tokens = minted(&pipeline, "ada", "default").await;
    let down = json!({"path": "/revoke", "kind": "status", "status": 503, "n": 2});
    pipeline.sandbox.fault(down).await;
    let request = one("ada");
    assert_eq!(not_yet(&step, &request, 1).await.code, Code::ProviderUnavailable);
    assert_eq!(sweep(&step, 0).await, 1, "not yet");
    assert_eq!(pipeline.sandbox.stats().await["faults_fired"], 1);
    assert_eq!(sweep(&step, 5).await, 1, "the platform is still down");
    assert_eq!(sweep(&step, 60).await, 0);
    assert!(!is_taken(&pipeline, &tokens).await);
    assert_eq!(pipeline.held(&pipeline.newest_version().await).await, 0);
    // its message, should it come again, knows what became of it
    let answer = attempt(&step, &request, 2).await.map_err(|failure| failure.message).unwrap();
    assert_eq!(answer.counts.unwrap().revoked, 1);
    assert_eq!(pipeline.sandbox.stats().await["revoke"], json!({"ok": 2}));
}

/// What a worker leaves that dies when the tokens are buried, and nobody else knows of them.
async fn buried_late(pipeline: &Pipeline, step: &Revoke) -> serde_json::Value {
    let tokens = minted(pipeline, "ada", "default").await;
    let store = step.keeper.store();
    let read = record(pipeline, "ada").await.unwrap();
    let keys = pipeline.sealing_keys().await;
    let content = read.open(&keys.get(read.key()).await.unwrap()).unwrap();
    let (name, key) = keys.newest_of(&connection("acme", "ada").tenant).await.unwrap();
    let tombstone = store.tombstone(&content, sealpost_shared::ids::fresh(), (&name, &key)).unwrap();
    store.bury_late(&tombstone, SystemClock.now()).await.unwrap();
    // again, when the answer of Redis was lost
    store.bury_late(&tombstone, SystemClock.now()).await.unwrap();
    assert_eq!(store.tombstones_of(&read.id).await.unwrap(), [tombstone.id]);
    tokens
}

#[tokio::test]
async fn late_tokens_are_revoked_by_the_sweep_and_the_record_of_now_stays() {
    let pipeline = pipeline().await;
    let step = step(&pipeline).await;
    let tokens = buried_late(&pipeline, &step).await;
    assert_eq!(pipeline.held(&pipeline.newest_version().await).await, 2);
    assert_eq!(sweep(&step, 2).await, 0);
    assert!(!is_taken(&pipeline, &tokens).await);
    assert!(record(&pipeline, "ada").await.is_some());
    assert_eq!(pipeline.held(&pipeline.newest_version().await).await, 1);
}

#[tokio::test]
async fn a_receipt_says_deleted_only_when_no_tombstone_of_the_connection_is_left() {
    let pipeline = pipeline().await;
    let step = step(&pipeline).await;
    buried_late(&pipeline, &step).await;
    // of two token sets one is revoked, and the other is not
    let down = json!({"path": "/revoke", "kind": "status", "status": 503});
    let request = one("ada");
    pipeline.sandbox.fault(down.clone()).await;
    not_yet(&step, &request, 1).await;
    assert!(record(&pipeline, "ada").await.is_none());
    assert_eq!(pipeline.store().await.count_tombstones().await.unwrap(), 2);
    let answer = attempt(&step, &request, 2).await.map_err(|failure| failure.message).unwrap();
    assert!(answer.receipts.iter().all(|receipt| receipt.deleted));
    assert_eq!(pipeline.store().await.count_tombstones().await.unwrap(), 0);
}

#[tokio::test]
async fn a_record_that_moved_or_is_newer_is_not_buried() {
    let pipeline = pipeline().await;
    let step = step(&pipeline).await;
    let store = step.keeper.store();
    minted(&pipeline, "ada", "default").await;
    let read = record(&pipeline, "ada").await.unwrap();
    let owner =
        sealpost_schemas::Owner { tenant: connection("acme", "ada").tenant, user: connection("acme", "ada").user };
    let begun = store.begin_revocation(&owner, sealpost_shared::ids::fresh(), &store.fingerprint(b"x")).await;
    let (revocation, now) = (begun.unwrap().unwrap(), SystemClock.now());
    let stored = store.stored_of(&owner, read.id);
    let mut moved = read.clone();
    store.set_marker(&read, None).await.unwrap();
    assert_eq!(store.bury((&stored, Some(moved.revision)), None, &revocation, now).await.unwrap(), Buried::Moved);
    moved = record(&pipeline, "ada").await.unwrap();
    assert_eq!(store.bury((&stored, Some(moved.revision)), None, &revocation, now).await.unwrap(), Buried::Done);
    minted(&pipeline, "ada", "default").await;
    assert_eq!(store.bury((&stored, None), None, &revocation, now).await.unwrap(), Buried::Newer);
    assert!(record(&pipeline, "ada").await.is_some());
}

#[tokio::test]
async fn a_record_goes_whose_token_set_is_in_a_tombstone_already() {
    let pipeline = pipeline().await;
    let step = step(&pipeline).await;
    let tokens = minted(&pipeline, "ada", "default").await;
    let (store, read) = (step.keeper.store(), record(&pipeline, "ada").await.unwrap());
    let keys = pipeline.sealing_keys().await;
    let content = read.open(&keys.get(read.key()).await.unwrap()).unwrap();
    let (name, key) = keys.newest_of(&connection("acme", "ada").tenant).await.unwrap();
    let tombstone = store.tombstone(&content, read.metadata.generation, (&name, &key)).unwrap();
    store.bury_late(&tombstone, SystemClock.now()).await.unwrap();
    let answer = attempt(&step, &one("ada"), 1).await.map_err(|failure| failure.message).unwrap();
    assert_eq!(answer.counts.unwrap().revoked, 1);
    assert!(record(&pipeline, "ada").await.is_none() && !is_taken(&pipeline, &tokens).await);
    assert_eq!(pipeline.held(&pipeline.newest_version().await).await, 0);
}
