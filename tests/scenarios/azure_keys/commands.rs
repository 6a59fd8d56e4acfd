//! `sealpost keys` and `sealpost check` over a vault.

use std::sync::atomic::{AtomicU32, Ordering};

use sealpost_shared::keys::KeySource;
use sealpost_shared::seal::{KeyRef, KeyVersion};
use sealpost_tests::command::run;
use sealpost_tests::pipeline::{KEY, SOON, publish_job, rotation_tick};
use sealpost_tests::until;

use super::{VAULT, World};

#[tokio::test]
async fn a_version_is_rotated_emptied_retired_and_taken_back_in_the_vault() {
    let world = World::anywhere(KEY, "latest_seconds = 1").await;
    let (pipeline, old, id) = (&world.pipeline, world.first.version.as_str(), &world.first.id);
    let _worker = pipeline.worker().await;
    pipeline.connect("ada").await;
    let rotated = run(pipeline, &["keys", "rotate", "--json"]).await.json();
    assert_eq!(rotated["key"], id.as_str());
    let vault = rotated["keyring"].as_str().unwrap();
    assert!(world.azure.vault_url(VAULT).starts_with(&format!("https://{vault}")), "{vault}");
    let new: KeyVersion = serde_json::from_value(rotated["version"].clone()).unwrap();
    let listed = run(pipeline, &["keys", "list"]).await;
    assert!(listed.row(&[old, "older", " 2 "]).is_some(), "{}", listed.stdout);
    assert!(listed.row(&[new.as_str(), "latest", " 0 "]).is_some(), "{}", listed.stdout);

    let early = run(pipeline, &["keys", "retire", old]).await;
    assert!(!early.good && early.stderr.contains("2 are still sealed under it"), "{}", early.stderr);
    assert!(world.keys().get(&world.first).await.is_ok(), "it is needed, and stays on");
    let latest = run(pipeline, &["keys", "retire", new.as_str()]).await;
    assert!(!latest.good && latest.stderr.contains("it is the latest"), "{}", latest.stderr);

    pipeline.send("rotation-tick.v1", &rotation_tick()).await;
    pipeline.event("rotation.done").await;
    let status = run(pipeline, &["keys", "status", "--json"]).await.json();
    assert_eq!(status["older"], 0, "{status}");
    let retired = run(pipeline, &["keys", "retire", old]).await;
    assert!(retired.good && retired.stdout.contains("is retired"), "{}{}", retired.stdout, retired.stderr);
    let versions = world.keys().versions(id).await.unwrap();
    let enabled: Vec<_> = versions.iter().map(|info| (info.version.as_str(), info.enabled)).collect();
    assert_eq!(enabled, [(old, false), (new.as_str(), true)]);
    let answer = pipeline.ask("publish-job.v1", &publish_job("acme", "ada", "after")).await;
    assert_eq!(answer["outcome"], "published", "{answer}");
    assert_eq!(*world.record("ada").await.key(), KeyRef { id: id.clone(), version: new });

    let undone = run(pipeline, &["keys", "retire", "--undo", old]).await;
    assert!(undone.good, "{}", undone.stderr);
    assert!(world.keys().get(&world.first).await.is_ok());
}

#[tokio::test]
async fn the_first_rotation_makes_what_a_new_vault_lacks() {
    let world = World::start("").await;
    let text = std::fs::read_to_string(world.pipeline.config()).unwrap();
    world.pipeline.write("sealpost.toml", &text.replace(VAULT_HOST, "https://new.vault"));
    let before = run(&world.pipeline, &["check"]).await;
    assert!(before.row(&["✗", "key vault", "not in the key source"]).is_some(), "{}", before.stdout);
    for _ in 0..2 {
        let rotated = run(&world.pipeline, &["keys", "rotate"]).await;
        assert!(rotated.good, "{}", rotated.stderr);
    }
    let counted = async |secret| world.azure.count("new", "set", secret).await;
    assert_eq!((counted("sealpost-index").await, counted(KEY).await), (1, 2));
    let after = run(&world.pipeline, &["check"]).await;
    assert!(after.row(&["✓", "sealing key", "2 version(s)"]).is_some(), "{}", after.stdout);
}

const VAULT_HOST: &str = "https://sealpost.vault";

#[tokio::test]
async fn a_check_says_what_of_the_vault_it_reached_and_what_to_do() {
    let world = World::start("limit_seconds = 1").await;
    let places = &world.azure.places;
    let of = async |mark: &str, what: &str, says: &str| {
        let said = run(&world.pipeline, &["check"]).await;
        // a long cell is broken into lines
        let solid = |text: &str| text.replace(|c: char| c.is_whitespace() || "│┆".contains(c), "");
        assert!(said.row(&[mark, what]).is_some(), "{says}\n{}", said.stdout);
        assert!(solid(&said.stdout).contains(&solid(says)), "{says}\n{}", said.stdout);
    };
    of("✓", "key vault", "pin it with keys.azure.index_key_version").await;
    world.azure.role(VAULT, &places.client_id, "get-only").await;
    of("✓", "sealing key", "may not list versions").await;
    world.azure.role(VAULT, &places.client_id, "none").await;
    of("✗", "key vault", "Key Vault Secrets User").await;
    world.pipeline.write("vault.secret", "not-the-secret");
    of("✗", "key vault", "was refused").await;
    let text = std::fs::read_to_string(world.pipeline.config()).unwrap();
    world.pipeline.write("sealpost.toml", &text.replace(&format!(":{}", places.vault_port), ":1"));
    of("✗", "key vault", "cannot be reached").await;
    let wrong = text.replace("[keys.azure]", "[keys.azure]\nversion_second = 5");
    world.pipeline.write("sealpost.toml", &wrong);
    of("✗", "configuration", "unknown field `version_second`").await;
}

#[tokio::test]
async fn a_new_version_by_hand_seals_soon_without_a_restart() {
    let world = World::anywhere(KEY, "latest_seconds = 1").await;
    let _worker = world.pipeline.worker().await;
    let new = world.new_version().await;
    let number = AtomicU32::new(0);
    until("something is sealed with the new version", SOON, async || {
        let user = format!("user-{}", number.fetch_add(1, Ordering::Relaxed));
        world.pipeline.connect(&user).await;
        *world.record(&user).await.key() == new
    })
    .await;
}
