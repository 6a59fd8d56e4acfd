//! What is measured of waits, refreshes and providers: each measure, with what makes it move.

use reqwest::Method;
use sealpost_shared::ids;
use sealpost_tests::pipeline::{SOON, properties, publish_job};
use sealpost_tests::{Pipeline, Setup, Worker, until};
use serde_json::{Value, json};
use uuid::Uuid;

async fn pipeline() -> Pipeline {
    Pipeline::start_with(Setup { shards: 4, http_limit: 2, ..Setup::default() }).await
}

/// How many of a histogram's samples were at most so long, and how many there are.
async fn within(worker: &Worker, name: &str, labels: &[&str], seconds: &str) -> (u64, u64) {
    let le = format!("le=\"{seconds}\"");
    let labels_and_le: Vec<_> = labels.iter().copied().chain([le.as_str()]).collect();
    (
        worker.metric(&format!("{name}_bucket"), &labels_and_le).await,
        worker.metric(&format!("{name}_count"), labels).await,
    )
}

/// A version 7 id from so many seconds ago.
fn made_ago(seconds: u64) -> Uuid {
    let (now, _) = ids::fresh().get_timestamp().unwrap().to_unix();
    Uuid::new_v7(uuid::Timestamp::from_unix_time(now - seconds, 0, 0, 0))
}

/// An id of a version that tells no time.
fn timeless() -> Uuid {
    Uuid::new_v5(&ids::fresh(), b"")
}

async fn publish(pipeline: &Pipeline, id: Uuid, stamp: Option<u64>) {
    let mut job = publish_job("acme", "ada", "x");
    job["id"] = json!(id);
    let mut properties = properties("publish-job.v1", &id.to_string());
    if let Some(stamp) = stamp {
        properties = properties.with_timestamp(stamp);
    }
    let asked = pipeline.send_raw("publish-job.v1", job.to_string().as_bytes(), properties).await;
    assert_eq!(pipeline.answer(&asked).await.json()["outcome"], "published");
}

#[tokio::test]
async fn how_long_a_message_waited_is_measured_from_when_its_id_or_stamp_says_that_it_was_made() {
    let pipeline = pipeline().await;
    let worker = pipeline.worker().await;
    pipeline.connect("ada").await;
    let jobs = ["queue=\"publish-jobs\""];
    let wait = "sealpost_job_wait_seconds";
    publish(&pipeline, made_ago(100), None).await;
    assert_eq!(within(&worker, wait, &jobs, "60").await, (0, 1), "it is 100 seconds old");
    assert_eq!(within(&worker, wait, &jobs, "300").await, (1, 1));
    // of another version its id tells no time
    publish(&pipeline, timeless(), None).await;
    assert_eq!(within(&worker, wait, &jobs, "60").await, (0, 1));
    let (long_ago, _) = made_ago(1000).get_timestamp().unwrap().to_unix();
    publish(&pipeline, timeless(), Some(long_ago)).await;
    assert_eq!(within(&worker, wait, &jobs, "600").await, (1, 2), "the stamp says 1000 seconds");
    // one that is tried again waited once, and is the older at its end
    let fewer = json!({"path": "/api/posts", "kind": "status", "status": 429, "headers": {"retry-after": "1"}});
    pipeline.sandbox.fault(fewer).await;
    publish(&pipeline, ids::fresh(), None).await;
    worker.measured("sealpost_job_age_seconds_count", &jobs, 3).await;
    assert_eq!(within(&worker, wait, &jobs, "+Inf").await, (3, 3));
    assert_eq!(within(&worker, "sealpost_job_age_seconds", &jobs, "0.5").await, (0, 3), "all were older at their end");
}

