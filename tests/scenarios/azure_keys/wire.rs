//! The key that producers seal to, in a vault.

use sealpost_shared::seal::KeyRef;
use sealpost_shared::wire::WireKeys;
use sealpost_tests::command::run;
use sealpost_tests::pipeline::{WIRE, exchange_request, sealed};
use serde_json::{Value, json};

use super::World;

const TYPE: &str = "exchange-request.v1";

/// A request of ada's, sealed to the newest version.
async fn request(world: &World) -> Value {
    let key = WireKeys::new(world.keys(), WIRE.parse().unwrap()).newest().await.unwrap();
    sealed(TYPE, &exchange_request("acme", "ada", &world.pipeline.consent("ada").await), &key)
}

async fn code(world: &World, request: &Value) -> Value {
    let answer = world.pipeline.ask(TYPE, request).await;
    world.pipeline.dead_letter().await;
    answer["failure"]["code"].clone()
}

#[tokio::test]
async fn a_key_of_the_vault_is_sealed_to_rotated_and_switched_off() {
    let world = World::start("").await;
    let _worker = world.pipeline.worker().await;
    assert!(run(&world.pipeline, &["keys", "rotate", "--wire"]).await.good);
    let old = request(&world).await;
    let rotated = run(&world.pipeline, &["keys", "rotate", "--wire", "--json"]).await.json();
    let new = request(&world).await;
    assert_eq!(new["grant"]["code"]["key"], rotated["version"]);
    let jwks = run(&world.pipeline, &["keys", "jwks"]).await.json();
    assert_eq!(jwks["keys"][0]["kid"], rotated["version"]);
    for request in [&old, &new] {
        let answer = world.pipeline.ask(TYPE, request).await;
        assert_eq!(answer["outcome"], "stored", "{answer}");
    }
    let version = old["grant"]["code"]["key"].as_str().unwrap();
    let retired = run(&world.pipeline, &["keys", "retire", version]).await;
    assert!(!retired.good && retired.stderr.contains("--even-if-messages-need-it"), "{}", retired.stderr);
}

#[tokio::test]
async fn a_version_that_the_vault_does_not_have_or_has_disabled_is_told_and_one_that_it_cannot_have_not_asked_for() {
    let world = World::start("").await;
    assert!(run(&world.pipeline, &["keys", "rotate", "--wire"]).await.good);
    let disabled = request(&world).await;
    assert!(run(&world.pipeline, &["keys", "rotate", "--wire"]).await.good);
    let version = disabled["grant"]["code"]["key"].as_str().unwrap();
    world.enable(&KeyRef { id: WIRE.parse().unwrap(), version: version.parse().unwrap() }, false).await;
    let _worker = world.pipeline.worker().await;
    assert_eq!(code(&world, &disabled).await, "sealed-key-unknown");
    for key in ["4387e9f3d6e14c459867679a90fd0f79", "v1", "../tokens"] {
        let mut unknown = request(&world).await;
        unknown["grant"]["code"]["key"] = json!(key);
        assert_eq!(code(&world, &unknown).await, "sealed-key-unknown", "{key}");
    }
}

#[tokio::test]
async fn while_the_vault_is_away_what_is_sealed_waits_and_then_opens() {
    let world = World::start("").await;
    assert!(run(&world.pipeline, &["keys", "rotate", "--wire"]).await.good);
    let (request, worker) = (request(&world).await, world.pipeline.worker().await);
    let fault = json!({"at": "vault", "operation": "get-version", "kind": "status", "status": 503, "always": true});
    world.azure.fault(fault).await;
    let asked = world.pipeline.send(TYPE, &request).await;
    worker.measured("sealpost_attempts_failed_total", &["code=\"key-source-unavailable\""], 1).await;
    world.azure.well_again().await;
    let answer = world.pipeline.answer(&asked).await.json();
    assert_eq!(answer["outcome"], "stored", "{answer}");
}
