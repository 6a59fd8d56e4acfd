//! A tenant of whom some connections cannot be ended.

use redis::AsyncCommands;
use sealpost::revoke::Revoke;
use sealpost_schemas::{Code, RevocationShard};
use sealpost_shared::failure::{Failure, Verdict};
use sealpost_tests::Pipeline;
use serde_json::json;

use super::world::{ShardRun, all_of, attempt, attempt_shard, first_of, minted, owner, pipeline, redis, step};

/// As many connections of ada, who lie in one shard; those up to `lost` have a key that is not there.
async fn connections(pipeline: &Pipeline, all: usize, lost: usize) {
    for number in 0..all {
        minted(pipeline, "ada", &format!("account-{number}")).await;
    }
    let store = pipeline.store().await;
    let key = format!("tokens:{}", pipeline.newest_version().await);
    let mut redis = redis(pipeline).await;
    for id in store.owned(&owner("ada")).await.unwrap().into_iter().take(lost) {
        let of = format!("{{sp:{:03}}}", id.shard);
        let _: () = redis.hset(format!("{of}:record:{}", id.key), "key_version", "4387e9f3d6e14c45").await.unwrap();
        let [from, to] = [key.as_str(), "tokens:4387e9f3d6e14c45"].map(|version| format!("{of}:held:{version}"));
        let moved: bool = redis.smove(from, to, format!("record:{}", id.key)).await.unwrap();
        assert!(moved);
        let _: () = redis.sadd(format!("{of}:versions"), "tokens:4387e9f3d6e14c45").await.unwrap();
    }
}

async fn left(pipeline: &Pipeline) -> usize {
    pipeline.store().await.owned(&owner("ada")).await.unwrap().len()
}

/// Brings a shard's messages until it is done, as the broker does. Why they failed, in their order, and how many continued.
async fn ended(step: &Revoke, first: RevocationShard) -> (Vec<Failure>, u32) {
    let (mut message, mut number, mut failures, mut continued) = (first, 1, Vec::new(), 0);
    for _ in 0..100 {
        match attempt_shard(step, &message, number).await {
            ShardRun::Done => return (failures, continued),
            ShardRun::Continued(next) => (message, number, continued) = (next, 1, continued + 1),
            ShardRun::Failed(failure) => {
                number += u32::from(!matches!(failure.verdict, Verdict::Defer { .. }));
                failures.push(failure);
            }
        }
    }
    panic!("an endless loop: {continued} continued, {} failed", failures.len())
}

#[tokio::test]
async fn more_connections_than_a_message_may_end_that_cannot_be_ended_are_waited_for_and_given_up() {
    let pipeline = pipeline().await;
    connections(&pipeline, 51, 51).await;
    let step = step(&pipeline).await;
    let (failures, continued) = ended(&step, first_of(&step, "ada")).await;
    assert!(failures.iter().all(|failure| failure.code == Code::KeyMissing), "{}", failures[0].message);
    assert!(failures.len() >= 6, "a few attempts, and a wait between them: {}", failures.len());
    assert!(continued < 20, "{continued}");
    assert_eq!(left(&pipeline).await, 0);
}

#[tokio::test]
async fn what_cannot_be_ended_keeps_nothing_from_the_rest() {
    let pipeline = pipeline().await;
    connections(&pipeline, 120, 60).await;
    let step = step(&pipeline).await;
    let (mut message, mut continued) = (first_of(&step, "ada"), 0);
    let failure = loop {
        match attempt_shard(&step, &message, 1).await {
            ShardRun::Continued(next) => (message, continued) = (next, continued + 1),
            ShardRun::Failed(failure) => break failure,
            ShardRun::Done => panic!("60 are left"),
        }
        assert!(continued < 20, "an endless loop");
    };
    assert_eq!(failure.code, Code::KeyMissing, "{}", failure.message);
    assert_eq!((left(&pipeline).await, pipeline.sandbox.stats().await["revoke"].clone()), (60, json!({"ok": 120})));
    assert!(matches!(failure.verdict, Verdict::Retry { .. }), "an operator is asked in the end");
    assert!(continued <= 3, "{continued}");
}

#[tokio::test]
async fn a_platform_that_stays_down_uses_attempts_up() {
    let pipeline = pipeline().await;
    connections(&pipeline, 60, 0).await;
    pipeline.sandbox.fault(json!({"path": "/revoke", "kind": "status", "status": 503, "n": 10_000})).await;
    let step = step(&pipeline).await;
    let (mut message, mut number, mut continued) = (first_of(&step, "ada"), 1, 0);
    while number < 5 {
        match attempt_shard(&step, &message, number).await {
            ShardRun::Continued(next) => (message, number, continued) = (next, 1, continued + 1),
            ShardRun::Failed(failure) => {
                assert_eq!(failure.code, Code::ProviderUnavailable, "{}", failure.message);
                assert!(matches!(failure.verdict, Verdict::Retry { .. }));
                number += 1;
            }
            ShardRun::Done => panic!("60 are left"),
        }
        assert!(continued < 5, "an endless loop");
    }
    assert_eq!(left(&pipeline).await, 0, "all are buried");
    assert_eq!(pipeline.store().await.count_tombstones().await.unwrap(), 60);
    // when it is up again, what came of it by then is found
    pipeline.sandbox.admin(reqwest::Method::DELETE, "faults", None).await;
    ended(&step, message).await;
    assert_eq!(pipeline.store().await.count_tombstones().await.unwrap(), 0);
    assert_eq!(pipeline.sandbox.stats().await["revoke"], json!({"ok": 120}));
}

#[tokio::test]
async fn a_platform_that_asks_for_patience_with_a_tenant_is_given_it() {
    let pipeline = pipeline().await;
    connections(&pipeline, 60, 0).await;
    let busy = json!({"path": "/revoke", "kind": "status", "status": 429, "headers": {"retry-after": "120"}, "n": 50});
    pipeline.sandbox.fault(busy).await;
    let step = step(&pipeline).await;
    let first = first_of(&step, "ada");
    let ShardRun::Failed(failure) = attempt_shard(&step, &first, 1).await else { panic!("it goes on at once") };
    assert_eq!(failure.code, Code::RateLimited, "{}", failure.message);
    let (Verdict::Retry { after: Some(after) } | Verdict::Defer { after }) = failure.verdict else { panic!("at once") };
    assert_eq!(after.as_secs(), 120);
    assert_eq!(pipeline.sandbox.stats().await["faults_fired"], 50, "and nobody asks on");
    ended(&step, first).await;
    assert_eq!(left(&pipeline).await, 0);
    assert_eq!(pipeline.sandbox.stats().await["revoke"], json!({"ok": 120}));
    assert_eq!(pipeline.store().await.count_tombstones().await.unwrap(), 0);
}

#[tokio::test]
async fn connections_of_an_owner_that_cannot_be_ended_hold_up_no_others() {
    let pipeline = pipeline().await;
    connections(&pipeline, 130, 60).await;
    let (step, request, mut messages) = (step(&pipeline).await, all_of("ada"), 1);
    // those that come again at once spend no attempt
    let failure = loop {
        match attempt(&step, &request, 1).await {
            Err(Failure { verdict: Verdict::Defer { .. }, .. }) => messages += 1,
            Err(failure) => break failure,
            Ok(_) => panic!("60 are left"),
        }
        assert!(messages < 5, "an endless loop");
    };
    assert_eq!((failure.code, left(&pipeline).await), (Code::KeyMissing, 60), "{}", failure.message);
}
