//! Connections that end while keys and our client's secret are in a vault.

use reqwest::Method;
use sealpost_shared::ids;
use sealpost_shared::seal::KeyRef;
use sealpost_tests::pipeline::{KEY, SOON, connection, exchange_request, rotation_tick};
use sealpost_tests::until;
use serde_json::{Value, json};

use super::World;
use super::secrets::{OLD, SECRET, of_vault, put, says_nothing};
use crate::revoke::world::{entry, word};

const TENANTS: [(&str, &str); 2] = [("acme", "ada"), ("globex", "eve")];

fn end(tenant: &str, user: &str) -> Value {
    json!({"id": ids::fresh(), "scope": "owner", "owner": {"tenant": tenant, "user": user}})
}

/// The platform revokes tokens.
fn revokes(world: &World) {
    entry(&world.pipeline, &format!("revocation_url = '{}/revoke'", world.pipeline.sandbox.issuer()));
}

/// The key that the tombstone of a connection is sealed with.
async fn sealed(world: &World, tenant: &str, user: &str) -> KeyRef {
    let store = world.store().await;
    let ids = store.tombstones_of(&store.locate(&connection(tenant, user))).await.unwrap();
    assert_eq!(ids.len(), 1);
    store.load_tombstone(&ids[0]).await.unwrap().unwrap().key().clone()
}

/// The receipt, after all events that said it was pending.
async fn last_word(world: &World, asked: &str) -> Value {
    loop {
        let told = world.pipeline.answer(asked).await.json();
        if told["outcome"] != "under-way" {
            return told;
        }
    }
}

/// How many records a rotation sealed anew, of one tenant where it is named.
async fn resealed(world: &World, tenant: Option<&str>) -> Value {
    let mut tick = rotation_tick();
    if let Some(tenant) = tenant {
        tick["scope"] = json!({"tenant": tenant});
    }
    world.pipeline.send("rotation-tick.v1", &tick).await;
    until("the rotation is done", SOON, async || {
        let done = world.pipeline.events("rotation.done").await.into_iter().map(|event| event.json());
        done.filter(|done| done["tick"] == tick["id"]).map(|done| done["counts"]["resealed"].clone()).next()
    })
    .await
}

#[tokio::test]
async fn a_tombstone_has_the_key_of_its_own_tenant_and_moves_to_a_newer_version_of_that_alone() {
    let world = World::of("tokens-{tenant}", "").await;
    let pipeline = &world.pipeline;
    revokes(&world);
    let (acme, globex) = (world.new_version_of("acme").await, world.new_version_of("globex").await);
    let worker = pipeline.worker().await;
    for (tenant, user) in TENANTS {
        let request = exchange_request(tenant, user, &pipeline.consent(user).await);
        assert_eq!(pipeline.ask("exchange-request.v1", &request).await["outcome"], "stored");
    }
    pipeline.sandbox.fault(json!({"path": "/revoke", "kind": "status", "status": 503, "n": 1000})).await;
    let mut asked = Vec::new();
    for (tenant, user) in TENANTS {
        asked.push((user, pipeline.send("revocation-request.v1", &end(tenant, user)).await));
    }
    until("both are buried", SOON, async || (world.store().await.count_tombstones().await.unwrap() == 2).then_some(()))
        .await;
    assert_eq!(sealed(&world, "acme", "ada").await, acme);
    assert_eq!(sealed(&world, "globex", "eve").await, globex);
    worker.kill9().await;

    let (newer, theirs) = (world.new_version_of("acme").await, world.new_version_of("globex").await);
    let rotating = pipeline.worker_with(&["rotate", "rotate-shard"], &[]).await;
    assert_eq!(resealed(&world, Some("acme")).await, 1);
    assert_eq!(sealed(&world, "acme", "ada").await, newer);
    assert_eq!(sealed(&world, "globex", "eve").await, globex);
    // beside the other tombstone, the results of the two exchanges
    assert_eq!(resealed(&world, None).await, 3);
    assert_eq!(sealed(&world, "globex", "eve").await, theirs);
    assert_eq!((world.held(&acme).await, world.held(&globex).await), (0, 0), "neither is needed any more");
    rotating.kill9().await;

    pipeline.sandbox.admin(Method::DELETE, "faults", None).await;
    let _worker = pipeline.worker().await;
    for (user, asked) in asked {
        assert_eq!(word(&last_word(&world, &asked).await, user), "revoked");
    }
    assert_eq!((world.held(&newer).await, world.held(&theirs).await), (1, 1), "the results of their exchanges");
}

#[tokio::test]
async fn a_refused_secret_is_looked_up_anew_and_the_revocation_is_asked_for_once_more() {
    let world = of_vault(World::anywhere(KEY, "").await, &[OLD]).await;
    revokes(&world);
    world.seed("acme", 1).await;
    let worker = world.pipeline.worker().await;
    // what the worker read when it started, and keeps for minutes, is not the latest any more
    put(&world, SECRET).await;
    let answer = world.pipeline.ask("revocation-request.v1", &end("acme", "user-0")).await;
    assert_eq!(word(&answer, "user-0"), "revoked");
    assert_eq!(worker.metric("sealpost_attempts_failed_total", &[]).await, 0, "it took one attempt");
    // the first call was refused; nobody knows these tokens at the platform
    let stats = world.pipeline.sandbox.stats().await["revoke"].clone();
    assert_eq!(stats, json!({"invalid_client": 1, "unknown": 2}));
    says_nothing(&world, &worker).await;
}

#[tokio::test]
async fn while_the_vault_does_not_give_the_secret_a_token_waits_and_is_not_given_up() {
    let world = of_vault(World::start("latest_seconds = 1").await, &[SECRET]).await;
    revokes(&world);
    world.seed("acme", 1).await;
    world
        .azure
        .fault(json!({"at": "vault", "secret": "practice-client", "kind": "status", "status": 403, "always": true}))
        .await;
    let _worker = world.pipeline.worker().await;
    let asked = world.pipeline.send("revocation-request.v1", &end("acme", "user-0")).await;
    until("it is buried", SOON, async || (world.store().await.count_tombstones().await.unwrap() == 1).then_some(()))
        .await;
    let told = world.pipeline.event("connection.revoked").await.json();
    assert_eq!(told["outcome"], "under-way", "{told}");
    let store = world.store().await;
    let id = store.tombstones_of(&store.locate(&connection("acme", "user-0"))).await.unwrap()[0];
    assert_eq!(store.load_tombstone(&id).await.unwrap().unwrap().tries, 0, "the platform said nothing of the token");
    world.azure.well_again().await;
    assert_eq!(word(&last_word(&world, &asked).await, "user-0"), "revoked");
}
