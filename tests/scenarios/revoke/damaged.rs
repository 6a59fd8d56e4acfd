//! Tombstones and records that are damaged: they keep nothing from the others.

use redis::AsyncCommands;
use sealpost_tests::Pipeline;
use sealpost_tests::pipeline::connection;
use serde_json::json;

use super::world::{all_of, done, minted, not_yet, one, pipeline, record, redis, step, sweep, tenant, word};

/// Ada's tokens and bob's are in tombstones, and this field of ada's is spoilt. The request that is to end hers.
async fn spoilt(pipeline: &Pipeline, field: &str, value: &str) -> serde_json::Value {
    let step = step(pipeline).await;
    let requests = [one("ada"), one("bob")];
    for (request, user) in requests.iter().zip(["ada", "bob"]) {
        minted(pipeline, user, "default").await;
        pipeline.sandbox.fault(json!({"path": "/revoke", "kind": "status", "status": 503})).await;
        not_yet(&step, request, 1).await;
    }
    let store = pipeline.store().await;
    let ada = store.tombstones_of(&store.locate(&connection("acme", "ada"))).await.unwrap();
    let key = format!("{{sp:{:03}}}:tombstone:{}:{}", ada[0].record.shard, ada[0].record.key, ada[0].generation);
    let _: () = redis(pipeline).await.hset(key, field, value).await.unwrap();
    requests[0].clone()
}

#[tokio::test]
async fn a_damaged_tombstone_is_given_up_and_the_sweep_goes_on() {
    for (field, value) in [
        ("owner", "nobody"),
        ("key_version", ""),
        ("sealed", "\u{1} not what was sealed, and long enough for a nonce"),
        ("tries", "many"),
    ] {
        let pipeline = pipeline().await;
        let request = spoilt(&pipeline, field, value).await;
        let step = step(&pipeline).await;
        assert_eq!(sweep(&step, 5).await, 0, "{field}");
        assert_eq!(
            pipeline.sandbox.stats().await["revoke"]["ok"].as_u64().unwrap() / 2,
            1 + u64::from(field == "tries")
        );
        assert_eq!(pipeline.held(&pipeline.newest_version().await).await, 0, "{field}: nothing holds its key version");
        let said = if field == "tries" { "revoked" } else { "gave-up" };
        assert_eq!(word(&done(&step, &request, 2).await, "ada"), said, "{field}");
    }
}

#[tokio::test]
async fn a_damaged_tombstone_keeps_no_revocation_from_its_end() {
    for request in [one("ada"), all_of("ada"), tenant("acme")] {
        let pipeline = pipeline().await;
        spoilt(&pipeline, "provider", "nobody").await;
        let _worker = pipeline.worker().await;
        let answer = pipeline.ask("revocation-request.v1", &request).await;
        assert_eq!((&answer["outcome"], &answer["counts"]["gave_up"]), (&json!("done"), &json!(1)), "{answer}");
    }
}

#[tokio::test]
async fn of_another_tenant_a_damaged_tombstone_is_not_looked_at() {
    let pipeline = pipeline().await;
    spoilt(&pipeline, "format", "x").await;
    pipeline.seed_for("globex", 3).await;
    let _worker = pipeline.worker().await;
    let answer = pipeline.ask("revocation-request.v1", &tenant("globex")).await;
    assert_eq!(answer["counts"]["revoked"], 3, "{answer}");
}

#[tokio::test]
async fn a_tombstone_of_a_newer_version_stays_and_keeps_nothing_from_the_others() {
    let pipeline = pipeline().await;
    spoilt(&pipeline, "format", "9").await;
    let step = step(&pipeline).await;
    assert_eq!(sweep(&step, 5).await, 1);
    assert_eq!(pipeline.sandbox.stats().await["revoke"]["ok"], 2, "bob's");
}

#[tokio::test]
async fn of_a_tenant_a_record_ends_whose_epoch_or_tenant_cannot_be_read() {
    for field in ["epoch", "tenant_epoch", "tenant", "owner"] {
        let pipeline = pipeline().await;
        for user in ["ada", "bob"] {
            minted(&pipeline, user, "default").await;
        }
        let id = record(&pipeline, "ada").await.unwrap().id;
        let key = format!("{{sp:{:03}}}:record:{}", id.shard, id.key);
        let _: () = redis(&pipeline).await.hset(&key, field, "none").await.unwrap();
        let _worker = pipeline.worker().await;
        let answer = pipeline.ask("revocation-request.v1", &tenant("acme")).await;
        let counts = &answer["counts"];
        assert_eq!(counts["revoked"].as_u64().unwrap() + counts["gave_up"].as_u64().unwrap(), 2, "{field}: {answer}");
        let there: bool = redis(&pipeline).await.exists(&key).await.unwrap();
        assert!(!there, "{field}");
    }
}
