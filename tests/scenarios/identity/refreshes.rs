//! The ID token of a refresh: the new tokens are saved first and judged afterwards.

use jiff::SignedDuration;
use reqwest::Method;
use sealpost_schemas::Code;
use sealpost_shared::clock::{Clock, SystemClock};
use sealpost_shared::keys::{KeySource, Keys, LocalKeys};
use sealpost_shared::records::State;
use sealpost_tests::pipeline::{SOON, publish_job};
use sealpost_tests::{Pipeline, until};
use serde_json::{Value, json};

use super::{connected, failed, pipeline, record, subject};

/// Publishes for a user whose access token has expired, and whose refresh brings such an ID token.
async fn published_with(pipeline: &Pipeline, user: &str, how: Value) -> Value {
    let lives = |seconds: u32| Some(json!({"access_ttl": seconds}));
    pipeline.sandbox.admin(Method::POST, "settings", lives(1)).await;
    connected(pipeline, user, user).await;
    pipeline.sandbox.admin(Method::POST, "settings", lives(3600)).await;
    let expires = record(pipeline, user).await.unwrap().metadata.access_expires_at.unwrap();
    until("the access token expires", SOON, async || SystemClock.now() > expires).await;
    pipeline.sandbox.spoil_id_token(how).await;
    pipeline.ask("publish-job.v1", &publish_job("acme", user, "after a refresh")).await
}

#[tokio::test]
async fn another_accounts_tokens_end_the_connection_and_nothing_is_posted_with_them() {
    let pipeline = pipeline().await;
    let _worker = pipeline.worker().await;
    let answer = published_with(&pipeline, "ada", json!({"claims": {"sub": "id-of-mallory"}})).await;
    failed(&answer, "subject-changed");
    let event = pipeline.event("connection.needs-consent").await.json();
    assert_eq!((&event["code"], &event["connection"]["user"]), (&json!("subject-changed"), &json!("ada")), "{event}");
    let standing = record(&pipeline, "ada").await.unwrap().metadata.standing;
    assert_eq!((standing.state, standing.code), (State::NeedsConsent, Some(Code::SubjectChanged)));
    let again = pipeline.ask("publish-job.v1", &publish_job("acme", "ada", "later")).await;
    failed(&again, "subject-changed");
    assert_eq!(pipeline.sandbox.posts().await, Vec::<Value>::new());
    assert_eq!(pipeline.sandbox.stats().await["token"]["refresh_token"], json!({"ok": 1}));
    assert!(pipeline.events("connection.needs-consent").await.is_empty(), "told once");
    // the account that it is of is still known
    assert_eq!(connected(&pipeline, "ada", "ada").await, subject("ada", false));
    assert_eq!(record(&pipeline, "ada").await.unwrap().metadata.standing.state, State::Active);
}

#[tokio::test]
async fn a_worker_that_dies_before_the_verdict_leaves_it_to_the_next_one_also_when_the_id_token_has_expired() {
    let pipeline = pipeline().await;
    let first = pipeline.worker().await;
    connected(&pipeline, "ada", "ada").await;
    first.kill9().await;
    // a worker that has no keys yet
    let victim = pipeline.worker().await;
    pipeline.sandbox.admin(Method::POST, "expire", Some(json!({"user": "ada"}))).await;
    // it lives for five minutes, and five more are allowed for clocks that differ
    pipeline.sandbox.spoil_id_token(json!({"claims": {"sub": "id-of-mallory"}, "shift": -595})).await;
    pipeline.sandbox.fault(json!({"path": "/jwks", "kind": "hang"})).await;
    pipeline.send("publish-job.v1", &publish_job("acme", "ada", "the victim's")).await;
    until("the keys are asked for", SOON, async || pipeline.sandbox.stats().await["faults_fired"] == 1).await;
    victim.kill9().await;
    let expires = SystemClock.now() + SignedDuration::from_secs(6);
    until("the ID token is no good any more", SOON, async || SystemClock.now() > expires).await;
    assert_eq!(record(&pipeline, "ada").await.unwrap().metadata.standing.state, State::Active);

    let other = pipeline.worker().await;
    failed(&pipeline.ask("publish-job.v1", &publish_job("acme", "ada", "the other's")).await, "subject-changed");
    let event = pipeline.event("connection.needs-consent").await.json();
    assert_eq!(event["code"], "subject-changed", "{event}");
    assert_eq!(pipeline.sandbox.posts().await, Vec::<Value>::new());
    assert_eq!(pipeline.sandbox.stats().await["token"]["refresh_token"], json!({"ok": 1}));
    assert_eq!(other.metric("sealpost_id_tokens_unverified_total", &[]).await, 0);
}

