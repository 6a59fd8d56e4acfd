//! Connections whose tokens rest with the user, revoked, asked about and shown.

use redis::Commands;
use sealpost_shared::ids;
use sealpost_tests::Pipeline;
use sealpost_tests::command::run;
use serde_json::{Value, json};

use super::world::{at_rest, code, connected, exchange, expired, job, park, publish, record, request, unparked};
use crate::revoke::world::{entry, word};

/// A pipeline whose platform revokes tokens.
async fn pipeline() -> Pipeline {
    let pipeline = Pipeline::start().await;
    entry(&pipeline, &format!("revocation_url = '{}/revoke'", pipeline.sandbox.issuer()));
    pipeline
}

fn one(user: &str) -> Value {
    json!({"id": ids::fresh(), "scope": "connection", "owner": {"tenant": "acme", "user": user}, "provider": "practice",
           "label": "default"})
}

#[tokio::test]
async fn of_tokens_that_are_on_the_device_the_receipt_does_not_say_that_they_were_revoked() {
    let pipeline = pipeline().await;
    let _worker = pipeline.worker().await;
    let held = connected(&pipeline, "ada").await;
    let answer = pipeline.ask("revocation-request.v1", &one("ada")).await;
    assert_eq!(word(&answer, "ada"), "unsupported");
    assert!(record(&pipeline, "ada").await.is_none());
    assert_eq!(code(&publish(&pipeline, &job("ada", "never", &held)).await), "no-connection");
    assert_eq!(pipeline.sandbox.stats().await["revoke"], json!({}));
}

#[tokio::test]
async fn parked_tokens_are_revoked_like_stored_ones() {
    let pipeline = pipeline().await;
    let _worker = pipeline.worker().await;
    let held = expired(&pipeline, "ada").await;
    publish(&pipeline, &job("ada", "refreshed", &held)).await;
    assert!(park(&pipeline, "ada").await.is_some());
    let answer = pipeline.ask("revocation-request.v1", &one("ada")).await;
    assert_eq!(word(&answer, "ada"), "revoked");
    assert_eq!(pipeline.sandbox.stats().await["revoke"], json!({"ok": 2}), "refresh token and access token");
    assert!(record(&pipeline, "ada").await.is_none() && park(&pipeline, "ada").await.is_none());
    assert!(!at_rest(&pipeline).contains(":park"), "nothing of it is left");
    let store = pipeline.store().await;
    assert_eq!(store.count_parks().await.unwrap(), 0);
    assert_eq!(pipeline.held(&pipeline.newest_version().await).await, 2, "the results of exchange and job");
}

#[tokio::test]
async fn a_connection_on_the_device_is_shown_and_asked_about_like_any_other() {
    let pipeline = pipeline().await;
    let _worker = pipeline.worker().await;
    let held = expired(&pipeline, "ada").await;
    publish(&pipeline, &job("ada", "refreshed", &held)).await;
    let query = json!({"id": ids::fresh(), "owner": {"tenant": "acme", "user": "ada"}, "provider": "practice"});
    let status = pipeline.ask("connection-query.v1", &query).await;
    assert_eq!((&status["connected"], &status["standing"]), (&json!(true), &json!("active")), "{status}");
    let said = run(&pipeline, &["connections", "list"]).await;
    assert!(said.good && said.row(&["ada"]).is_some(), "{}{}", said.stdout, said.stderr);
    let shows = ["connections", "show", "--tenant", "acme", "--user", "ada", "--provider", "practice"];
    let said = run(&pipeline, &shows).await;
    assert!(said.row(&["custody", "device"]).is_some(), "{}", said.stdout);
    assert!(said.row(&["next refresh due", "Z"]).is_none(), "{}", said.stdout);
}

/// Connects ada on her device, with newer tokens that wait for it.
async fn waiting(pipeline: &Pipeline) {
    let held = expired(pipeline, "ada").await;
    publish(pipeline, &job("ada", "refreshed", &held)).await;
    assert!(park(pipeline, "ada").await.is_some());
}

#[tokio::test]
async fn parked_tokens_that_do_not_open_are_given_up() {
    let pipeline = pipeline().await;
    let _worker = pipeline.worker().await;
    waiting(&pipeline).await;
    let id = park(&pipeline, "ada").await.unwrap().record;
    let mut redis = redis::Client::open(pipeline.rig.redis_url()).unwrap().get_connection().unwrap();
    let key = format!("{{sp:{:03}}}:park:{}", id.shard, id.key);
    let _: () = redis.hset(key, "sealed", "\u{1} not what was sealed, and long enough for a nonce").unwrap();
    let answer = pipeline.ask("revocation-request.v1", &one("ada")).await;
    assert_eq!(word(&answer, "ada"), "gave-up");
    assert_eq!(pipeline.sandbox.stats().await["revoke"], json!({}));
    assert!(record(&pipeline, "ada").await.is_none() && park(&pipeline, "ada").await.is_none());
}

#[tokio::test]
async fn a_consent_buries_what_waited_for_the_device_or_rested_here_and_not_what_the_device_has() {
    for (before, after, buried) in
        [("waits", "device", 1), ("waits", "vault", 1), ("vault", "device", 1), ("device", "device", 0)]
    {
        let pipeline = pipeline().await;
        let _worker = pipeline.worker_with(&["exchange", "publish"], &[]).await;
        match before {
            "waits" => waiting(&pipeline).await,
            "device" => drop(connected(&pipeline, "ada").await),
            _ => pipeline.connect("ada").await,
        }
        if after == "device" {
            let answer = exchange(&pipeline, &request(&pipeline, "ada").await).await;
            assert_eq!(answer["outcome"], "on-device", "{answer}");
            unparked(&pipeline, "ada").await;
        } else {
            pipeline.connect("ada").await;
            assert!(park(&pipeline, "ada").await.is_none());
        }
        let store = pipeline.store().await;
        assert_eq!(store.count_tombstones().await.unwrap(), buried, "{before} to {after}");
        assert_eq!(store.count_parks().await.unwrap(), 0, "{before} to {after}");
    }
}

#[tokio::test]
async fn a_tenants_revocation_ends_what_rests_with_its_users_too() {
    let pipeline = pipeline().await;
    let _worker = pipeline.worker().await;
    waiting(&pipeline).await;
    connected(&pipeline, "grace").await;
    let all = json!({"id": ids::fresh(), "scope": "tenant", "tenant": "acme"});
    let correlation = pipeline.send("revocation-request.v1", &all).await;
    let counts = loop {
        let answer = pipeline.answer(&correlation).await.json();
        if answer["outcome"] == "done" {
            break answer["counts"].clone();
        }
    };
    assert_eq!((&counts["revoked"], &counts["unsupported"]), (&json!(1), &json!(1)), "{counts}");
    for user in ["ada", "grace"] {
        assert!(record(&pipeline, user).await.is_none() && park(&pipeline, user).await.is_none());
    }
}
