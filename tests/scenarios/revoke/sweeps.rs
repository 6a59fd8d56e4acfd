//! The sweep, where a platform keeps it waiting.

use std::time::Duration;

use redis::AsyncCommands;
use sealpost_shared::clock::{Clock, SystemClock};
use sealpost_tests::{Pipeline, Setup};
use serde_json::json;

use super::world::{StepConfig, impatient, minted, not_yet, one, pipeline_with, redis, step, sweep};

/// Connections that have ended, whose tokens are still to be revoked.
async fn pending(pipeline: &Pipeline, users: &[&str]) {
    let step = step(pipeline).await;
    for user in users {
        minted(pipeline, user, "default").await;
        pipeline.sandbox.fault(json!({"path": "/revoke", "kind": "status", "status": 503})).await;
        not_yet(&step, &one(user), 1).await;
    }
}

#[tokio::test]
async fn a_platform_that_hangs_is_asked_once_in_a_sweep() {
    let pipeline = pipeline_with("", impatient()).await;
    pending(&pipeline, &["ada", "bob", "eve"]).await;
    pipeline.sandbox.fault(json!({"path": "/revoke", "kind": "hang", "n": 9})).await;
    let step = StepConfig::of(&pipeline, Duration::from_secs(2)).step(&pipeline.rig.redis_url()).await;
    assert_eq!(sweep(&step, 5).await, 3);
    assert_eq!(pipeline.sandbox.stats().await["faults_fired"], 3 + 1);
    // the others were put off with it
    assert_eq!(sweep(&step, 0).await, 3);
    assert_eq!(pipeline.sandbox.stats().await["faults_fired"], 3 + 1);
}

#[tokio::test]
async fn the_longer_a_platform_is_down_the_less_it_is_asked() {
    let pipeline = pipeline_with("", Setup { shards: 4, ..Setup::default() }).await;
    pending(&pipeline, &["ada"]).await;
    let step = step(&pipeline).await;
    let mut redis = redis(&pipeline).await;
    let keys: Vec<String> = redis.keys("*}:tombstones").await.unwrap();
    let mut waits = Vec::new();
    for _ in 0..4 {
        pipeline.sandbox.fault(json!({"path": "/revoke", "kind": "status", "status": 503})).await;
        let before = SystemClock.now().as_millisecond();
        assert_eq!(sweep(&step, 1_000).await, 1);
        let next: Vec<(String, i64)> = redis.zrange_withscores(&keys[0], 0, -1).await.unwrap();
        waits.push((next[0].1 - before) / 60_000);
    }
    assert!(waits.windows(2).all(|two| two[1] >= two[0] * 2 - 1 && two[1] > two[0]), "{waits:?}");
}
