//! A rotation over several tenants' keys in a vault: as it is drawn, and with everything against it.

use futures_util::future::join_all;
use redis::AsyncCommands;
use sealpost_shared::clock::{Clock, SystemClock};
use sealpost_shared::keys::{KeyError, KeySource};
use sealpost_shared::seal::KeyRef;
use sealpost_tests::command::run;
use sealpost_tests::pipeline::{SOON, exchange_request, publish_job, rotation_tick};
use sealpost_tests::until;
use serde_json::{Value, json};

use super::{World, error};
use crate::keys::disturbed::killed_after;

/// Tenants, and the users of the platform that each has connected.
const TENANTS: [(&str, [&str; 2]); 3] =
    [("acme", ["ada", "bob"]), ("globex", ["eve", "joe"]), ("initech", ["kim", "lea"])];

/// A world in which each tenant has a key with one version, and two connections.
async fn connected(world: World) -> (World, Vec<KeyRef>) {
    let first = join_all(TENANTS.map(|(tenant, _)| world.new_version_of(tenant))).await;
    let _worker = world.pipeline.worker().await;
    for (tenant, users) in TENANTS {
        for user in users {
            let request = exchange_request(tenant, user, &world.pipeline.consent(user).await);
            assert_eq!(world.pipeline.ask("exchange-request.v1", &request).await["outcome"], "stored");
        }
    }
    (world, first)
}

/// Everybody's post; the answers are still to come.
async fn publish(world: &World) -> Vec<String> {
    let mut asked = Vec::new();
    for (tenant, users) in TENANTS {
        for user in users {
            asked.push(world.pipeline.send("publish-job.v1", &publish_job(tenant, user, "hello")).await);
        }
    }
    asked
}

async fn all_published(world: &World, asked: Vec<String>) {
    for correlation in asked {
        let answer = world.pipeline.answer(&correlation).await.json();
        assert_eq!(answer["outcome"], "published", "{answer}");
    }
}

async fn rotated(world: &World, tick: &Value) -> Value {
    world.pipeline.send("rotation-tick.v1", tick).await;
    until("the rotation is done", SOON, async || {
        let done = world.pipeline.events("rotation.done").await.into_iter().map(|event| event.json());
        done.filter(|done| done["tick"] == tick["id"]).map(|done| done["counts"].clone()).next()
    })
    .await
}

#[tokio::test]
async fn every_record_is_opened_with_its_own_version_refreshed_sealed_with_the_latest_and_counted() {
    let (world, old) = connected(World::anywhere("tokens-{tenant}", "").await).await;
    let pipeline = &world.pipeline;
    let new = join_all(TENANTS.map(|(tenant, _)| world.new_version_of(tenant))).await;
    let early = run(pipeline, &["keys", "retire", old[1].version.as_str()]).await;
    assert!(!early.good && early.stderr.contains("4 are still sealed under it"), "{}", early.stderr);
    assert!(world.keys().get(&old[1]).await.is_ok(), "they need it");

    let _worker = pipeline.worker().await;
    let mut tick = rotation_tick();
    tick["mode"] = "refresh".into();
    tick["scheduled_for"] = SystemClock.now().to_string().into();
    // beside the records, the results of their exchanges
    assert_eq!(rotated(&world, &tick).await, json!({"refreshed": 6, "resealed": 6, "ended": 0, "failed": 0}));
    assert_eq!(pipeline.sandbox.stats().await["token"]["refresh_token"]["ok"], 6);
    for (number, (tenant, users)) in TENANTS.into_iter().enumerate() {
        assert_eq!((world.held(&old[number]).await, world.held(&new[number]).await), (0, 4), "{tenant}");
        for user in users {
            assert_eq!(*world.record_of(tenant, user).await.key(), new[number]);
        }
        let empty = pipeline.event("key.empty").await.json();
        assert!(old.iter().any(|key| empty["version"] == key.version.to_string()), "{empty}");
        let retired = run(pipeline, &["keys", "retire", old[number].version.as_str()]).await;
        assert!(retired.good, "{}{}", retired.stdout, retired.stderr);
        let told = error(world.keys().get(&old[number]).await);
        assert!(matches!(told, KeyError::Disabled { .. }), "{told}");
    }
    all_published(&world, publish(&world).await).await;
}

#[tokio::test]
async fn one_tenants_key_that_cannot_be_rotated_keeps_no_other_from_it_and_the_command_fails() {
    let (world, old) = connected(World::of("tokens-{tenant}", "").await).await;
    world
        .azure
        .fault(json!({"at": "vault", "secret": "tokens-acme", "kind": "status", "status": 403, "always": true}))
        .await;
    let said = run(&world.pipeline, &["keys", "rotate", "--all"]).await;
    assert!(!said.good && said.stderr.contains("tokens-acme"), "{}{}", said.stdout, said.stderr);
    assert!(!said.stderr.contains("tokens-globex"), "{}", said.stderr);
    world.azure.well_again().await;
    for (key, versions) in old.iter().zip([1, 2, 2]) {
        assert_eq!(world.keys().versions(&key.id).await.unwrap().len(), versions, "{key}: {}", said.stdout);
    }
}

#[tokio::test]
async fn a_rotation_with_everything_against_it_ends_the_same() {
    let (world, old) = connected(World::of("tokens-{tenant}", "").await).await;
    let pipeline = &world.pipeline;
    for (tenant, _) in TENANTS {
        world.seed(tenant, 700).await;
    }
    let damaged = world.record_of("globex", "user-7").await.id;
    let client = redis::Client::open(pipeline.rig.redis_url()).unwrap();
    let mut raw = client.get_multiplexed_async_connection().await.unwrap();
    let at = format!("{{sp:{:03}}}:record:{}", damaged.shard, damaged.key);
    let _: () = raw.hset(at, "sealed", vec![1_u8; 200]).await.unwrap();
    let new = join_all(TENANTS.map(|(tenant, _)| world.new_version_of(tenant))).await;

    let busy = json!({"at": "vault", "kind": "status", "status": 429, "headers": {"retry-after": "1"}, "n": 6});
    world.azure.fault(busy).await;
    let _publisher = pipeline.worker_with(&["publish"], &[]).await;
    let (tick, asked) = (rotation_tick(), publish(&world).await);
    for commands in [30, 150, 300] {
        killed_after(pipeline, commands, &tick).await;
    }
    let _sweepers = tokio::join!(pipeline.worker(), pipeline.worker());
    all_published(&world, asked).await;
    until("only what does not open is left", SOON, async || {
        let left = join_all(old.iter().map(|key| world.held(key))).await;
        left == [0, 1, 0]
    })
    .await;
    assert!(world.azure.faults_fired().await > 0, "the vault was busy");
    let idle = rotated(&world, &rotation_tick()).await;
    assert_eq!((&idle["resealed"], &idle["failed"]), (&0.into(), &1.into()), "{idle}");
    // a record and its exchange's result for each of two users, their posts' results, and what was seeded
    let sealed = join_all(new.iter().map(|key| world.held(key))).await;
    assert_eq!(sealed, [706, 705, 706]);
    let refused = run(pipeline, &["keys", "retire", old[1].version.as_str()]).await;
    assert!(!refused.good && refused.stderr.contains("1 are still sealed under it"), "{}", refused.stderr);
}
