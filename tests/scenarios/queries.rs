//! `connection-queries`: whether a user is connected.

use jiff::SignedDuration;
use sealpost_shared::clock::{Clock, SystemClock};
use sealpost_shared::ids;
use sealpost_shared::oauth::TokenAnswer;
use sealpost_shared::records::Standing;
use sealpost_tests::command::run;
use sealpost_tests::pipeline::connection;
use sealpost_tests::{Pipeline, Setup};
use serde_json::{Value, json};

use crate::revoke::world::{stored, tokens};

fn query(user: &str, provider: &str) -> Value {
    json!({"id": ids::fresh(), "owner": {"tenant": "acme", "user": user}, "provider": provider})
}

async fn small() -> Pipeline {
    Pipeline::start_with(Setup { shards: 4, ..Setup::default() }).await
}

#[tokio::test]
async fn a_producer_hears_the_standing_scopes_and_end_as_connections_show_tells_them_and_never_a_token() {
    let pipeline = small().await;
    let _worker = pipeline.worker().await;
    pipeline.connect("ada").await;
    let store = pipeline.store().await;
    let id = store.locate(&connection("acme", "ada"));
    let shows = ["connections", "show", "--json", "--tenant", "acme", "--user", "ada", "--provider", "practice"];
    for (standing, connected) in [("active", true), ("needs-consent", false), ("quarantined", false)] {
        let record = store.load(&id).await.unwrap().unwrap();
        let since = record.metadata.created_at;
        match standing {
            "needs-consent" => {
                let standing = Standing::needs_consent(since, sealpost_schemas::Code::InvalidGrant);
                store.mark(&record, &standing).await.unwrap();
            }
            "quarantined" => {
                let standing = Standing::quarantined(since, sealpost_schemas::Code::Quarantined);
                store.mark(&record, &standing).await.unwrap();
            }
            _ => {}
        }
        let asked = query("ada", "practice");
        let answer = pipeline.ask("connection-query.v1", &asked).await;
        assert_eq!((&answer["query"], &answer["connected"]), (&asked["id"], &json!(connected)), "{answer}");
        assert_eq!(answer["standing"], standing, "{answer}");
        assert_eq!(answer["connection"], json!(connection("acme", "ada")));
        let view = run(&pipeline, &shows).await.json();
        for (field, shown) in
            [("standing", "standing"), ("since", "since"), ("scopes", "scopes"), ("expires_at", "access_expires_at")]
        {
            assert_eq!(answer[field], view[shown], "{field}: {answer} {view}");
        }
        assert_eq!(answer.get("code").unwrap_or(&Value::Null), &view["code"]);
        for secret in ["spa_", "spr_"] {
            assert!(!answer.to_string().contains(secret), "{answer}");
        }
        assert_eq!(pipeline.event("connection.status").await.json(), answer);
        assert!(answer["scopes"].as_array().unwrap().contains(&json!("posts.write")), "{answer}");
    }
    let stats = pipeline.sandbox.stats().await;
    assert_eq!(stats["token"]["refresh_token"], Value::Null, "no provider is asked");
}

#[tokio::test]
async fn who_is_not_connected_is_told_so_and_neither_name_is_taken_for_another() {
    let pipeline = small().await;
    let _worker = pipeline.worker().await;
    pipeline.connect("ada").await;
    let mut labelled = query("ada", "practice");
    labelled["label"] = json!("work");
    for asked in [query("bob", "practice"), query("ada", "unheard-of"), labelled] {
        let answer = pipeline.ask("connection-query.v1", &asked).await;
        assert_eq!((&answer["standing"], &answer["connected"]), (&json!("none"), &json!(false)), "{answer}");
        assert_eq!((&answer["scopes"], answer.get("expires_at")), (&json!([]), None), "{answer}");
    }
    let mut bad = query("ada", "practice");
    bad["owner"] = json!("ada");
    let answer = pipeline.ask("connection-query.v1", &bad).await;
    assert_eq!(answer["failure"]["code"], "malformed-message", "{answer}");
    pipeline.dead_letter().await;
}

#[tokio::test]
async fn who_has_no_refresh_token_is_connected_until_the_access_token_expires() {
    let pipeline = small().await;
    let _worker = pipeline.worker_with(&["query"], &[]).await;
    let now = SystemClock.now();
    for (user, refreshes, expires_at, connected) in [
        ("ada", false, Some(now + SignedDuration::from_hours(1)), true),
        ("bob", false, None, true),
        ("eve", false, Some(now), false),
        ("grace", true, Some(now), true),
    ] {
        let minted = pipeline.sandbox.mint_tokens(user).await;
        let mut tokens = TokenAnswer { expires_at, ..tokens(&minted) };
        tokens.refresh_token = tokens.refresh_token.filter(|_| refreshes);
        stored(&pipeline, (user, "default"), &tokens).await;
        let answer = pipeline.ask("connection-query.v1", &query(user, "practice")).await;
        assert_eq!(
            (&answer["standing"], &answer["connected"]),
            (&json!("active"), &json!(connected)),
            "{user}: {answer}"
        );
    }
    // a record of format 1 does not say whether it has one
    let id = pipeline.store().await.locate(&connection("acme", "eve"));
    let client = redis::Client::open(pipeline.rig.redis_url()).unwrap();
    let mut redis = client.get_multiplexed_async_connection().await.unwrap();
    let key = format!("{{sp:{:03}}}:record:{}", id.shard, id.key);
    let _: () = redis::AsyncCommands::hset(&mut redis, &key, "format", "1").await.unwrap();
    let answer = pipeline.ask("connection-query.v1", &query("eve", "practice")).await;
    assert_eq!(answer["connected"], true, "{answer}");
}

#[tokio::test]
async fn what_needs_no_key_is_told_without_one() {
    let pipeline = small().await;
    pipeline.seed(1).await;
    let worker = pipeline.worker_with(&["query"], &[]).await;
    let id = pipeline.store().await.locate(&connection("acme", "user-0"));
    let client = redis::Client::open(pipeline.rig.redis_url()).unwrap();
    let mut redis = client.get_multiplexed_async_connection().await.unwrap();
    let key = format!("{{sp:{:03}}}:record:{}", id.shard, id.key);
    let _: () = redis::AsyncCommands::hset(&mut redis, key, "key_version", "4387e9f3d6e14c45").await.unwrap();
    let answer = pipeline.ask("connection-query.v1", &query("user-0", "practice")).await;
    assert_eq!(answer["connected"], true, "{answer}");
    worker.measured("sealpost_jobs_total", &["connection-queries", "connection.status"], 1).await;
}
