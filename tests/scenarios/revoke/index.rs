//! A tenant's connections are found wherever a rotation moves them meanwhile, and those from before there was an index too.

use redis::AsyncCommands;
use sealpost_tests::Pipeline;
use sealpost_tests::pipeline::{connection, rotation_tick};
use serde_json::json;

use super::world::{ShardRun, attempt_shard, first_of, minted, pipeline, record, redis, step, tenant};

#[tokio::test]
async fn a_connection_that_no_walk_over_key_versions_meets_ends_too() {
    let pipeline = pipeline().await;
    minted(&pipeline, "ada", "default").await;
    let id = record(&pipeline, "ada").await.unwrap().id;
    // as it is for a walk that passed there before the record came
    let held = format!("{{sp:{:03}}}:held:tokens:{}", id.shard, pipeline.newest_version().await);
    let _: () = redis(&pipeline).await.srem(held, format!("record:{}", id.key)).await.unwrap();
    let step = step(&pipeline).await;
    let ShardRun::Done = attempt_shard(&step, &first_of(&step, "ada"), 1).await else { panic!("not done") };
    assert!(record(&pipeline, "ada").await.is_none());
    assert_eq!(pipeline.sandbox.stats().await["revoke"], json!({"ok": 2}));
}

/// Takes away what older versions did not write.
async fn forget_the_index(pipeline: &Pipeline) {
    let mut redis = redis(pipeline).await;
    let keys: Vec<String> = redis.keys("*:tenant:*").await.unwrap();
    for key in keys {
        let _: () = redis.del(key).await.unwrap();
    }
}

#[tokio::test]
async fn a_connection_that_was_stored_before_there_was_an_index_ends_too() {
    let pipeline = pipeline().await;
    for user in ["ada", "bob"] {
        minted(&pipeline, user, "default").await;
    }
    forget_the_index(&pipeline).await;
    let _worker = pipeline.worker().await;
    let answer = pipeline.ask("revocation-request.v1", &tenant("acme")).await;
    assert_eq!(answer["counts"]["revoked"], 2, "{answer}");
    assert!(record(&pipeline, "ada").await.is_none() && record(&pipeline, "bob").await.is_none());
}

#[tokio::test]
async fn a_connection_from_before_that_a_rotation_moves_is_in_the_index() {
    let pipeline = pipeline().await;
    minted(&pipeline, "ada", "default").await;
    forget_the_index(&pipeline).await;
    let new = pipeline.rotate_key();
    let _worker = pipeline.worker().await;
    pipeline.send("rotation-tick.v1", &rotation_tick()).await;
    pipeline.event("rotation.done").await;
    let id = pipeline.store().await.locate(&connection("acme", "ada"));
    let held = format!("{{sp:{:03}}}:held:tokens:{new}", id.shard);
    let _: () = redis(&pipeline).await.srem(held, format!("record:{}", id.key)).await.unwrap();
    let answer = pipeline.ask("revocation-request.v1", &tenant("acme")).await;
    assert_eq!(answer["counts"]["revoked"], 1, "{answer}");
}

#[tokio::test]
async fn nothing_is_left_of_the_indexes_when_a_tenant_has_ended() {
    let pipeline = pipeline().await;
    for user in ["ada", "bob"] {
        minted(&pipeline, user, "default").await;
    }
    let _worker = pipeline.worker().await;
    pipeline.ask("revocation-request.v1", &tenant("acme")).await;
    let keys: Vec<String> = redis(&pipeline).await.keys("*").await.unwrap();
    let left: Vec<_> = keys.iter().filter(|key| key.contains(":tenant:") || key.contains("tombstone")).collect();
    assert!(left.is_empty(), "{left:?}");
}
