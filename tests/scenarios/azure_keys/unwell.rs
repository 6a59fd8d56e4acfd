//! A vault that is busy, down or out of reach, while work goes on.

use std::time::Duration;

use sealpost_shared::keys::{KeyError, KeySource};
use sealpost_tests::pipeline::{SOON, exchange_request, publish_job};
use sealpost_tests::until;
use serde_json::{Value, json};

use super::{World, error, id};

fn down() -> Value {
    json!({"at": "vault", "kind": "status", "status": 503, "always": true})
}

#[tokio::test]
async fn a_busy_vault_is_asked_again_when_it_says_and_left_alone_until_then() {
    let world = World::start("").await;
    let busy = |wait: &str| json!({"at": "vault", "kind": "status", "status": 429, "headers": {"retry-after": wait}});
    world.azure.fault(busy("1")).await;
    assert!(world.keys().latest(&id()).await.is_ok());
    assert_eq!(world.azure.faults_fired().await, 1);

    let keys = world.keys();
    world.azure.fault(busy("3600")).await;
    for _ in 0..3 {
        let told = error(keys.latest(&id()).await);
        let KeyError::Throttled { after, .. } = told else { panic!("{told}") };
        assert!(after > Duration::from_mins(50), "{after:?}");
    }
    assert_eq!(world.azure.faults_fired().await, 2, "it is left alone");
}

#[tokio::test]
async fn publishing_goes_on_from_the_cache_while_the_vault_is_down_and_readiness_tells() {
    let world = World::start("latest_seconds = 1").await;
    let worker = world.pipeline.worker().await;
    world.pipeline.connect("ada").await;
    let publish = async || {
        let answer = world.pipeline.ask("publish-job.v1", &publish_job("acme", "ada", "hello")).await;
        assert_eq!(answer["outcome"], "published", "{answer}");
    };
    publish().await;
    assert_eq!(worker.page("/readyz").await.0, 200);
    world.azure.fault(down()).await;
    until("the latest grew old, and the vault was asked in vain", SOON, async || {
        publish().await;
        worker.page("/readyz").await.0 == 503
    })
    .await;
    publish().await;
    world.pipeline.connect("ben").await;
    let (_, why) = worker.page("/readyz").await;
    assert!(why.contains("sealpost.vault.azure.net") && why.contains("503"), "{why}");
    world.azure.well_again().await;
    until("readiness tells that the vault is back", SOON, async || worker.page("/readyz").await.0 == 200).await;
}

#[tokio::test]
async fn a_job_that_needs_a_key_which_is_not_cached_waits_for_the_vault_and_costs_no_consent() {
    let world = World::start("").await;
    let first = world.pipeline.worker().await;
    world.pipeline.connect("ada").await;
    // gives back nothing that another would open with the old key
    first.terminate();
    first.ended().await;
    world.new_version().await;
    let worker = world.pipeline.worker().await;
    let fault = json!({"at": "vault", "operation": "get-version", "kind": "status", "status": 503, "always": true});
    world.azure.fault(fault).await;
    let job = world.pipeline.send("publish-job.v1", &publish_job("acme", "ada", "later")).await;
    let code = ["code=\"key-source-unavailable\""];
    worker.measured("sealpost_attempts_failed_total", &code, 1).await;
    worker.measured("sealpost_key_lookups_total", &["result=\"failed\""], 1).await;
    assert_eq!(worker.page("/readyz").await.0, 503);
    world.azure.well_again().await;
    let answer = world.pipeline.answer(&job).await.json();
    assert_eq!(answer["outcome"], "published", "{answer}");
    assert!(world.pipeline.events("connection.needs-consent").await.is_empty());
}

#[tokio::test]
async fn a_code_is_not_spent_while_there_is_no_key_to_seal_with() {
    let world = World::start("").await;
    let worker = world.pipeline.worker().await;
    let fault = json!({"at": "vault", "secret": "tokens", "kind": "status", "status": 503, "always": true});
    world.azure.fault(fault).await;
    let request = exchange_request("acme", "ada", &world.pipeline.consent("ada").await);
    let asked = world.pipeline.send("exchange-request.v1", &request).await;
    worker.measured("sealpost_attempts_failed_total", &["code=\"key-source-unavailable\""], 1).await;
    world.azure.well_again().await;
    let answer = world.pipeline.answer(&asked).await.json();
    assert_eq!(answer["outcome"], "stored", "{answer}");
}

#[tokio::test]
async fn a_worker_that_starts_while_the_vault_is_down_waits_for_it() {
    let world = World::start("limit_seconds = 1").await;
    world.azure.fault(json!({"at": "vault", "kind": "hang", "always": true})).await;
    let worker = world.pipeline.waiting_worker().await;
    worker.logged("waiting for the key source").await;
    let (status, why) = worker.page("/readyz").await;
    assert!(status == 503 && worker.page("/livez").await.0 == 200, "{status} {why}");
    world.azure.well_again().await;
    worker.logged("working").await;
    world.pipeline.connect("ada").await;
    assert_eq!(worker.page("/readyz").await.0, 200);
}
