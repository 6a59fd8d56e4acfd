//! What providers do differently, and their entries say.

use sealpost_schemas::Code;
use sealpost_shared::failure::Verdict;
use sealpost_tests::pipeline::connection;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::world::{PATIENT, World, failed, granted, refused};

/// The token endpoint answers this once, without looking at the request.
async fn answer(world: &World, status: u16, body: &Value) {
    world.fault(json!({"kind": "status", "status": status, "body": body.to_string()})).await;
}

#[tokio::test]
async fn an_answer_without_a_refresh_token_or_with_an_empty_one_leaves_the_old_one() {
    let world = World::start().await;
    let (connection, provider) = (world.expired("ada").await, world.provider(""));
    let keeper = world.keeper(PATIENT).await;
    let old = world.content("ada").await.tokens.refresh_token.unwrap();
    for body in [json!({"access_token": "a"}), json!({"access_token": "b", "refresh_token": ""})] {
        let body = body.as_object().unwrap().clone();
        answer(&world, 200, &Value::Object(body.into_iter().chain([("expires_in".into(), json!(0))]).collect())).await;
        let generation = world.record("ada").await.metadata.generation;
        granted(keeper.newer_than(generation, &connection, &provider).await);
        let now = world.content("ada").await.tokens.refresh_token.unwrap();
        assert_eq!(now.expose_secret(), old.expose_secret());
        assert!(world.record("ada").await.metadata.superseded.is_empty());
    }
    let generation = world.record("ada").await.metadata.generation;
    let (token, _) = granted(keeper.newer_than(generation, &connection, &provider).await);
    assert!(world.is_taken(&token).await);
}

#[tokio::test]
async fn a_lifetime_that_makes_no_sense_is_an_unknown_one_and_costs_no_token() {
    let world = World::start().await;
    let (connection, provider) = (world.expired("ada").await, world.provider(""));
    let keeper = world.keeper(PATIENT).await;
    let lifetimes =
        [json!(null), json!(0), json!(-1), json!(i64::MAX), json!(1e300), json!("soon"), json!([]), json!("90")];
    for (calls, lifetime) in (1..).zip(lifetimes) {
        world.fault(json!({"kind": "edit", "when": "after", "set": {"expires_in": lifetime}})).await;
        let generation = world.record("ada").await.metadata.generation;
        let (token, _) = granted(keeper.newer_than(generation, &connection, &provider).await);
        assert!(world.is_taken(&token).await, "{lifetime}");
        let record = world.record("ada").await;
        assert_eq!(record.metadata.access_expires_at.is_some(), lifetime == json!("90"), "{lifetime}");
        assert_eq!(record.metadata.marker, None);
        // it counts as good until the platform says otherwise
        assert_eq!(granted(keeper.access_token(&connection, &provider).await).0, token);
        assert_eq!(world.refreshes().await, json!({"ok": calls}));
    }
    assert_eq!(world.reuses().await, 0);
}

#[tokio::test]
async fn access_tokens_of_the_same_bytes_are_token_sets_of_their_own_however_their_type_is_written() {
    let world = World::start().await;
    let (connection, provider) = (world.expired("ada").await, world.provider(""));
    let keeper = world.keeper(PATIENT).await;
    for kind in ["Bearer", "bearer", "BEARER"] {
        answer(&world, 200, &json!({"access_token": "same", "token_type": kind, "expires_in": "3600"})).await;
        let generation = world.record("ada").await.metadata.generation;
        assert_eq!(granted(keeper.newer_than(generation, &connection, &provider).await).0, "same");
        assert_ne!(world.record("ada").await.metadata.generation, generation);
    }
}

#[tokio::test]
async fn an_access_token_of_another_type_is_neither_used_nor_kept_and_costs_nobody_the_connection() {
    let world = World::start().await;
    let (connection, provider) = (world.expired("ada").await, world.provider(""));
    let keeper = world.keeper(PATIENT).await;
    for kind in [json!("DPoP"), json!(5)] {
        world.fault(json!({"kind": "edit", "when": "after", "set": {"token_type": kind}})).await;
        let generation = world.record("ada").await.metadata.generation;
        let failure = failed(keeper.newer_than(generation, &connection, &provider).await);
        assert_eq!((failure.code, failure.verdict), (Code::TokenTypeUnsupported, Verdict::Retry { after: None }));
        assert_eq!(failure.events.iter().map(|event| event.topic).collect::<Vec<_>>(), ["connection.refreshed"]);
        // the refresh token that came with it is the one that is good now
        assert_ne!(world.record("ada").await.metadata.generation, generation);
        assert!(world.content("ada").await.tokens.access_token.is_none(), "{kind}");
    }
    let (token, _) = granted(keeper.access_token(&connection, &provider).await);
    assert!(world.is_taken(&token).await);
    assert_eq!((world.refreshes().await, world.reuses().await), (json!({"ok": 3}), 0));
}

