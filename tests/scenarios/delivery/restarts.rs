//! Servers that die and come back under load.

use std::time::{Duration, Instant};

use sealpost::dev::servers::rabbitmq::RabbitMqOptions;
use sealpost_tests::pipeline::{SOON, publish_job};
use sealpost_tests::{Own, Pipeline, Rig, Sandbox, Setup, Worker, until};
use serde_json::json;

const JOBS: usize = 40;

/// Has all jobs wait for the worker that it starts, at a provider that takes its time.
async fn under_load(pipeline: &Pipeline) -> (Worker, Vec<String>) {
    let worker = pipeline.worker().await;
    let declared = Instant::now();
    pipeline.connect("ada").await;
    worker.kill9().await;
    pipeline.sandbox.fault(json!({"path": "/api/posts", "kind": "slow", "delay_ms": 100, "n": JOBS})).await;
    let mut asked = Vec::new();
    for number in 0..JOBS {
        asked.push(pipeline.send("publish-job.v1", &publish_job("acme", "ada", &number.to_string())).await);
    }
    // A quorum queue may forget that it exists when the broker is killed while it is younger.
    until("the queues are old enough", SOON, async || declared.elapsed() > Duration::from_secs(3)).await;
    let worker = pipeline.worker().await;
    until("some are done", SOON, async || posts(pipeline).await > 2).await;
    (worker, asked)
}

async fn posts(pipeline: &Pipeline) -> usize {
    pipeline.sandbox.posts().await.len()
}

#[tokio::test]
async fn every_job_is_done_once_although_redis_dies_under_load() {
    let mut pipeline = Pipeline::start_with(Setup { prefetch: 2, ..Setup::default() }).await;
    let (worker, asked) = under_load(&pipeline).await;
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
    let (worker, asked) = under_load(&pipeline).await;
    rabbitmq.kill9().await;
    worker.logged("no broker connection").await;
    assert!(posts(&pipeline).await < JOBS, "it died under load");
    rabbitmq.restart().await.unwrap();
    for correlation in asked {
        assert_eq!(pipeline.answer(&correlation).await.json()["outcome"], "published");
    }
    assert!(posts(&pipeline).await >= JOBS);
    assert_eq!(pipeline.rig.broker.depth("dead-letters").await, 0);
    assert!(worker.lives());
}
