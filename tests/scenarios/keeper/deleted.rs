//! A connection that is deleted while its refresh is under way: it stays deleted, and what the refresh brings is revoked.

use std::sync::Arc;
use std::time::Duration;

use redis::AsyncCommands;
use sealpost_schemas::Code;
use sealpost_shared::clock::{Clock, SystemClock};
use sealpost_shared::ids;
use sealpost_shared::oauth::TokenAnswer;
use sealpost_shared::tokens::Consented;
use sealpost_tests::breakpoint::{Breakpoint, Side, Then};
use sealpost_tests::{pipeline::SOON, until};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::world::{HASTY, PATIENT, World, granted, refused};

/// The command to Redis that saves the new tokens: after two reads, the lease and the marker.
const SAVE: u32 = 5;

/// Deletes ada's record when the new tokens are in hand, at a platform with these lines in its entry. What it was asked to
/// revoke then.
async fn deleted(world: &World, lines: &str) -> Value {
    assert!(!deleted_and(world, lines, async || {}).await);
    world.sandbox.stats().await["revoke"].clone()
}

/// The same, and does something after that. Whether there is a record in the end.
async fn deleted_and(world: &World, lines: &str, then: impl AsyncFnOnce()) -> bool {
    Box::pin(deleted_within(world, (lines, PATIENT), then)).await
}

/// The same, with that limit for calls.
async fn deleted_within(world: &World, (lines, limit): (&str, Duration), then: impl AsyncFnOnce()) -> bool {
    let provider = world.provider(lines);
    // Redis knows the scripts from here on, so that each is one command
    granted(world.keeper(PATIENT).await.access_token(&world.expired("grace").await, &provider).await);
    let connection = world.expired("ada").await;
    let id = world.record("ada").await.id;
    let key = format!("{{sp:{:03}}}:record:{}", id.shard, id.key);
    let client = redis::Client::open(world.redis.url()).unwrap();
    let mut redis = client.get_multiplexed_async_connection().await.unwrap();
    let way = Breakpoint::to_port(world.redis.port(), Side::Before, Then::Hold).await;
    let keeper = world.keeper_at(&way.url(), limit, Arc::new(SystemClock)).await;
    way.arm(SAVE);
    let meanwhile = async {
        way.reached().await;
        let _: () = redis.clone().del(&key).await.unwrap();
        way.let_go();
        then().await;
    };
    let (result, ()) = tokio::join!(keeper.access_token(&connection, &provider), meanwhile);
    assert_eq!(refused(result).0.code, Code::NoConnection);
    redis.exists(&key).await.unwrap()
}

fn endpoint(world: &World) -> String {
    format!("revocation_url = '{}/revoke'", world.sandbox.issuer())
}

#[tokio::test]
async fn both_new_tokens_are_revoked_and_the_record_is_not_made_again() {
    let world = World::start().await;
    assert_eq!(deleted(&world, &endpoint(&world)).await, json!({"ok": 2}));
}

#[tokio::test]
async fn a_revocation_that_fails_for_a_moment_is_tried_again() {
    let world = World::start().await;
    for fault in
        [json!({"kind": "status", "status": 503}), json!({"kind": "drop"}), json!({"kind": "status", "status": 429})]
    {
        let mut fault = fault;
        fault["path"] = "/revoke".into();
        world.sandbox.fault(fault).await;
    }
    assert_eq!(deleted(&world, &endpoint(&world)).await, json!({"ok": 2}));
}

#[tokio::test]
async fn a_call_that_timed_out_may_still_arrive_and_is_left_to_the_sweep() {
    let world = World::start().await;
    world.sandbox.fault(json!({"path": "/revoke", "kind": "hang", "n": 5})).await;
    assert!(!deleted_within(&world, (&endpoint(&world), HASTY), async || {}).await);
    assert_eq!(world.sandbox.stats().await["faults_fired"], 1);
    assert_eq!(world.keeper(PATIENT).await.store().count_tombstones().await.unwrap(), 1);
}

