//! A rotation that refreshes, at a provider that allows few calls, and at one that does not answer for a while.

use std::collections::BTreeSet;

use reqwest::Method;
use sealpost_shared::clock::{Clock, SystemClock};
use sealpost_shared::ids;
use sealpost_tests::pipeline::{SOON, Setup};
use sealpost_tests::{Pipeline, Worker, until};
use serde_json::{Value, json};

use super::{add_to_catalogue, switch_faults_off};

const USERS: [&str; 8] = ["ada", "ben", "cleo", "dan", "eva", "finn", "grace", "hal"];

/// A worker and connections of all users, by this addition to the catalogue.
async fn connected(entry: &str, setup: Setup) -> (Pipeline, Worker) {
    let pipeline = Pipeline::start_with(Setup { shards: 1, ..setup }).await;
    add_to_catalogue(&pipeline, entry);
    let worker = pipeline.worker().await;
    for user in USERS {
        pipeline.connect(user).await;
    }
    (pipeline, worker)
}

async fn refresh_all(pipeline: &Pipeline) {
    let tick = json!({"id": ids::fresh(), "mode": "refresh", "scheduled_for": SystemClock.now()});
    pipeline.send("rotation-tick.v1", &tick).await;
}

async fn refreshed(pipeline: &Pipeline) -> Value {
    pipeline.sandbox.stats().await["token"]["refresh_token"].clone()
}

#[tokio::test]
async fn a_rotation_keeps_to_the_limit_and_tells_of_everybody_who_must_consent_again() {
    let (pipeline, worker) = connected("[practice.limits]\ncalls = 2\n", Setup::default()).await;
    let gone = BTreeSet::from(["ben", "dan", "hal"]);
    for user in &gone {
        pipeline.sandbox.admin(Method::POST, "revoke", Some(json!({"user": user}))).await;
    }
    refresh_all(&pipeline).await;
    let mut told = BTreeSet::new();
    while told.len() < gone.len() {
        let event = pipeline.event("connection.needs-consent").await.json();
        told.insert(event["connection"]["user"].as_str().unwrap().to_owned());
    }
    assert_eq!(told, gone.into_iter().map(str::to_owned).collect());
    pipeline.event("rotation.done").await;
    assert_eq!(refreshed(&pipeline).await, json!({"ok": 5, "invalid_grant": 3}), "each once");
    assert!(worker.metric("sealpost_held_back_total", &["reason=\"rate\""]).await > 0);
    assert_eq!(worker.metric("sealpost_jobs_total", &["rotation-shards", "retried"]).await, 0, "no attempt is spent");
}

#[tokio::test]
async fn a_rotation_waits_for_a_provider_that_does_not_answer_and_leaves_nobody_behind() {
    let (pipeline, worker) = connected("", Setup { http_limit: 2, ..Setup::default() }).await;
    let open = async || worker.metric("sealpost_breaker_open", &["practice", "endpoint=\"token\""]).await;
    pipeline.sandbox.fault(json!({"path": "/token", "kind": "status", "status": 503, "n": 1_000_000})).await;
    // two of them: a refresh whose answer was lost is looked at again by none before its lease is over
    for _ in 0..2 {
        refresh_all(&pipeline).await;
        pipeline.event("rotation.done").await;
        if open().await == 1 {
            break;
        }
        until("the leases are over", SOON, async || !any_leased(&pipeline).await).await;
    }
    until("it is left alone", SOON, async || open().await == 1).await;
    refresh_all(&pipeline).await;
    worker.measured("sealpost_held_back_total", &["reason=\"breaker\""], 1).await;
    switch_faults_off(&pipeline.sandbox).await;
    let done = pipeline.event("rotation.done").await.json();
    assert_eq!(done["counts"]["failed"], 0, "{done}");
    assert_eq!(refreshed(&pipeline).await, json!({"ok": USERS.len()}));
}

async fn any_leased(pipeline: &Pipeline) -> bool {
    let client = redis::Client::open(pipeline.rig.redis_url()).unwrap();
    let mut redis = client.get_multiplexed_async_connection().await.unwrap();
    let leases: Vec<String> = redis::cmd("KEYS").arg("*:lease:*").query_async(&mut redis).await.unwrap();
    !leases.is_empty()
}
