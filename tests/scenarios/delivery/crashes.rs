//! Workers that die, stop, or share their work.

use sealpost_tests::pipeline::{SOON, publish_job};
use sealpost_tests::{Pipeline, Setup, until};
use serde_json::json;

#[tokio::test]
async fn a_job_whose_worker_was_killed_is_done_by_another() {
    let pipeline = Pipeline::start().await;
    let worker = pipeline.worker().await;
    pipeline.connect("ada").await;
    pipeline.sandbox.fault(json!({"path": "/api/posts", "kind": "hang"})).await;
    let correlation = pipeline.send("publish-job.v1", &publish_job("acme", "ada", "again")).await;
    until("the provider hangs", SOON, async || pipeline.sandbox.stats().await["faults_fired"] == 1).await;
    worker.kill9().await;
    let _other = pipeline.worker().await;
    assert_eq!(pipeline.answer(&correlation).await.json()["outcome"], "published");
    assert_eq!(pipeline.sandbox.posts().await.len(), 1);
}

#[tokio::test]
async fn a_worker_that_is_told_to_stop_finishes_what_it_began_and_begins_nothing() {
    let pipeline = Pipeline::start().await;
    let worker = pipeline.worker().await;
    pipeline.connect("ada").await;
    pipeline.sandbox.fault(json!({"path": "/api/posts", "kind": "slow", "delay_ms": 2000})).await;
    let begun = pipeline.send("publish-job.v1", &publish_job("acme", "ada", "begun")).await;
    until("the provider is asked", SOON, async || pipeline.sandbox.stats().await["faults_fired"] == 1).await;
    worker.terminate();
    worker.logged("stopping").await;
    pipeline.send("publish-job.v1", &publish_job("acme", "ada", "not begun")).await;
    assert_eq!(pipeline.answer(&begun).await.json()["outcome"], "published");
    assert_eq!(worker.ended().await.code(), Some(0));
    assert_eq!(pipeline.sandbox.posts().await.len(), 1);
    assert_eq!(pipeline.rig.broker.drain("publish-jobs").await.len(), 1, "the one that was not begun");
}

#[tokio::test]
async fn a_worker_that_waits_for_its_servers_stops_when_it_is_told_to() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for away in [
        Setup { amqp_url: Some(format!("amqp://guest:guest@{nobody}")), ..Setup::default() },
        Setup { redis_url: Some(format!("redis://{nobody}")), ..Setup::default() },
    ] {
        let pipeline = Pipeline::start_with(away).await;
        let worker = pipeline.waiting_worker().await;
        worker.terminate();
        assert_eq!(worker.ended().await.code(), Some(0), "{}", worker.log());
    }
}

#[tokio::test]
async fn two_workers_share_a_queue() {
    const JOBS: usize = 30;
    let pipeline = Pipeline::start_with(Setup { prefetch: 1, ..Setup::default() }).await;
    let (one, other) = tokio::join!(pipeline.worker(), pipeline.worker());
    pipeline.connect("ada").await;
    pipeline.sandbox.fault(json!({"path": "/api/posts", "kind": "slow", "delay_ms": 20, "n": JOBS})).await;
    let mut asked = Vec::new();
    for number in 0..JOBS {
        asked.push(pipeline.send("publish-job.v1", &publish_job("acme", "ada", &number.to_string())).await);
    }
    for correlation in asked {
        assert_eq!(pipeline.answer(&correlation).await.json()["outcome"], "published");
    }
    assert_eq!(pipeline.sandbox.posts().await.len(), JOBS);
    let done = async |worker: &sealpost_tests::Worker| {
        worker.metric("sealpost_jobs_total", &["publish-jobs", "publish.published"]).await
    };
    let (one, other) = (done(&one).await, done(&other).await);
    assert!(one > 0 && other > 0, "{one} and {other}");
}
