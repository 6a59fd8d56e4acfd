//! Parked tokens, for who shows that the older ones are theirs.

use sealpost_schemas::Code;
use sealpost_shared::records::State;
use sealpost_tests::Pipeline;
use sealpost_tests::pipeline::properties;
use serde_json::{Value, json};

use super::world::{
    calls, code, connected, exchange, expired, job, let_it_end, park, pickup, publish, record, tokens, unparked,
};

/// A device with these tokens, for which newer ones wait.
async fn refreshed(pipeline: &Pipeline, user: &str) -> Value {
    let held = expired(pipeline, user).await;
    let answer = publish(pipeline, &job(user, "refreshed", &held)).await;
    assert_eq!(answer["tokens_refreshed"], true, "{answer}");
    held
}

#[tokio::test]
async fn who_holds_the_replaced_tokens_gets_the_newer_ones_once() {
    let pipeline = Pipeline::start().await;
    let _worker = pipeline.worker().await;
    let held = refreshed(&pipeline, "ada").await;
    let request = pickup("ada", &held);
    let answer = exchange(&pipeline, &request).await;
    assert_eq!((&answer["outcome"], &answer["request"]), (&json!("picked-up"), &request["id"]), "{answer}");
    let newer = tokens(&answer);
    assert_ne!(newer["refresh_token"], held["refresh_token"]);
    let mut public = answer.clone();
    public.as_object_mut().unwrap().remove("tokens");
    assert_eq!(pipeline.event("connection.on-device").await.json(), public);
    unparked(&pipeline, "ada").await;

    assert_eq!(exchange(&pipeline, &request).await, public, "told again, without the tokens that are with the device");
    assert_eq!(code(&exchange(&pipeline, &pickup("ada", &held)).await), "tokens-superseded");
    assert_eq!(code(&exchange(&pipeline, &pickup("ada", &newer)).await), "nothing-parked");
    let answer = publish(&pipeline, &job("ada", "with them", &newer)).await;
    assert_eq!((&answer["outcome"], &answer["tokens_refreshed"]), (&json!("published"), &json!(false)), "{answer}");
    assert_eq!(calls(&pipeline, "refresh_token").await, json!({"ok": 1}));
}

#[tokio::test]
async fn who_never_held_the_tokens_gets_nothing_and_nothing_changes() {
    let pipeline = Pipeline::start().await;
    let _worker = pipeline.worker().await;
    let held = refreshed(&pipeline, "ada").await;
    let grace = connected(&pipeline, "grace").await;
    let unknown = pipeline.sandbox.mint_tokens("ada").await;
    let (before, waits) = (record(&pipeline, "ada").await.unwrap(), park(&pipeline, "ada").await.unwrap());
    for theirs in [&grace, &unknown] {
        let answer = exchange(&pipeline, &pickup("ada", theirs)).await;
        assert_eq!(code(&answer), "owner-mismatch");
        assert!(answer["tokens"].is_null(), "{answer}");
    }
    assert_eq!(code(&exchange(&pipeline, &pickup("nobody", &held)).await), "no-connection");
    pipeline.connect("bob").await;
    assert_eq!(code(&exchange(&pipeline, &pickup("bob", &held)).await), "custody-mismatch");
    assert_eq!(record(&pipeline, "ada").await.unwrap().revision, before.revision);
    assert_eq!(park(&pipeline, "ada").await.unwrap().generation, waits.generation);
    assert_eq!(pipeline.rig.broker.depth("dead-letters").await, 0);
    tokens(&exchange(&pipeline, &pickup("ada", &held)).await);
}

