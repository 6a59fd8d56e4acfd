//! What the vault says no to, and what becomes of it.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use jiff::SignedDuration;
use reqwest::Method;
use sealpost_schemas::Name;
use sealpost_shared::clock::{Clock, SystemClock};
use sealpost_shared::keys::{KeyError, KeySource, SealingKeys, Wanted};
use sealpost_shared::seal::KeyId;
use sealpost_tests::pipeline::{SOON, exchange_request, rotation_tick};
use sealpost_tests::until;
use serde_json::Value;

use super::{VAULT, World, error, id, key_ref};

#[tokio::test]
async fn a_disabled_version_is_told_from_a_missing_permission() {
    let world = World::start("").await;
    world.new_version().await;
    world.enable(&world.first, false).await;
    let keys = world.keys();
    let disabled = KeyError::Disabled { wanted: Wanted::Version(world.first.clone()) };
    assert_eq!(error(keys.get(&world.first).await), disabled);
    world.enable(&world.first, true).await;
    until("an answer of no is asked for again", SOON, async || keys.get(&world.first).await.is_ok()).await;

    world.azure.role(VAULT, &world.azure.places.client_id, "none").await;
    let denied = error(world.keys().get(&world.first).await);
    assert!(matches!(denied, KeyError::Denied { .. }), "{denied}");
    assert!(denied.to_string().contains("Key Vault Secrets User"), "{denied}");
}

#[tokio::test]
async fn a_latest_that_is_disabled_is_no_latest_and_no_older_one_stands_in() {
    let world = World::start("").await;
    let new = world.new_version().await;
    world.enable(&new, false).await;
    assert!(matches!(error(world.keys().latest(&id()).await), KeyError::Disabled { .. }));
}

#[tokio::test]
async fn a_missing_secret_is_told_from_one_that_can_be_brought_back() {
    let world = World::start("").await;
    let keys = world.keys();
    let unknown: KeyId = "no-such".parse().unwrap();
    assert_eq!(error(keys.latest(&unknown).await), KeyError::Missing { wanted: Wanted::Latest(unknown) });
    let version = key_ref(&"0".repeat(32));
    assert_eq!(error(keys.get(&version).await), KeyError::Missing { wanted: Wanted::Version(version) });

    delete(&world).await;
    let deleted = error(keys.latest(&id()).await);
    assert_eq!(deleted, KeyError::Deleted { wanted: Wanted::Latest(id()) });
    assert!(deleted.to_string().contains("az keyvault secret recover"), "{deleted}");
    let again = error(keys.get(&world.first).await);
    assert!(matches!(again, KeyError::Deleted { .. }), "{again}");
}

#[tokio::test]
async fn a_deleted_secret_is_not_made_anew() {
    let world = World::start("create_missing_keys = true").await;
    delete(&world).await;
    assert!(matches!(error(world.keys().latest(&id()).await), KeyError::Deleted { .. }));
    assert_eq!(world.azure.count(VAULT, "set", "").await, 0);
}

#[tokio::test]
async fn a_value_that_is_no_key_is_a_mistake_to_mend_and_is_not_repeated() {
    let world = World::start("").await;
    for wrong in ["hunter2-hunter2", "aHVudGVyMg==", ""] {
        let version = world.azure.new_version(VAULT, "tokens", wrong).await;
        for error in [error(world.keys().latest(&id()).await), error(world.keys().get(&key_ref(&version)).await)] {
            let told = error.to_string();
            assert!(matches!(error, KeyError::Misconfigured { .. }), "{told}");
            assert!(told.contains("32 bytes in base64") && !told.contains("hunter2"), "{told}");
        }
    }
}

