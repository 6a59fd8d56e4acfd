//! Rotations of mode `refresh`: tokens are refreshed ahead of time, and what cannot be is sealed anew all the same.

use jiff::{SignedDuration, Timestamp};
use sealpost_shared::records::State;
use sealpost_tests::pipeline::{SOON, connection, publish_job, rotation_tick};
use sealpost_tests::{Pipeline, Setup, until};
use serde_json::{Value, json};

const USERS: [&str; 6] = ["ada", "bob", "eve", "joe", "kim", "lea"];

async fn connected() -> Pipeline {
    let pipeline = Pipeline::start_with(Setup { shards: 4, ..Setup::default() }).await;
    let worker = pipeline.worker().await;
    for user in USERS {
        pipeline.connect(user).await;
    }
    drop(worker);
    pipeline
}

fn now() -> Timestamp {
    use sealpost_shared::clock::{Clock, SystemClock};
    SystemClock.now()
}

/// A tick of mode `refresh` of this moment, for what is due so much later, or for everything.
fn refresh_tick(due_in: Option<SignedDuration>) -> Value {
    let mut tick = rotation_tick();
    tick["mode"] = "refresh".into();
    tick["scheduled_for"] = now().to_string().into();
    if let Some(due_in) = due_in {
        tick["due_before"] = (now() + due_in).to_string().into();
    }
    tick
}

/// Runs a rotation to its end and returns what it did.
async fn rotated(pipeline: &Pipeline, tick: &Value) -> Value {
    pipeline.send("rotation-tick.v1", tick).await;
    until("the rotation is done", SOON, async || {
        let done = pipeline.events("rotation.done").await.into_iter().map(|event| event.json());
        done.filter(|done| done["tick"] == tick["id"]).map(|done| done["counts"].clone()).next()
    })
    .await
}

/// Token calls of grant `refresh_token` that brought tokens.
async fn refreshes(pipeline: &Pipeline) -> Value {
    pipeline.sandbox.stats().await["token"]["refresh_token"]["ok"].clone()
}

#[tokio::test]
async fn what_is_due_is_refreshed_once_and_what_is_not_is_left_alone() {
    let pipeline = connected().await;
    let _worker = pipeline.worker().await;
    let early = refresh_tick(Some(SignedDuration::from_secs(-60)));
    assert_eq!(rotated(&pipeline, &early).await["refreshed"], 0);
    assert_eq!(refreshes(&pipeline).await, Value::Null);

    let tick = refresh_tick(Some(SignedDuration::from_hours(24)));
    assert_eq!(rotated(&pipeline, &tick).await, json!({"refreshed": 6, "resealed": 0, "ended": 0, "failed": 0}));
    for _ in USERS {
        pipeline.event("connection.refreshed").await;
    }
    // the same tick again finds that all of it is done
    pipeline.send("rotation-tick.v1", &tick).await;
    assert_eq!(rotated(&pipeline, &refresh_tick(Some(SignedDuration::from_secs(-60)))).await["refreshed"], 0);
    assert_eq!(refreshes(&pipeline).await, 6);
    assert_eq!(pipeline.ask("publish-job.v1", &publish_job("acme", "ada", "still")).await["outcome"], "published");
}

#[tokio::test]
async fn what_a_worker_found_out_before_it_died_is_told_by_the_next_one() {
    let pipeline = Pipeline::start_with(Setup { shards: 1, http_limit: 3, ..Setup::default() }).await;
    let victim = pipeline.worker().await;
    for user in ["ada", "bob"] {
        pipeline.connect(user).await;
        pipeline.sandbox.admin(reqwest::Method::POST, "revoke", Some(json!({"user": user}))).await;
    }
    // one of the two is found out while the other's answer is waited for, and nothing is told before both are done
    pipeline.sandbox.fault(json!({"path": "/token", "kind": "hang"})).await;
    pipeline.send("rotation-tick.v1", &refresh_tick(Some(SignedDuration::from_hours(24)))).await;
    let store = pipeline.store().await;
    until("one is found out", SOON, async || {
        for user in ["ada", "bob"] {
            let record = store.load(&store.locate(&connection("acme", user))).await.unwrap().unwrap();
            if record.metadata.standing.state == State::NeedsConsent {
                return true;
            }
        }
        false
    })
    .await;
    victim.kill9().await;
    assert!(pipeline.events("connection.needs-consent").await.is_empty(), "nobody was told yet");
    let _worker = pipeline.worker().await;
    let mut told = Vec::new();
    while told.len() < 2 {
        let user = pipeline.event("connection.needs-consent").await.json()["connection"]["user"].clone();
        if !told.contains(&user) {
            told.push(user);
        }
    }
}

#[tokio::test]
async fn everything_is_refreshed_under_the_newest_key_and_a_consent_that_ended_is_sealed_anew() {
    let pipeline = connected().await;
    let (old, new) = (pipeline.newest_version().await, pipeline.rotate_key());
    pipeline
        .sandbox
        .fault(json!({"path": "/token", "kind": "status", "status": 400, "body": "{\"error\":\"invalid_grant\"}"}))
        .await;
    let _worker = pipeline.worker().await;
    let counts = rotated(&pipeline, &refresh_tick(None)).await;
    // beside the records, the results of the exchanges
    assert_eq!(counts, json!({"refreshed": 5, "resealed": 6, "ended": 1, "failed": 0}));
    assert_eq!((pipeline.held(&old).await, pipeline.held(&new).await), (0, 12));
    pipeline.event("connection.needs-consent").await;
    let empty = pipeline.event("key.empty").await.json();
    assert_eq!((&empty["key"], &empty["version"]), (&"tokens".into(), &old.to_string().into()), "{empty}");
}

#[tokio::test]
async fn a_provider_that_asks_for_fewer_requests_is_asked_later_and_nobody_twice() {
    let pipeline = connected().await;
    let limited = json!({"path": "/token", "kind": "status", "status": 429, "n": 3, "headers": {"retry-after": "1"}});
    pipeline.sandbox.fault(limited).await;
    let _worker = pipeline.worker().await;
    let counts = rotated(&pipeline, &refresh_tick(None)).await;
    assert_eq!(counts["failed"], 0, "{counts}");
    assert_eq!(refreshes(&pipeline).await, 6);
    assert_eq!(pipeline.events("connection.needs-consent").await.len(), 0);
}
