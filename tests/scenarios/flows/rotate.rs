//! A new key version, and everything sealed under it.

use redis::AsyncCommands;
use sealpost_tests::pipeline::{SOON, connection, publish_job, rotation_tick};
use sealpost_tests::{Pipeline, Setup, until};
use serde_json::{Value, json};

/// Waits until that many shards told that they are done, and returns how many records they sealed anew and left behind.
async fn shards_done(pipeline: &Pipeline, shards: usize) -> (u64, u64) {
    let mut told: Vec<Value> = Vec::new();
    let told = tokio::sync::Mutex::new(&mut told);
    until("every shard is done", SOON, async || {
        let mut told = told.lock().await;
        told.extend(pipeline.events("rotation.shard-done").await.iter().map(sealpost_tests::Message::json));
        assert!(told.len() <= shards, "{told:?}");
        told.len() == shards
    })
    .await;
    let told = told.into_inner();
    let sum = |field: &str| told.iter().map(|done| done["counts"][field].as_u64().unwrap()).sum();
    (sum("resealed"), sum("failed"))
}

/// All records of the store by their keys in Redis.
async fn records(pipeline: &Pipeline) -> Vec<(String, Vec<(String, Vec<u8>)>)> {
    let mut redis = redis(pipeline).await;
    let mut keys: Vec<String> = redis.keys("*:record:*").await.unwrap();
    keys.sort();
    let mut records = Vec::new();
    for key in keys {
        let mut fields: Vec<(String, Vec<u8>)> = redis.hgetall(&key).await.unwrap();
        fields.sort();
        records.push((key, fields));
    }
    records
}

async fn redis(pipeline: &Pipeline) -> redis::aio::MultiplexedConnection {
    let client = redis::Client::open(pipeline.rig.redis_url()).unwrap();
    client.get_multiplexed_async_connection().await.unwrap()
}

#[tokio::test]
async fn a_tick_seals_every_record_under_the_newest_key_version_and_a_repeated_one_changes_nothing() {
    let pipeline = Pipeline::start().await;
    let _worker = pipeline.worker().await;
    pipeline.connect("ada").await;
    pipeline.seed(40).await;
    let old = pipeline.store().await.versions(0).await.unwrap();
    let before = pipeline.newest_version().await;
    assert!(old.iter().all(|key| key.version == before));
    let new = pipeline.rotate_key();

    let tick = rotation_tick();
    pipeline.send("rotation-tick.v1", &tick).await;
    // 41 records, and the result of the exchange that its ledger keeps
    assert_eq!(shards_done(&pipeline, 256).await, (42, 0));
    assert_eq!((pipeline.held(&before).await, pipeline.held(&new).await), (0, 42));
    let done = pipeline.event("rotation.done").await.json();
    assert_eq!((&done["tick"], &done["shards"]), (&tick["id"], &256.into()), "{done}");
    assert!(pipeline.events("rotation.done").await.is_empty());

    let sealed = records(&pipeline).await;
    pipeline.send("rotation-tick.v1", &tick).await;
    assert_eq!(shards_done(&pipeline, 256).await, (0, 0));
    assert_eq!(records(&pipeline).await, sealed);
    for again in pipeline.events("rotation.done").await {
        assert_eq!(again.json()["id"], done["id"], "told twice is told with the same id");
    }

    let answer = pipeline.ask("publish-job.v1", &publish_job("acme", "ada", "after the rotation")).await;
    assert_eq!(answer["outcome"], "published", "{answer}");
}

#[tokio::test]
async fn a_tick_for_one_tenant_leaves_the_records_of_others_under_the_old_key_version() {
    let pipeline = Pipeline::start_with(Setup { shards: 4, ..Setup::default() }).await;
    pipeline.seed(20).await;
    pipeline.seed_for("globex", 10).await;
    let (old, new) = (pipeline.newest_version().await, pipeline.rotate_key());
    let _worker = pipeline.worker().await;
    let mut tick = rotation_tick();
    tick["scope"] = json!({"tenant": "globex"});
    pipeline.send("rotation-tick.v1", &tick).await;
    assert_eq!(shards_done(&pipeline, 4).await, (10, 0));
    assert_eq!((pipeline.held(&old).await, pipeline.held(&new).await), (20, 10));
    pipeline.event("rotation.done").await;
}

#[tokio::test]
async fn a_shard_with_more_records_than_one_message_may_look_at_is_walked_to_its_end() {
    let pipeline = Pipeline::start_with(Setup { shards: 4, ..Setup::default() }).await;
    pipeline.seed(2600).await;
    let (old, new) = (pipeline.newest_version().await, pipeline.rotate_key());
    let worker = pipeline.worker().await;
    pipeline.send("rotation-tick.v1", &rotation_tick()).await;
    shards_done(&pipeline, 4).await;
    assert_eq!((pipeline.held(&old).await, pipeline.held(&new).await), (0, 2600));
    worker.measured("sealpost_jobs_total", &["rotation-shards", "continued"], 4).await;
    assert_eq!(worker.metric("sealpost_rotation_records_total", &["resealed"]).await, 2600);
    pipeline.event("rotation.done").await;
}

#[tokio::test]
async fn a_record_with_a_flipped_bit_is_quarantined_once_and_the_others_move() {
    let pipeline = Pipeline::start_with(Setup { shards: 4, ..Setup::default() }).await;
    pipeline.seed(20).await;
    let (old, new) = (pipeline.newest_version().await, pipeline.rotate_key());
    let damaged = pipeline.store().await.locate(&connection("acme", "user-7"));
    let key = format!("{{sp:{:03}}}:record:{}", damaged.shard, damaged.key);
    let mut redis = redis(&pipeline).await;
    let mut sealed: Vec<u8> = redis.hget(&key, "sealed").await.unwrap();
    *sealed.last_mut().unwrap() ^= 1;
    let _: () = redis.hset(&key, "sealed", sealed).await.unwrap();

    let _worker = pipeline.worker().await;
    pipeline.send("rotation-tick.v1", &rotation_tick()).await;
    assert_eq!(shards_done(&pipeline, 4).await, (19, 1));
    assert_eq!((pipeline.held(&old).await, pipeline.held(&new).await), (1, 19));
    let event = pipeline.event("connection.quarantined").await.json();
    assert_eq!((&event["code"], &event["record"]), (&"quarantined".into(), &damaged.to_string().into()), "{event}");

    pipeline.send("rotation-tick.v1", &rotation_tick()).await;
    assert_eq!(shards_done(&pipeline, 4).await, (0, 1));
    // both ticks are of one time, so that the second cannot know whether the first one told; it tells the same
    for again in pipeline.events("connection.quarantined").await {
        assert_eq!(again.json(), event);
    }
    pipeline.event("rotation.done").await;
}
