//! Records that were altered, come from the future, or lost their key.

use std::fs;

use redis::AsyncCommands;
use redis::aio::MultiplexedConnection;
use sealpost_tests::pipeline::{attempt, connection, exchange_request, properties, publish_job};
use sealpost_tests::{Pipeline, Worker};
use serde_json::Value;

use super::{failed, goes_on, put_aside};

/// The hash of a user's record in Redis.
async fn record(pipeline: &Pipeline, user: &str) -> (MultiplexedConnection, String) {
    let id = pipeline.store().await.locate(&connection("acme", user));
    let client = redis::Client::open(pipeline.rig.redis_url()).unwrap();
    (client.get_multiplexed_async_connection().await.unwrap(), format!("{{sp:{:03}}}:record:{}", id.shard, id.key))
}

/// Two connections, of which a test damages `ada`'s.
async fn connected() -> (Pipeline, Worker) {
    let pipeline = Pipeline::start().await;
    let worker = pipeline.worker().await;
    pipeline.connect("ada").await;
    pipeline.connect("bob").await;
    (pipeline, worker)
}

#[tokio::test]
async fn a_flipped_bit_puts_the_record_into_quarantine_once_and_a_new_consent_heals_it() {
    let (pipeline, _worker) = connected().await;
    let (mut redis, key) = record(&pipeline, "ada").await;
    let mut sealed: Vec<u8> = redis.hget(&key, "sealed").await.unwrap();
    sealed[40] ^= 1;
    let _: () = redis.hset(&key, "sealed", sealed).await.unwrap();
    for _ in 0..2 {
        failed(&pipeline.ask("publish-job.v1", &publish_job("acme", "ada", "x")).await, "quarantined");
        let dead = pipeline.dead_letter().await;
        put_aside(&dead, "quarantined", "publish-jobs", &["record", "restore", "consent"]);
        assert_eq!(dead.header("sealpost-attempt").as_deref(), Some("1"), "another attempt would change nothing");
    }
    let told = pipeline.event("connection.quarantined").await.json();
    assert_eq!((&told["code"], &told["connection"]["user"]), (&"quarantined".into(), &"ada".into()), "{told}");
    assert!(pipeline.events("connection.quarantined").await.is_empty(), "told once");
    assert_eq!(pipeline.sandbox.stats().await["posts"], serde_json::json!({}));
    goes_on(&pipeline, "bob").await;
    pipeline.connect("ada").await;
    goes_on(&pipeline, "ada").await;
}

#[tokio::test]
async fn a_record_of_a_newer_format_waits_for_a_newer_worker() {
    let (pipeline, worker) = connected().await;
    let (mut redis, key) = record(&pipeline, "ada").await;
    let _: () = redis.hset(&key, "format", 99).await.unwrap();
    let waits = pipeline.send("publish-job.v1", &publish_job("acme", "ada", "waits")).await;
    worker.logged("code=\"record-unreadable\"").await;
    let last = publish_job("acme", "ada", "the last attempt");
    let properties = properties("publish-job.v1", last["id"].as_str().unwrap()).with_headers(attempt(12));
    let given_up = pipeline.send_raw("publish-job.v1", last.to_string().as_bytes(), properties).await;
    failed(&pipeline.answer(&given_up).await.json(), "attempts-exhausted");
    let reason = ["record-unreadable", "format 99", "run the version"];
    put_aside(&pipeline.dead_letter().await, "attempts-exhausted", "publish-jobs", &reason);
    goes_on(&pipeline, "bob").await;
    let _: () = redis.hset(&key, "format", 1).await.unwrap();
    assert_eq!(pipeline.answer(&waits).await.json()["outcome"], "published");
    assert!(pipeline.events("connection.quarantined").await.is_empty());
}

#[tokio::test]
async fn a_record_whose_key_version_is_missing_waits_for_the_key_and_nobody_is_asked_for_consent() {
    let (pipeline, worker) = connected().await;
    let missing = pipeline.newest_version().await;
    pipeline.rotate_key();
    pipeline.connect("bob").await;
    let whole = fs::read_to_string(pipeline.keyring()).unwrap();
    let mut ring: Value = serde_json::from_str(&whole).unwrap();
    ring["versions"].as_array_mut().unwrap().retain(|entry| entry["version"] != missing.as_str());
    pipeline.write("keyring.json", &ring.to_string());

    let waits = pipeline.send("publish-job.v1", &publish_job("acme", "ada", "waits")).await;
    worker.logged("code=\"key-missing\"").await;
    assert!(worker.log().contains(missing.as_str()), "the missing version is named");
    goes_on(&pipeline, "bob").await;
    pipeline.write("keyring.json", &whole);
    assert_eq!(pipeline.answer(&waits).await.json()["outcome"], "published");
    assert_eq!(pipeline.rig.broker.depth("dead-letters").await, 0);
    assert!(pipeline.events("publish.failed").await.is_empty());
}

#[tokio::test]
async fn a_key_version_that_is_disabled_is_waited_for_and_nobody_is_asked_for_consent() {
    let (pipeline, worker) = connected().await;
    let sealed_under = pipeline.newest_version().await;
    let disabled = |newest: bool| {
        let mut ring: Value = serde_json::from_str(&fs::read_to_string(pipeline.keyring()).unwrap()).unwrap();
        for entry in ring["versions"].as_array_mut().unwrap() {
            entry["enabled"] = ((entry["version"] == sealed_under.as_str()) == newest).into();
        }
        ring.to_string()
    };
    pipeline.rotate_key();
    let whole = fs::read_to_string(pipeline.keyring()).unwrap();
    // the version that a record names
    pipeline.write("keyring.json", &disabled(false));
    let waits = pipeline.send("publish-job.v1", &publish_job("acme", "ada", "waits")).await;
    worker.measured("sealpost_attempts_failed_total", &["publish-jobs", "key-disabled"], 1).await;
    pipeline.connect("eve").await;
    goes_on(&pipeline, "eve").await;
    // the newest: no code is spent, and nothing is posted whose result could not be kept
    pipeline.write("keyring.json", &disabled(true));
    let posted = pipeline.send("publish-job.v1", &publish_job("acme", "bob", "waits too")).await;
    let request = exchange_request("acme", "dan", &pipeline.consent("dan").await);
    let asked = pipeline.send("exchange-request.v1", &request).await;
    worker.measured("sealpost_attempts_failed_total", &["exchange-requests", "key-disabled"], 1).await;
    worker.measured("sealpost_attempts_failed_total", &["publish-jobs", "key-disabled"], 2).await;
    assert_eq!(pipeline.sandbox.stats().await["token"]["authorization_code"], serde_json::json!({"ok": 3}));
    pipeline.write("keyring.json", &whole);
    for (correlation, outcome) in [(waits, "published"), (posted, "published"), (asked, "stored")] {
        let answer = pipeline.answer(&correlation).await.json();
        assert_eq!(answer["outcome"], outcome, "{answer}");
    }
    assert_eq!(pipeline.rig.broker.depth("dead-letters").await, 0);
    for topic in ["connection.needs-consent", "connection.quarantined", "publish.failed"] {
        assert!(pipeline.events(topic).await.is_empty(), "{topic}");
    }
}