#[tokio::test]
async fn narrower_scopes_are_kept_and_silence_changes_none() {
    let world = World::start().await;
    let (connection, provider) = (world.expired("ada").await, world.provider(""));
    let keeper = world.keeper(PATIENT).await;
    for (body, expected) in [
        (json!({"access_token": "a"}), vec!["posts.read", "posts.write"]),
        (json!({"access_token": "b", "scope": "posts.read"}), vec!["posts.read"]),
    ] {
        answer(&world, 200, &body).await;
        let generation = world.record("ada").await.metadata.generation;
        granted(keeper.newer_than(generation, &connection, &provider).await);
        assert_eq!(world.record("ada").await.metadata.scopes, expected);
    }
}

#[tokio::test]
async fn where_a_second_consent_ends_the_first_ones_refresh_token_the_newest_works_and_the_other_is_told_once() {
    let world = World::start().await;
    let (keeper, provider) = (world.keeper(PATIENT).await, world.provider(""));
    // one account of the platform, connected by two users here
    let tokens = world.tokens("ada").await;
    world.store("ada", &tokens).await;
    let bob = world.expired("bob").await;
    world.ends(tokens.refresh_token.as_ref().unwrap()).await;
    let ada = connection("acme", "ada");
    let (report, events) = refused(keeper.access_token(&ada, &provider).await);
    assert_eq!((report.code, events), (Code::NeedsConsent, vec!["connection.needs-consent"]));
    let (_, events) = refused(keeper.access_token(&ada, &provider).await);
    assert_eq!(events, Vec::<&str>::new());
    assert!(world.is_taken(&granted(keeper.access_token(&bob, &provider).await).0).await);
    assert_eq!(world.refreshes().await, json!({"ok": 1, "invalid_grant": 1}));

    // the same connection: what the new consent ended is not sent any more
    let old = world.content("bob").await.tokens.refresh_token.unwrap();
    world.expired("bob").await;
    world.ends(&old).await;
    assert!(world.is_taken(&granted(keeper.access_token(&bob, &provider).await).0).await);
    assert_eq!((world.refreshes().await, world.reuses().await), (json!({"ok": 2, "invalid_grant": 1}), 0));
}

#[tokio::test]
async fn spent_refresh_tokens_are_remembered_by_their_keyed_hash_up_to_a_bound() {
    let world = World::start().await;
    let (connection, provider) = (world.expired("ada").await, world.provider(""));
    let keeper = world.keeper(PATIENT).await;
    let mut spent = Vec::new();
    for _ in 0..10 {
        spent.push(keeper.store().hash_of(&world.content("ada").await.tokens.refresh_token.unwrap()));
        let generation = world.record("ada").await.metadata.generation;
        granted(keeper.newer_than(generation, &connection, &provider).await);
    }
    assert_eq!(world.record("ada").await.metadata.superseded, spent[2..]);
    assert_eq!(world.reuses().await, 0);
}

#[tokio::test]
async fn where_no_access_token_may_be_kept_every_use_is_a_refresh() {
    let world = World::start().await;
    let (connection, provider) = (world.expired("ada").await, world.provider("keep_access_token = false"));
    let keeper = world.keeper(PATIENT).await;
    for uses in 1..=2 {
        let (token, _) = granted(keeper.access_token(&connection, &provider).await);
        assert!(world.is_taken(&token).await);
        assert_eq!(world.refreshes().await, json!({"ok": uses}));
        assert!(world.content("ada").await.tokens.access_token.is_none());
    }
    assert_eq!(world.reuses().await, 0);
}

#[tokio::test]
async fn a_dead_token_and_a_wrong_secret_with_one_word_are_told_apart_by_the_entry() {
    let world = World::start().await;
    let provider =
        world.provider("dead_token = [{ status = 400, error = 'unauthorized_client', description = 'already used' }]");
    let connection = world.expired("ada").await;
    let keeper = world.keeper(PATIENT).await;
    let said = |words: &str| json!({"error": "unauthorized_client", "error_description": words});
    answer(&world, 400, &said("invalid client secret")).await;
    assert_eq!(failed(keeper.access_token(&connection, &provider).await).code, Code::InvalidClient);
    assert_eq!(world.record("ada").await.metadata.marker, None);
    answer(&world, 400, &said("token was already used")).await;
    let (report, events) = refused(keeper.access_token(&connection, &provider).await);
    assert_eq!((report.code, events), (Code::NeedsConsent, vec!["connection.needs-consent"]));
}

#[tokio::test]
async fn a_connection_without_a_refresh_token_is_refused_and_left_as_it_is() {
    let world = World::start().await;
    let mut tokens = world.tokens("ada").await;
    tokens.refresh_token = None;
    world.store("ada", &tokens).await;
    let before = world.record("ada").await;
    let keeper = world.keeper(PATIENT).await;
    let connection = connection("acme", "ada");
    let (report, events) = refused(keeper.access_token(&connection, &world.provider("")).await);
    assert_eq!((report.code, events), (Code::AccessTokenExpired, vec![]));
    assert_eq!(world.record("ada").await.revision, before.revision);
}
