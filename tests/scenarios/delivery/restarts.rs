//! Servers that die and come back under load.

use std::time::Duration;

use sealpost::dev::servers::rabbitmq::RabbitMqOptions;
use sealpost_tests::pipeline::{SOON, publish_job};
use sealpost_tests::{Own, Pipeline, Rig, Sandbox, Setup, until};
use serde_json::json;

const JOBS: usize = 40;

async fn send_all(pipeline: &Pipeline) -> Vec<String> {
    let mut asked = Vec::new();
    for number in 0..JOBS {
        asked.push(pipeline.send("publish-job.v1", &publish_job("acme", "ada", &number.to_string())).await);
    }
    asked
}

async fn posts(pipeline: &Pipeline) -> usize {
    pipeline.sandbox.posts().await.len()
}

#[tokio::test]
async fn every_job_is_done_once_although_redis_dies_under_load() {
    let mut pipeline = Pipeline::start_with(Setup { prefetch: 2, ..Setup::default() }).await;
    let worker = pipeline.worker().await;
    pipeline.connect("ada").await;
    pipeline.sandbox.fault(json!({"path": "/api/posts", "kind": "slow", "delay_ms": 20, "n": JOBS})).await;
    let asked = send_all(&pipeline).await;
    until("some are done", SOON, async || posts(&pipeline).await > 2).await;
    pipeline.rig.redis.kill9().await;
    worker.logged("code=\"store-unavailable\"").await;
    pipeline.rig.redis.restart().await.unwrap();
    for correlation in asked {
        assert_eq!(pipeline.answer(&correlation).await.json()["outcome"], "published");
    }
    assert_eq!(posts(&pipeline).await, JOBS);
    assert_eq!(pipeline.rig.broker.depth("dead-letters").await, 0);
}

#[tokio::test]
async fn every_job_is_answered_although_the_broker_dies_under_load() {
    let mut rabbitmq = Own::rabbitmq(RabbitMqOptions::default()).await;
    let rig = Rig::on(&rabbitmq).await;
    let pipeline = Pipeline::of(rig, Sandbox::start().await, Setup { prefetch: 2, ..Setup::default() }).await;
    let worker = pipeline.worker().await;
    pipeline.connect("ada").await;
    // A quorum queue of RabbitMQ's older versions may forget that it exists when it is killed this young.
    tokio::time::sleep(Duration::from_secs(2)).await;
    pipeline.sandbox.fault(json!({"path": "/api/posts", "kind": "slow", "delay_ms": 50, "n": JOBS})).await;
    let asked = send_all(&pipeline).await;
    until("some are done", SOON, async || posts(&pipeline).await > 2).await;
    rabbitmq.kill9().await;
    worker.logged("no broker connection").await;
    let before = posts(&pipeline).await;
    assert!(before < JOBS, "it died under load");
    rabbitmq.restart().await.unwrap();
    for correlation in asked {
        assert_eq!(pipeline.answer(&correlation).await.json()["outcome"], "published");
    }
    assert!(posts(&pipeline).await >= JOBS);
    assert_eq!(pipeline.rig.broker.depth("dead-letters").await, 0);
    assert!(worker.lives());
}
