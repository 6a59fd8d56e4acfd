//! What happens at the same time.

use reqwest::Method;
use sealpost_shared::ids;
use sealpost_tests::pipeline::SOON;
use sealpost_tests::{Pipeline, until};
use serde_json::{Value, json};

use super::world::{
    calls, code, connected, exchange, expired, job, life, park, pickup, publish, record, request, tokens, unparked,
};
use crate::revoke::world::{entry, word};

/// Sends a message while the platform takes its time to answer a refresh; returns when the refresh is under way.
async fn meanwhile(pipeline: &Pipeline, job: &Value) -> String {
    let slow = json!({"path": "/token", "kind": "slow", "when": "after", "delay_ms": 1500});
    pipeline.sandbox.fault(slow).await;
    let fired = async || pipeline.sandbox.stats().await["faults_fired"].as_u64().unwrap();
    let before = fired().await;
    let correlation = pipeline.send("publish-job.v1", job).await;
    until("the refresh is under way", SOON, async || fired().await == before + 1).await;
    correlation
}

#[tokio::test]
async fn who_picks_tokens_up_while_they_are_refreshed_is_owed_what_comes_of_that() {
    let pipeline = Pipeline::start().await;
    let _worker = pipeline.worker().await;
    let first = expired(&pipeline, "ada").await;
    life(&pipeline, 0).await;
    assert_eq!(code(&publish(&pipeline, &job("ada", "never", &first)).await), "needs-consent");
    life(&pipeline, 3600).await;
    let correlation = meanwhile(&pipeline, &job("ada", "refreshed twice", &first)).await;
    let second = tokens(&exchange(&pipeline, &pickup("ada", &first)).await);
    let answer = pipeline.answer(&correlation).await.json();
    assert_eq!((&answer["outcome"], &answer["tokens_refreshed"]), (&json!("published"), &json!(true)), "{answer}");
    let third = tokens(&exchange(&pipeline, &pickup("ada", &second)).await);
    assert_ne!(third["refresh_token"], second["refresh_token"]);
    unparked(&pipeline, "ada").await;
    let answer = publish(&pipeline, &job("ada", "with the third", &third)).await;
    assert_eq!((&answer["outcome"], &answer["tokens_refreshed"]), (&json!("published"), &json!(false)), "{answer}");
    assert_eq!(pipeline.sandbox.stats().await["refresh_reuses"], 0);
}

#[tokio::test]
async fn a_connection_that_is_revoked_while_its_tokens_are_refreshed_ends_with_the_newest() {
    let pipeline = Pipeline::start().await;
    entry(&pipeline, &format!("revocation_url = '{}/revoke'", pipeline.sandbox.issuer()));
    let _worker = pipeline.worker().await;
    let held = expired(&pipeline, "ada").await;
    meanwhile(&pipeline, &job("ada", "in between", &held)).await;
    let ends = json!({"id": ids::fresh(), "scope": "connection", "owner": {"tenant": "acme", "user": "ada"},
                      "provider": "practice", "label": "default"});
    let answer = pipeline.ask("revocation-request.v1", &ends).await;
    assert_eq!(word(&answer, "ada"), "revoked");
    assert_eq!(calls(&pipeline, "refresh_token").await, json!({"ok": 1}));
    assert_eq!(pipeline.sandbox.stats().await["revoke"]["ok"], 2, "what the refresh brought");
    assert!(record(&pipeline, "ada").await.is_none() && park(&pipeline, "ada").await.is_none());
    assert_eq!(code(&exchange(&pipeline, &pickup("ada", &held)).await), "no-connection");
}

#[tokio::test]
async fn a_consent_during_a_refresh_waits_for_it_and_wins() {
    let pipeline = Pipeline::start().await;
    let _worker = pipeline.worker().await;
    let held = expired(&pipeline, "ada").await;
    let correlation = meanwhile(&pipeline, &job("ada", "refreshed", &held)).await;
    let newest = tokens(&exchange(&pipeline, &request(&pipeline, "ada").await).await);
    assert_eq!(pipeline.answer(&correlation).await.json()["outcome"], "published");
    unparked(&pipeline, "ada").await;
    let answer = publish(&pipeline, &job("ada", "with the newest", &newest)).await;
    assert_eq!((&answer["outcome"], &answer["tokens_refreshed"]), (&json!("published"), &json!(false)), "{answer}");
    assert_eq!(code(&publish(&pipeline, &job("ada", "never", &held)).await), "tokens-superseded");
}

#[tokio::test]
async fn what_was_asked_for_before_a_revocation_is_not_answered_with_tokens_after_it() {
    let pipeline = Pipeline::start().await;
    let _worker = pipeline.worker().await;
    let request = request(&pipeline, "ada").await;
    tokens(&exchange(&pipeline, &request).await);
    unparked(&pipeline, "ada").await;
    let ends = json!({"id": ids::fresh(), "scope": "owner", "owner": {"tenant": "acme", "user": "ada"}});
    assert_eq!(pipeline.ask("revocation-request.v1", &ends).await["outcome"], "done");
    assert_eq!(code(&exchange(&pipeline, &request).await), "revoked");
    connected(&pipeline, "ada").await;
    assert_eq!(code(&exchange(&pipeline, &request).await), "tokens-superseded");
    assert_eq!(pipeline.sandbox.admin(Method::GET, "stats", None).await["token"]["authorization_code"]["ok"], 2);
}