#[tokio::test]
async fn a_missing_key_is_made_only_where_that_is_configured_and_two_at_once_can_read_both() {
    let world = World::start("create_missing_keys = true").await;
    let of = async |id: &str| SealingKeys::open(world.keys(), id.parse().unwrap()).await.unwrap();
    let (one, two, tenant) = (of("other").await, of("other").await, Name::new("acme").unwrap());
    let (first, second) = tokio::join!(one.newest_of(&tenant), two.newest_of(&tenant));
    for key in [first.unwrap().0, second.unwrap().0] {
        for keys in [&one, &two, &of("other").await] {
            assert!(keys.get(&key).await.is_ok(), "{key}");
        }
    }
    world.azure.role(VAULT, &world.azure.places.client_id, "Key Vault Secrets User").await;
    let denied = error(of("another").await.newest_of(&tenant).await);
    assert!(matches!(denied, KeyError::Denied { wanted: Wanted::New(_), .. }), "{denied}");
}

/// Deletes the secret, which can be brought back.
async fn delete(world: &World) {
    let places = &world.azure.places;
    let token = world.azure.vault_token(&places.client_id, &places.client_secret).await;
    let url = format!("{}/secrets/tokens?api-version=7.4", world.azure.vault_url(VAULT));
    let request = world.azure.request(Method::DELETE, &url).bearer_auth(token);
    let (status, answer): (u16, Value) = sealpost_tests::azure::answered(request).await;
    assert_eq!(status, 200, "{answer}");
}

/// A tick of mode `refresh` for everything.
fn refresh_tick() -> Value {
    let mut tick = rotation_tick();
    tick["mode"] = "refresh".into();
    tick["scheduled_for"] = SystemClock.now().to_string().into();
    tick["due_before"] = (SystemClock.now() + SignedDuration::from_hours(24)).to_string().into();
    tick
}

#[tokio::test]
async fn one_tenants_bad_or_forbidden_key_keeps_no_other_tenants_tokens_from_being_refreshed_or_sealed_anew() {
    let world = World::of("tokens-{tenant}", "").await;
    let pipeline = &world.pipeline;
    for tenant in ["acme", "globex"] {
        world.new_version_of(tenant).await;
    }
    let worker = pipeline.worker().await;
    for (tenant, users) in [("acme", ["ada", "bob"]), ("globex", ["eve", "joe"])] {
        for user in users {
            let request = exchange_request(tenant, user, &pipeline.consent(user).await);
            assert_eq!(pipeline.ask("exchange-request.v1", &request).await["outcome"], "stored");
        }
    }
    drop(worker);
    // by hand, with a line break at its end
    world.azure.new_version(VAULT, "tokens-acme", "bm8ga2V5\n").await;
    let new = world.new_version_of("globex").await;
    let _worker = pipeline.worker().await;
    pipeline.send("rotation-tick.v1", &refresh_tick()).await;
    let done = pipeline.event("rotation.done").await.json();
    assert_eq!((&done["counts"]["refreshed"], &done["counts"]["failed"]), (&2.into(), &2.into()), "{done}");
    assert_eq!(*world.record_of("globex", "eve").await.key(), new);

    let new = world.new_version_of("globex").await;
    pipeline.send("rotation-tick.v1", &rotation_tick()).await;
    let done = pipeline.event("rotation.done").await.json();
    assert!(done["counts"]["failed"] != 0, "{done}");
    assert_eq!(*world.record_of("globex", "joe").await.key(), new);
}

#[tokio::test]
async fn a_look_makes_no_key_and_what_needs_one_does_once_however_many_need_it() {
    let world = World::start("create_missing_keys = true").await;
    let fresh: KeyId = "tokens-new".parse().unwrap();
    assert!(matches!(error(world.keys().latest(&fresh).await), KeyError::Missing { .. }));
    assert_eq!(world.azure.count(VAULT, "set", "tokens-new").await, 0);
    let keys = SealingKeys::open(world.keys(), "tokens-{tenant}".parse().unwrap()).await.unwrap();
    let tenant = Name::new("new").unwrap();
    let all = join_all((0..32).map(|_| keys.newest_of(&tenant))).await;
    let versions: BTreeSet<_> = all.into_iter().map(|found| found.unwrap().0.version.to_string()).collect();
    assert_eq!((versions.len(), world.azure.count(VAULT, "set", "tokens-new").await), (1, 1));
}
