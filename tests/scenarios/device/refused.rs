//! Tokens that are not the connection's, and connections that are none for a device: no call is made.

use reqwest::Method;
use sealpost_schemas::Code;
use sealpost_shared::records::State;
use sealpost_tests::Pipeline;
use sealpost_tests::pipeline::publish_job;
use serde_json::{Value, json};

use super::world::{code, connected, exchange, job, life, park, pickup, publish, record, tokens};
use crate::identity;

/// What the platform was asked so far.
async fn asked(pipeline: &Pipeline) -> Value {
    pipeline.sandbox.admin(Method::GET, "log", None).await
}

#[tokio::test]
async fn a_job_without_a_connection_or_of_the_other_custody_calls_nobody() {
    let pipeline = Pipeline::start().await;
    let _worker = pipeline.worker().await;
    let held = pipeline.sandbox.mint_tokens("nobody").await;
    pipeline.connect("bob").await;
    connected(&pipeline, "ada").await;
    let (vault, before) = (record(&pipeline, "bob").await.unwrap(), asked(&pipeline).await);
    assert_eq!(code(&publish(&pipeline, &job("nobody", "never", &held)).await), "no-connection");
    assert_eq!(code(&publish(&pipeline, &job("bob", "never", &held)).await), "custody-mismatch");
    assert_eq!(code(&publish(&pipeline, &publish_job("acme", "ada", "never")).await), "custody-mismatch");
    assert_eq!(asked(&pipeline).await, before);
    let after = record(&pipeline, "bob").await.unwrap();
    assert_eq!((after.revision, after.metadata), (vault.revision, vault.metadata), "nothing touched it");
    assert_eq!(pipeline.rig.broker.depth("dead-letters").await, 0);
}

#[tokio::test]
async fn a_job_with_another_users_tokens_or_with_one_of_them_is_refused_and_nothing_is_called() {
    let pipeline = Pipeline::start().await;
    let _worker = pipeline.worker().await;
    let (ada, grace) = (connected(&pipeline, "ada").await, connected(&pipeline, "grace").await);
    let unknown = pipeline.sandbox.mint_tokens("ada").await;
    let (known, before) = (record(&pipeline, "ada").await.unwrap(), asked(&pipeline).await);
    let mixed = |access: &Value, refresh: &Value| json!({"access_token": access["access_token"], "refresh_token": refresh["refresh_token"]});
    for brought in [grace.clone(), mixed(&grace, &ada), mixed(&ada, &grace), unknown.clone(), mixed(&ada, &unknown)] {
        assert_eq!(code(&publish(&pipeline, &job("ada", "never", &brought)).await), "owner-mismatch");
    }
    let mut alone = job("ada", "never", &grace);
    alone["device_tokens"].as_object_mut().unwrap().remove("refresh_token");
    assert_eq!(code(&publish(&pipeline, &alone).await), "owner-mismatch");
    assert_eq!(asked(&pipeline).await, before);
    let after = record(&pipeline, "ada").await.unwrap();
    assert_eq!((after.revision, after.metadata), (known.revision, known.metadata));
    assert_eq!(publish(&pipeline, &job("ada", "her own", &ada)).await["outcome"], "published");
}

#[tokio::test]
async fn a_refresh_that_brings_another_accounts_tokens_ends_the_connection_and_nobody_gets_them() {
    let pipeline = identity::pipeline().await;
    let _worker = pipeline.worker().await;
    life(&pipeline, 0).await;
    let mut request = identity::request(&pipeline, "ada", "ada").await;
    request["store_on_device"] = true.into();
    let answer = exchange(&pipeline, &request).await;
    let held = tokens(&answer);
    assert!(held["id_token"].is_string(), "{answer}");
    assert_eq!(answer["subject"]["id"], "id-of-ada");
    life(&pipeline, 3600).await;
    pipeline.sandbox.spoil_id_token(json!({"claims": {"sub": "id-of-mallory"}})).await;
    let answer = publish(&pipeline, &job("ada", "never", &held)).await;
    assert_eq!(code(&answer), "subject-changed");
    let standing = record(&pipeline, "ada").await.unwrap().metadata.standing;
    assert_eq!((standing.state, standing.code), (State::NeedsConsent, Some(Code::SubjectChanged)));
    assert!(park(&pipeline, "ada").await.is_none());
    assert_eq!(code(&exchange(&pipeline, &pickup("ada", &held)).await), "subject-changed");
    assert!(pipeline.sandbox.posts().await.is_empty());
}