#[tokio::test]
async fn calls_of_providers_are_counted_by_how_they_ended_and_timed() {
    let pipeline = pipeline().await;
    let worker = pipeline.worker().await;
    pipeline.connect("ada").await;
    let ask = async || pipeline.ask("publish-job.v1", &publish_job("acme", "ada", "x")).await["outcome"].clone();
    let calls = async |outcome: &str| {
        let outcome = format!("outcome=\"{outcome}\"");
        worker.metric("sealpost_api_calls_total", &["provider=\"practice\"", "call=\"publish\"", &outcome]).await
    };
    assert_eq!(ask().await, "published");
    assert_eq!(calls("ok").await, 1);
    let faults: [(Value, &str, &str); 3] = [
        (json!({"kind": "status", "status": 422}), "rejected", "failed"),
        (json!({"kind": "drop", "when": "after"}), "lost", "unknown"),
        (json!({"kind": "status", "status": 429, "headers": {"retry-after": "1"}}), "rate-limited", "published"),
    ];
    for (mut fault, outcome, result) in faults {
        fault["path"] = "/api/posts".into();
        pipeline.sandbox.fault(fault).await;
        assert_eq!(ask().await, result, "{outcome}");
        assert_eq!(calls(outcome).await, 1, "{outcome}");
    }
    pipeline.sandbox.fault(json!({"path": "/api/posts", "kind": "slow", "delay_ms": 300})).await;
    assert_eq!(ask().await, "published");
    let of = ["provider=\"practice\"", "call=\"publish\""];
    let (fast, all) = within(&worker, "sealpost_provider_call_seconds", &of, "0.25").await;
    assert!(all == 6 && fast < 6, "{fast} of {all} were fast");
    assert_eq!(within(&worker, "sealpost_provider_call_seconds", &["call=\"token\""], "+Inf").await.1, 1);
}

#[tokio::test]
async fn of_two_workers_one_refreshes_and_the_other_waits_and_a_token_that_was_withdrawn_is_told_by_its_code() {
    let pipeline = pipeline().await;
    let workers = [pipeline.worker().await, pipeline.worker().await];
    let sum = async |name: &str, labels: &[&str]| {
        workers[0].metric(name, labels).await + workers[1].metric(name, labels).await
    };
    // the other one may be so late that it finds new tokens: then once more
    let mut rounds = 0;
    while sum("sealpost_refreshes_awaited_total", &[]).await == 0 {
        rounds += 1;
        let user = format!("ada-{rounds}");
        crate::keys::connect_expired(&pipeline, &[&user]).await;
        let slow = json!({"path": "/token", "kind": "slow", "when": "after", "delay_ms": 1200});
        pipeline.sandbox.fault(slow).await;
        let mut asked = Vec::new();
        for _ in 0..6 {
            asked.push(pipeline.send("publish-job.v1", &publish_job("acme", &user, "x")).await);
        }
        for correlation in asked {
            assert_eq!(pipeline.answer(&correlation).await.json()["outcome"], "published");
        }
        assert_eq!(sum("sealpost_refreshes_saved_total", &[]).await, rounds, "one call for both workers");
        assert!(rounds < 10, "nobody waited for the other worker");
    }
    let refresh = ["provider=\"practice\"", "token=\"refresh\""];
    assert_eq!(sum("sealpost_token_age_seconds_count", &refresh).await, rounds);
    let access = ["provider=\"practice\"", "token=\"access\""];
    assert!(sum("sealpost_token_age_seconds_count", &access).await >= 2);

    crate::keys::connect_expired(&pipeline, &["ben"]).await;
    pipeline.sandbox.admin(Method::POST, "revoke", Some(json!({"user": "ben"}))).await;
    for _ in 0..2 {
        let told = pipeline.ask("publish-job.v1", &publish_job("acme", "ben", "x")).await;
        assert_eq!(told["outcome"], "failed", "{told}");
    }
    until("it is counted once", SOON, async || {
        sum("sealpost_needs_consent_total", &["code=\"invalid-grant\""]).await == 1
    })
    .await;
    assert_eq!(sum("sealpost_needs_consent_total", &[]).await, 1);
}
