//! Real worker processes: four at the moment of expiry, one that is killed, one that is stopped.

use jiff::SignedDuration;
use reqwest::Method;
use sealpost_shared::clock::{Clock, SystemClock};
use sealpost_tests::{
    Pipeline, Setup, Worker,
    pipeline::{SOON, connection, publish_job},
    until,
};
use serde_json::json;

/// A pipeline with a connection of ada whose access token has expired.
pub(super) async fn expired(workers: usize, setup: Setup) -> (Pipeline, Vec<Worker>) {
    let pipeline = Pipeline::start_with(setup).await;
    let settings = |seconds: u32| Some(json!({"access_ttl": seconds}));
    pipeline.sandbox.admin(Method::POST, "settings", settings(1)).await;
    let first = pipeline.worker().await;
    pipeline.connect("ada").await;
    pipeline.sandbox.admin(Method::POST, "settings", settings(3600)).await;
    let store = pipeline.store().await;
    let record = store.load(&store.locate(&connection("acme", "ada"))).await.unwrap().unwrap();
    let expires = record.metadata.access_expires_at.unwrap() + SignedDuration::from_millis(1);
    until("the access token expires", SOON, async || SystemClock.now() > expires).await;
    let mut all = vec![first];
    for _ in 1..workers {
        all.push(pipeline.worker().await);
    }
    (pipeline, all)
}

#[tokio::test]
async fn sixty_four_jobs_in_four_workers_at_the_moment_of_expiry_make_one_refresh() {
    let (pipeline, workers) = expired(4, Setup { prefetch: 16, ..Setup::default() }).await;
    let mut asked = Vec::new();
    for number in 0..64 {
        asked.push(pipeline.send("publish-job.v1", &publish_job("acme", "ada", &number.to_string())).await);
    }
    for correlation in asked {
        let answer = pipeline.answer(&correlation).await.json();
        assert_eq!(answer["outcome"], "published", "{answer}");
    }
    let stats = pipeline.sandbox.stats().await;
    assert_eq!(stats["token"]["refresh_token"], json!({"ok": 1}));
    assert_eq!((&stats["refresh_reuses"], &stats["families_ended_by_reuse"]), (&json!(0), &json!(0)));
    let event = pipeline.event("connection.refreshed").await.json();
    assert_eq!(event["connection"]["user"], "ada");
    assert!(pipeline.events("connection.refreshed").await.is_empty(), "told once");
    let mut calls = 0;
    for worker in &workers {
        let labels = ["practice", "refresh_token", "ok"];
        calls += worker.metric("sealpost_token_calls_total", &labels).await;
    }
    assert_eq!(calls, 1);
}

#[tokio::test]
async fn a_worker_that_is_killed_while_it_waits_for_the_answer_leaves_a_connection_that_works_or_says_why_not() {
    for (when, outcome, code) in
        [("before", "published", json!(null)), ("after", "failed", json!("refresh-outcome-lost"))]
    {
        let (pipeline, workers) = expired(1, Setup { http_limit: 3, ..Setup::default() }).await;
        pipeline.sandbox.fault(json!({"path": "/token", "kind": "hang", "when": when})).await;
        let correlation = pipeline.send("publish-job.v1", &publish_job("acme", "ada", "again")).await;
        until("the provider hangs", SOON, async || pipeline.sandbox.stats().await["faults_fired"] == 1).await;
        workers[0].kill9().await;
        let _other = pipeline.worker().await;
        let answer = pipeline.answer(&correlation).await.json();
        assert_eq!((&answer["outcome"], &answer["failure"]["code"]), (&json!(outcome), &code), "{answer}");
        if when == "after" {
            assert_eq!(pipeline.event("connection.needs-consent").await.json()["code"], code);
        }
    }
}

#[tokio::test]
async fn a_worker_that_is_stopped_past_its_lease_harms_nobody_when_it_goes_on() {
    let (pipeline, workers) = expired(1, Setup { http_limit: 3, ..Setup::default() }).await;
    pipeline.sandbox.fault(json!({"path": "/token", "kind": "hang"})).await;
    let first = pipeline.send("publish-job.v1", &publish_job("acme", "ada", "the stopped one's")).await;
    until("the provider hangs", SOON, async || pipeline.sandbox.stats().await["faults_fired"] == 1).await;
    workers[0].stop().await;
    let _other = pipeline.worker().await;
    let second = pipeline.send("publish-job.v1", &publish_job("acme", "ada", "the other's")).await;
    assert_eq!(pipeline.answer(&second).await.json()["outcome"], "published");
    workers[0].go_on();
    assert_eq!(pipeline.answer(&first).await.json()["outcome"], "published");
    let stats = pipeline.sandbox.stats().await;
    assert_eq!((&stats["token"]["refresh_token"], &stats["refresh_reuses"]), (&json!({"ok": 1}), &json!(0)));
}
