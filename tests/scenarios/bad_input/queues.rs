//! Queues that refuse.

use lapin::options::QueueBindOptions;
use lapin::types::{AMQPValue, FieldTable};
use sealpost_tests::Pipeline;
use sealpost_tests::pipeline::{SOON, properties, rotation_tick};
use serde_json::json;

use super::goes_on;

#[tokio::test]
async fn a_full_queue_of_shards_holds_the_tick_up_and_every_shard_comes_once() {
    let pipeline = Pipeline::start().await;
    let broker = &pipeline.rig.broker;
    let rotate = pipeline.worker_with(&["rotate"], &[]).await;
    broker.set_policy("short", "^rotation-shards$", json!({"max-length": 64})).await;
    pipeline.send("rotation-tick.v1", &rotation_tick()).await;
    rotate.measured("sealpost_publishes_total", &["follow-up", "refused"], 1).await;
    for number in 0..256 {
        let shard = broker.next("rotation-shards", SOON).await.json()["shard"].as_u64();
        assert_eq!(shard, Some(number), "it goes on where it was refused");
    }
    rotate.measured("sealpost_jobs_total", &["rotation-ticks", "fanned-out"], 1).await;
    assert_eq!(broker.depth("rotation-shards").await, 0);
    assert_eq!(broker.depth("dead-letters").await, 0);
}

#[tokio::test]
async fn a_listener_whose_queue_refuses_holds_nobody_up() {
    let pipeline = Pipeline::start().await;
    let worker = pipeline.worker().await;
    let mut arguments = FieldTable::default();
    arguments.insert("x-max-length".into(), AMQPValue::LongInt(1));
    arguments.insert("x-overflow".into(), AMQPValue::LongString("reject-publish".into()));
    let broker = &pipeline.rig.broker;
    broker.declare("full", arguments).await;
    let bind = QueueBindOptions::default();
    let channel = broker.channel().await;
    channel.queue_bind("full".into(), "sealpost.events".into(), "#".into(), bind, FieldTable::default()).await.unwrap();
    broker.publish_raw("full", b"x", properties("x", "x")).await;

    pipeline.connect("ada").await;
    goes_on(&pipeline, "ada").await;
    let event = pipeline.event("publish.published").await.json();
    assert_eq!(event["outcome"], "published", "the others hear it: {event}");
    worker.measured("sealpost_publishes_total", &["event", "refused"], 2).await;
    assert_eq!(broker.depth("full").await, 1);
    assert_eq!(broker.depth("dead-letters").await, 0);
}
