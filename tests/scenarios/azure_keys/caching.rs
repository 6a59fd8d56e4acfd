//! How often the vault is asked.

use futures_util::future::join_all;
use sealpost_shared::keys::KeySource;
use sealpost_tests::pipeline::{SOON, publish_job};
use sealpost_tests::until;

use super::{VAULT, World, id, value};

#[tokio::test]
async fn publishing_with_keys_in_a_vault_makes_no_call_once_they_are_cached() {
    let world = World::start("").await;
    let worker = world.pipeline.worker().await;
    world.pipeline.connect("ada").await;
    assert_eq!(*world.record("ada").await.key(), world.first);
    let job = |text| publish_job("acme", "ada", text);
    assert_eq!(world.pipeline.ask("publish-job.v1", &job("first")).await["outcome"], "published");
    let before = world.reads().await;
    let looked_up = async |result| worker.metric("sealpost_key_lookups_total", &[result]).await;
    let (fetched, cached) = (looked_up("fetched").await, looked_up("cached").await);
    for _ in 0..5 {
        assert_eq!(world.pipeline.ask("publish-job.v1", &job("warm")).await["outcome"], "published");
    }
    assert_eq!(world.reads().await, before);
    assert!(fetched > 0 && looked_up("fetched").await == fetched && looked_up("cached").await >= cached + 5);

    // what was fetched is told, and no value of it
    let (log, (_, page)) = (worker.log(), worker.page("/metrics").await);
    let told = |text: &str| {
        text.contains("sealpost.vault.azure.net") && !text.contains(&value(1)) && !text.contains(&value(2))
    };
    assert!(told(&log) && log.contains("secret.name=tokens"), "{log}");
    assert!(log.contains(world.first.version.as_str()), "{log}");
    let fetched = page
        .lines()
        .find(|line| line.starts_with("sealpost_vault_fetches_total") && line.contains("secret=\"tokens\""));
    assert!(told(&page) && fetched.is_some_and(|line| line.contains("outcome=\"ok\"")), "{page}");
}

#[tokio::test]
async fn sixty_four_needs_of_a_key_at_once_make_one_fetch() {
    let world = World::start("").await;
    let keys = world.keys();
    let id = id();
    let all = join_all((0..64).map(|_| keys.latest(&id))).await;
    assert!(all.into_iter().all(|one| one.unwrap().0 == world.first.version));
    assert_eq!(world.azure.count(VAULT, "get-latest", "").await, 1);
    join_all((0..64).map(|_| keys.get(&world.first))).await.into_iter().for_each(|one| assert!(one.is_ok()));
    assert_eq!(world.reads().await, 1, "the latest is known by its version too");
}

#[tokio::test]
async fn a_new_version_is_noticed_within_the_configured_time_and_the_old_one_still_opens() {
    let world = World::start("latest_seconds = 1").await;
    let keys = world.keys();
    assert_eq!(keys.latest(&id()).await.unwrap().0, world.first.version);
    let new = world.new_version().await;
    let noticed = async || keys.latest(&id()).await.unwrap().0 == new.version;
    until("the new version is noticed", SOON, noticed).await;
    assert!(keys.get(&world.first).await.is_ok());
    assert_eq!(world.azure.count(VAULT, "get-version", "").await, 0, "both are cached");
}

#[tokio::test]
async fn a_version_found_retired_is_not_the_latest_whatever_is_cached() {
    let world = World::start("").await;
    let _worker = world.pipeline.worker().await;
    world.pipeline.connect("ada").await;
    let new = world.new_version().await;
    world.store().await.retire(&world.first).await.unwrap();
    world.pipeline.connect("ben").await;
    assert_eq!(*world.record("ben").await.key(), new);
}
