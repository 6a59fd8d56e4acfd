//! Consents whose save met trouble: what they brought is neither lost nor put over what came of it.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use sealpost_shared::clock::{Clock, SystemClock};
use sealpost_shared::ids;
use sealpost_shared::tokens::Consented;
use sealpost_tests::pipeline::connection;
use secrecy::ExposeSecret;
use serde_json::Value;

use super::world::{PATIENT, World, granted, words};

#[tokio::test]
async fn a_save_that_is_repeated_does_not_bring_back_a_token_that_was_spent_since() {
    let world = World::start().await;
    let (keeper, provider, ada) = (world.keeper(PATIENT).await, world.provider(""), connection("acme", "ada"));
    let tokens = world.tokens("ada").await;
    let place = keeper.prepare(&ada).await.map_err(|failure| words(&failure)).unwrap();
    let consented = Consented::new(ids::fresh(), &tokens, &[], SystemClock.now());
    keeper.store_consent(&place, &consented).await.map_err(|failure| words(&failure)).unwrap();
    let (token, _) = granted(world.keeper(PATIENT).await.access_token(&ada, &provider).await);

    // the answer to the first was lost
    keeper.store_consent(&place, &consented).await.map_err(|failure| words(&failure)).unwrap();
    assert_eq!(world.content("ada").await.tokens.access_token.unwrap().expose_secret(), token);
    let generation = world.record("ada").await.metadata.generation;
    let (newer, _) = granted(keeper.newer_than(generation, &ada, &provider).await);
    assert!(world.is_taken(&newer).await);
    assert_eq!(world.reuses().await, 0);
}

#[tokio::test]
async fn a_key_source_that_goes_away_after_the_code_was_spent_costs_no_consent() {
    let world = World::start().await;
    let (keeper, ada) = (world.keeper(PATIENT).await, connection("acme", "ada"));
    let tokens = world.tokens("ada").await;
    let place = keeper.prepare(&ada).await.map_err(|failure| words(&failure)).unwrap();
    let whole = fs::read_to_string(world.keyring()).unwrap();
    let mut ring: Value = serde_json::from_str(&whole).unwrap();
    ring["versions"].as_array_mut().unwrap().clear();
    for text in [ring.to_string(), whole] {
        fs::write(world.keyring(), text).unwrap();
        fs::set_permissions(world.keyring(), fs::Permissions::from_mode(0o600)).unwrap();
        let consented = Consented::new(ids::fresh(), &tokens, &[], SystemClock.now());
        keeper.store_consent(&place, &consented).await.map_err(|failure| words(&failure)).unwrap();
    }
    assert_eq!(
        world.content("ada").await.tokens.access_token.unwrap().expose_secret(),
        tokens.access_token.expose_secret()
    );
}
