//! The moment at which an access token expires, and everybody wants it.

use futures_util::future::join_all;
use sealpost_shared::{failure::Failure, tokens::Access};
use serde_json::json;

use super::world::{PATIENT, World, granted};

/// 64 calls in 4 keepers at once.
async fn sixty_four(world: &World, user: &str, lines: &str) -> Vec<Result<Access, Failure>> {
    let (connection, provider) = (world.expired(user).await, world.provider(lines));
    let keepers = join_all((0..4).map(|_| world.keeper(PATIENT))).await;
    join_all((0..64).map(|number| keepers[number % 4].access_token(&connection, &provider))).await
}

#[tokio::test]
async fn sixty_four_calls_of_four_workers_make_one_refresh_and_tell_of_it_once() {
    let world = World::start().await;
    let answers = sixty_four(&world, "ada", "").await;
    let (tokens, events): (Vec<_>, Vec<_>) = answers.into_iter().map(granted).unzip();
    assert!(tokens.iter().all(|token| *token == tokens[0]));
    assert!(world.is_taken(&tokens[0]).await);
    assert_eq!(events.concat(), ["connection.refreshed"]);
    assert_eq!(world.refreshes().await, json!({"ok": 1}));
    assert_eq!(world.reuses().await, 0);
}

#[tokio::test]
async fn a_token_that_lives_shortly_is_not_taken_for_an_expired_one() {
    let world = World::start().await;
    world.sandbox.admin(reqwest::Method::POST, "settings", Some(json!({"access_ttl": 25}))).await;
    let answers = sixty_four(&world, "ada", "").await;
    for answer in answers {
        granted(answer);
    }
    assert_eq!(world.refreshes().await, json!({"ok": 1}));
}

#[tokio::test]
async fn an_unexpired_token_costs_no_write_and_no_lease() {
    let world = World::start().await;
    let (connection, provider) = (world.expired("ada").await, world.provider(""));
    let keeper = world.keeper(PATIENT).await;
    let (first, _) = granted(keeper.access_token(&connection, &provider).await);
    let before = world.record("ada").await;
    let (second, events) = granted(keeper.access_token(&connection, &provider).await);
    assert_eq!((first, events), (second, vec![]));
    assert_eq!(world.record("ada").await.revision, before.revision);
    assert_eq!(before.metadata.marker, None);
    let mut redis = redis::Client::open(world.redis.url()).unwrap().get_connection().unwrap();
    let leases: Vec<String> = redis::cmd("KEYS").arg("*:lease:*").query(&mut redis).unwrap();
    assert!(leases.is_empty(), "given back: {leases:?}");
}

#[tokio::test]
async fn a_token_that_the_platform_refuses_is_replaced_once_however_many_ask() {
    let world = World::start().await;
    let (connection, provider) = (world.expired("ada").await, world.provider(""));
    let keepers = join_all((0..2).map(|_| world.keeper(PATIENT))).await;
    let Ok(Access::Granted { generation, .. }) = keepers[0].access_token(&connection, &provider).await else {
        panic!("not granted")
    };
    let asked = (0..8).map(|number| keepers[number % 2].newer_than(generation, &connection, &provider));
    let (tokens, _): (Vec<_>, Vec<_>) = join_all(asked).await.into_iter().map(granted).unzip();
    assert!(tokens.iter().all(|token| *token == tokens[0]));
    assert_eq!(world.refreshes().await, json!({"ok": 2}));
    // whoever comes late with the same refused token costs no token call
    granted(keepers[1].newer_than(generation, &connection, &provider).await);
    assert_eq!(world.refreshes().await, json!({"ok": 2}));
    assert_eq!(world.reuses().await, 0);
}

#[tokio::test]
async fn a_refreshed_token_is_sealed_under_the_newest_key_version() {
    let world = World::start().await;
    let (connection, provider) = (world.expired("ada").await, world.provider(""));
    let before = world.record("ada").await;
    world.rotate_key();
    granted(world.keeper(PATIENT).await.access_token(&connection, &provider).await);
    let after = world.record("ada").await;
    assert_ne!(before.key(), after.key());
    assert_ne!(before.metadata.generation, after.metadata.generation);
    assert_eq!(before.metadata.request, after.metadata.request, "the same family");
    assert_eq!(before.metadata.created_at, after.metadata.created_at);
}