#[tokio::test]
async fn what_comes_late_for_a_newer_consent_is_revoked_and_the_newer_one_is_used() {
    let world = World::start().await;
    let provider = world.provider(&endpoint(&world));
    granted(world.keeper(PATIENT).await.access_token(&world.expired("grace").await, &provider).await);
    let connection = world.expired("ada").await;
    let way = Breakpoint::to_port(world.redis.port(), Side::Before, Then::Hold).await;
    let keeper = world.keeper_at(&way.url(), PATIENT, Arc::new(SystemClock)).await;
    let mut anew = world.tokens("ada").await;
    anew.expires_at = None;
    way.arm(SAVE);
    let meanwhile = async {
        way.reached().await;
        world.store("ada", &anew).await;
        way.let_go();
    };
    let (result, ()) = tokio::join!(keeper.access_token(&connection, &provider), meanwhile);
    let (token, _) = granted(result);
    assert_eq!(token, anew.access_token.expose_secret());
    assert_eq!(world.sandbox.stats().await["revoke"], json!({"ok": 2}), "the late ones");
    assert!(world.is_taken(anew.access_token.expose_secret()).await);
    assert_eq!(keeper.store().count_tombstones().await.unwrap(), 0);
}

#[tokio::test]
async fn an_endpoint_that_refuses_is_not_asked_again() {
    let world = World::start().await;
    world.sandbox.fault(json!({"path": "/revoke", "kind": "status", "status": 400, "n": 3})).await;
    assert_eq!(deleted(&world, &endpoint(&world)).await, json!({}));
    assert_eq!(world.sandbox.stats().await["faults_fired"], 1);
    // the sweep goes on with it
    assert_eq!(world.keeper(PATIENT).await.store().count_tombstones().await.unwrap(), 1);
}

#[tokio::test]
async fn without_an_endpoint_the_record_stays_deleted_all_the_same() {
    let world = World::start().await;
    assert_eq!(deleted(&world, "").await, json!({}));
}

#[tokio::test]
async fn where_the_answer_has_no_new_refresh_token_the_old_one_is_revoked() {
    let world = World::start().await;
    let other = world.tokens("other").await;
    let body = json!({"access_token": other.access_token.expose_secret()}).to_string();
    // for grace's refresh first, which makes no difference to her
    for _ in 0..2 {
        world.fault(json!({"kind": "status", "status": 200, "body": body})).await;
    }
    assert_eq!(deleted(&world, &endpoint(&world)).await, json!({"ok": 2}));
    // what was revoked is ada's family, and the other's access token alone
    assert!(!world.is_taken(other.access_token.expose_secret()).await);
}

#[tokio::test]
async fn what_is_not_revoked_yet_is_left_as_soon_as_there_is_a_new_consent() {
    let world = World::start().await;
    let anew = world.tokens("ada").await;
    world.sandbox.fault(json!({"path": "/revoke", "kind": "slow", "when": "after", "delay_ms": 60_000})).await;
    let there = deleted_and(&world, &format!("{}\nrevoke = 'grant'", endpoint(&world)), async || {
        until("the first is being revoked", SOON, async || world.sandbox.stats().await["faults_fired"] == 1).await;
        world.store("ada", &anew).await;
        // what is held up until here goes on now
        world.sandbox.admin(reqwest::Method::DELETE, "faults", None).await;
    })
    .await;
    assert!(there);
    assert_eq!(world.sandbox.stats().await["revoke"], json!({"ok": 1}));
}

#[tokio::test]
async fn late_tokens_of_the_grant_that_a_newer_consent_holds_are_not_revoked() {
    let world = World::start().await;
    let provider = world.provider(&endpoint(&world));
    granted(world.keeper(PATIENT).await.access_token(&world.expired("grace").await, &provider).await);
    let ada = world.expired("ada").await;
    let refresh_token = world.content("ada").await.tokens.refresh_token;
    let way = Breakpoint::to_port(world.redis.port(), Side::Before, Then::Hold).await;
    let keeper = world.keeper_at(&way.url(), PATIENT, Arc::new(SystemClock)).await;
    way.arm(SAVE);
    let meanwhile = async {
        way.reached().await;
        // a consent that the platform answers with the same refresh token
        let tokens = TokenAnswer { refresh_token, expires_at: None, ..world.tokens("ada").await };
        let by = world.keeper(PATIENT).await;
        let place = by.prepare(&ada).await.map_err(|failure| failure.message).unwrap();
        let consented = Consented::new(ids::fresh(), &tokens, &[], SystemClock.now());
        by.store_consent(&place, &consented).await.map_err(|failure| failure.message).unwrap();
        way.let_go();
        tokens.access_token.expose_secret().to_owned()
    };
    let (result, newer) = tokio::join!(keeper.access_token(&ada, &provider), meanwhile);
    assert_eq!(granted(result).0, newer);
    assert_eq!(world.sandbox.stats().await["revoke"], json!({}));
}