#[tokio::test]
async fn a_good_id_token_is_judged_once_and_not_kept() {
    let pipeline = pipeline().await;
    let _worker = pipeline.worker().await;
    let answer = published_with(&pipeline, "ada", json!({})).await;
    assert_eq!(answer["outcome"], "published", "{answer}");
    let keys = Keys::Local(LocalKeys::open(&pipeline.keyring()).unwrap());
    let record = record(&pipeline, "ada").await.unwrap();
    let content = record.open(&keys.get(record.key()).await.unwrap()).unwrap();
    assert!(content.tokens.access_token.is_some());
    assert!(content.tokens.id_token.is_none());
}

#[tokio::test]
async fn an_id_token_that_cannot_be_verified_is_counted_and_costs_nothing() {
    let pipeline = pipeline().await;
    let worker = pipeline.worker().await;
    let other = json!({"sub": "id-of-mallory"});
    let unverified = [
        json!({"how": "tampered"}),
        json!({"how": "alg-none", "claims": other}),
        json!({"how": "unknown-key", "claims": other}),
        json!({"how": "garbage"}),
        json!({"shift": -610, "claims": other}),
        json!({"claims": {"sub": "id-of-mallory", "aud": "another-client"}}),
    ];
    for (number, how) in unverified.iter().enumerate() {
        let answer = published_with(&pipeline, &format!("user-{number}"), how.clone()).await;
        assert_eq!(answer["outcome"], "published", "{how}: {answer}");
    }
    let counted = worker.metric("sealpost_id_tokens_unverified_total", &[]).await;
    assert_eq!(counted, unverified.len() as u64);
    assert!(worker.log().contains("a refresh's ID token was not verified"));
    for (number, how) in
        [json!({}), json!({"how": "missing"}), json!({"claims": {"nonce": "odd"}})].into_iter().enumerate()
    {
        let answer = published_with(&pipeline, &format!("fine-{number}"), how.clone()).await;
        assert_eq!(answer["outcome"], "published", "{how}: {answer}");
    }
    assert_eq!(worker.metric("sealpost_id_tokens_unverified_total", &[]).await, counted);
    assert!(pipeline.events("connection.needs-consent").await.is_empty());
}

#[tokio::test]
async fn keys_that_cannot_be_had_do_not_cost_a_refreshed_token() {
    let pipeline = pipeline().await;
    let first = pipeline.worker().await;
    connected(&pipeline, "ada", "ada").await;
    first.kill9().await;
    // a worker that has no keys yet
    let worker = pipeline.worker().await;
    pipeline.sandbox.admin(Method::POST, "expire", Some(json!({"user": "ada"}))).await;
    pipeline.sandbox.fault(json!({"path": "/jwks", "kind": "status", "status": 503, "n": 50})).await;
    let answer = pipeline.ask("publish-job.v1", &publish_job("acme", "ada", "after a refresh")).await;
    assert_eq!(answer["outcome"], "published", "{answer}");
    assert_eq!(pipeline.sandbox.stats().await["token"]["refresh_token"], json!({"ok": 1}));
    assert_eq!(worker.metric("sealpost_id_tokens_unverified_total", &[]).await, 1);
}
