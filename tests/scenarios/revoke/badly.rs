//! Requests that are wrong, and records that are.

use redis::AsyncCommands;
use sealpost_schemas::Code;
use sealpost_tests::Pipeline;
use sealpost_tests::pipeline::connection;
use serde_json::{Value, json};

use super::world::{all_of, done, minted, one, pipeline, record, step, tenant, word};

#[tokio::test]
async fn a_misspelt_field_and_a_missing_scope_are_refused_and_never_taken_for_everything() {
    let pipeline = pipeline().await;
    let _worker = pipeline.worker().await;
    pipeline.connect("ada").await;
    let changed = |from: Value, field: &str, value: Option<Value>| {
        let mut request = from;
        request.as_object_mut().unwrap().shift_remove(field);
        if let Some(value) = value {
            request[field] = value;
        }
        request
    };
    let misspelt = |from: Value, field: &str, other: &str| {
        let mut request = from;
        request[other] = request.as_object_mut().unwrap().shift_remove(field).unwrap();
        request
    };
    for (request, names) in [
        (changed(one("ada"), "scope", None), "scope"),
        (changed(one("ada"), "scope", Some(json!("everything"))), "scope"),
        (changed(one("ada"), "scope", Some(json!("owner"))), "owner"),
        (changed(one("ada"), "scope", Some(json!("tenant"))), "tenant"),
        (changed(one("ada"), "label", None), "label"),
        (misspelt(one("ada"), "provider", "providr"), "providr"),
        (misspelt(one("ada"), "label", "lable"), "lable"),
        (misspelt(all_of("ada"), "owner", "onwer"), "onwer"),
        (changed(all_of("ada"), "owner", Some(json!({"tenant": "acme", "usr": "ada"}))), "owner"),
        (changed(all_of("ada"), "owner", Some(json!({"tenant": "acme", "user": "ada", "label": "x"}))), "owner"),
        (changed(all_of("ada"), "provider", Some(json!("practice"))), "owner"),
        (misspelt(tenant("acme"), "tenant", "tennant"), "tennant"),
        (changed(tenant("acme"), "tenant", Some(Value::Null)), "tenant"),
        (changed(tenant("acme"), "user", Some(json!("ada"))), "user"),
    ] {
        let answer = pipeline.ask("revocation-request.v1", &request).await;
        let failure = &answer["failure"];
        assert_eq!((&answer["outcome"], &failure["code"]), (&json!("failed"), &json!("malformed-message")), "{answer}");
        assert!(failure["message"].as_str().unwrap().contains(names), "{request}: {answer}");
        assert_eq!(pipeline.dead_letter().await.header("sealpost-code").as_deref(), Some("malformed-message"));
    }
    assert!(record(&pipeline, "ada").await.is_some());
    assert_eq!(pipeline.sandbox.stats().await["revoke"], json!({}));
}

/// Spoils a record's field.
async fn spoilt(pipeline: &Pipeline, user: &str, field: &str, value: &[u8]) {
    let id = pipeline.store().await.locate(&connection("acme", user));
    let key = format!("{{sp:{:03}}}:record:{}", id.shard, id.key);
    let client = redis::Client::open(pipeline.rig.redis_url()).unwrap();
    let mut redis = client.get_multiplexed_async_connection().await.unwrap();
    let _: () = redis.hset(key, field, value).await.unwrap();
}

#[tokio::test]
async fn what_does_not_open_is_deleted_too_and_its_receipt_says_gave_up() {
    for ends in [one, all_of] {
        let pipeline = pipeline().await;
        let step = step(&pipeline).await;
        for (field, value) in
            [("sealed", &b"\x01 not what was sealed, and long enough for a nonce"[..]), ("custody", b"nobody")]
        {
            minted(&pipeline, "ada", "default").await;
            spoilt(&pipeline, "ada", field, value).await;
            let answer = done(&step, &ends("ada"), 1).await;
            assert_eq!(word(&answer, "ada"), "gave-up", "{field}");
            assert_eq!(answer["counts"]["gave_up"], 1);
            assert!(record(&pipeline, "ada").await.is_none());
            assert_eq!(pipeline.held(&pipeline.newest_version().await).await, 0, "{field}");
        }
        assert_eq!(pipeline.sandbox.stats().await["revoke"], json!({}));
    }
}

#[tokio::test]
async fn of_a_tenant_what_does_not_open_is_deleted_too() {
    let pipeline = pipeline().await;
    let _worker = pipeline.worker().await;
    for user in ["ada", "bob", "eve"] {
        minted(&pipeline, user, "default").await;
    }
    spoilt(&pipeline, "ada", "sealed", b"\x01 not what was sealed, and long enough for a nonce").await;
    spoilt(&pipeline, "bob", "custody", b"nobody").await;
    let answer = pipeline.ask("revocation-request.v1", &tenant("acme")).await;
    assert_eq!(answer["counts"], json!({"revoked": 1, "unsupported": 0, "superseded": 0, "gave_up": 2}), "{answer}");
    assert_eq!(pipeline.held(&pipeline.newest_version().await).await, 0);
}

#[tokio::test]
async fn a_key_that_is_not_there_is_waited_for_and_then_given_up() {
    let pipeline = pipeline().await;
    minted(&pipeline, "ada", "default").await;
    spoilt(&pipeline, "ada", "key_version", b"4387e9f3d6e14c45").await;
    let step = step(&pipeline).await;
    let request = one("ada");
    for number in [1, 6] {
        let failure = super::world::not_yet(&step, &request, number).await;
        assert_eq!(failure.code, Code::KeyMissing, "{}", failure.message);
        assert!(record(&pipeline, "ada").await.is_some(), "it may be there again");
    }
    assert_eq!(word(&done(&step, &request, 7).await, "ada"), "gave-up");
    assert!(record(&pipeline, "ada").await.is_none());
}