#[tokio::test]
async fn a_pickup_that_could_not_be_answered_changes_nothing() {
    let pipeline = Pipeline::start().await;
    let _worker = pipeline.worker().await;
    let held = refreshed(&pipeline, "ada").await;
    let lost = pickup("ada", &held);
    let nowhere =
        properties("exchange-request.v1", lost["id"].as_str().unwrap()).with_reply_to("nobody.is.here".into());
    pipeline.send_raw("exchange-request.v1", &serde_json::to_vec(&lost).unwrap(), nowhere).await;
    assert_eq!(pipeline.event("connection.on-device").await.json()["outcome"], "picked-up");
    assert!(park(&pipeline, "ada").await.is_some());
    // the same request, and another one, from where there is a queue
    let answer = exchange(&pipeline, &lost).await;
    assert_eq!(answer["outcome"], "picked-up", "{answer}");
    tokens(&answer);
    unparked(&pipeline, "ada").await;

    let nameless = pickup("ada", &held);
    let nowhere = properties("exchange-request.v1", nameless["id"].as_str().unwrap()).with_reply_to("".into());
    pipeline.send_raw("exchange-request.v1", &serde_json::to_vec(&nameless).unwrap(), nowhere).await;
    assert_eq!(pipeline.event("connection.failed").await.json()["failure"]["code"], "reply-to-required");
}

#[tokio::test]
async fn tokens_that_nobody_picked_up_end_and_consent_is_needed_which_is_told_once() {
    let pipeline = Pipeline::start().await;
    let worker = pipeline.worker().await;
    let held = refreshed(&pipeline, "ada").await;
    let_it_end(&pipeline, "ada").await;
    // by the sweep, with nobody asking
    let event = pipeline.event("connection.needs-consent").await.json();
    assert_eq!((&event["code"], &event["connection"]["user"]), (&json!("pickup-expired"), &json!("ada")), "{event}");
    assert!(park(&pipeline, "ada").await.is_none());
    let standing = record(&pipeline, "ada").await.unwrap().metadata.standing;
    assert_eq!((standing.state, standing.code), (State::NeedsConsent, Some(Code::PickupExpired)));
    worker.measured("sealpost_parks_expired_total", &[], 1).await;
    assert_eq!(code(&exchange(&pipeline, &pickup("ada", &held)).await), "pickup-expired");
    assert_eq!(code(&publish(&pipeline, &job("ada", "never", &held)).await), "pickup-expired");
    assert!(pipeline.events("connection.needs-consent").await.is_empty());
    // consent heals it
    connected(&pipeline, "ada").await;
    assert_eq!(record(&pipeline, "ada").await.unwrap().metadata.standing.state, State::Active);
}

#[tokio::test]
async fn a_job_that_meets_tokens_which_ended_finds_that_out_itself() {
    let pipeline = Pipeline::start().await;
    let all = pipeline.worker().await;
    let held = refreshed(&pipeline, "ada").await;
    all.terminate();
    assert!(all.ended().await.success());
    let_it_end(&pipeline, "ada").await;
    // no worker of this step sweeps
    let _worker = pipeline.worker_with(&["publish"], &[]).await;
    assert_eq!(code(&publish(&pipeline, &job("ada", "never", &held)).await), "pickup-expired");
    assert_eq!(pipeline.event("connection.needs-consent").await.json()["code"], "pickup-expired");
    assert!(park(&pipeline, "ada").await.is_none());
    assert_eq!(calls(&pipeline, "refresh_token").await, json!({"ok": 1}));
}

#[tokio::test]
async fn tokens_that_were_picked_up_since_are_owed_nothing_of_what_comes_later() {
    let pipeline = Pipeline::start().await;
    let _worker = pipeline.worker().await;
    let first = refreshed(&pipeline, "ada").await;
    let second = tokens(&exchange(&pipeline, &pickup("ada", &first)).await);
    unparked(&pipeline, "ada").await;
    pipeline.sandbox.admin(reqwest::Method::POST, "expire", Some(json!({"user": "ada"}))).await;
    let answer = publish(&pipeline, &job("ada", "refreshed again", &second)).await;
    assert_eq!((&answer["outcome"], &answer["tokens_refreshed"]), (&json!("published"), &json!(true)), "{answer}");
    // whoever kept the first ones
    assert_eq!(code(&exchange(&pipeline, &pickup("ada", &first)).await), "tokens-superseded");
    assert_eq!(code(&publish(&pipeline, &job("ada", "never", &first)).await), "tokens-superseded");
    assert!(park(&pipeline, "ada").await.is_some());
    let third = tokens(&exchange(&pipeline, &pickup("ada", &second)).await);
    assert_ne!(third["refresh_token"], second["refresh_token"]);
    assert_eq!(calls(&pipeline, "refresh_token").await, json!({"ok": 2}));
}
