//! Messages that cannot be read.

use lapin::BasicProperties;
use sealpost_schemas::codec::MAX_BODY;
use sealpost_tests::Pipeline;
use sealpost_tests::pipeline::{properties, publish_job};
use serde_json::{Value, json};

use super::{CANARY, failed, goes_on, put_aside};

const TYPE: &str = "publish-job.v1";
const ID: &str = "0190b0a4-5b3c-7cc0-8000-000000000001";

struct Case {
    body: Vec<u8>,
    properties: BasicProperties,
    code: &'static str,
    names: &'static [&'static str],
}

fn case(body: impl Into<Vec<u8>>, names: &'static [&'static str]) -> Case {
    Case { body: body.into(), properties: properties(TYPE, ID), code: "malformed-message", names }
}

/// A good job with one thing changed.
fn changed(pointer: &str, value: Value, names: &'static [&'static str]) -> Case {
    let mut job = publish_job("acme", "ada", CANARY);
    let (parent, field) = pointer.rsplit_once('/').unwrap();
    job.pointer_mut(parent).unwrap()[field] = value;
    case(job.to_string(), names)
}

fn with(
    properties: impl FnOnce(BasicProperties) -> BasicProperties,
    code: &'static str,
    names: &'static [&'static str],
) -> Case {
    let case = case(publish_job("acme", "ada", CANARY).to_string(), names);
    Case { properties: properties(case.properties), code, ..case }
}

fn cases() -> Vec<Case> {
    let long = format!("{CANARY}{}", "x".repeat(10 * 1024));
    let deep = format!("{}{CANARY:?}{}", "[".repeat(100), "]".repeat(100));
    let large = Case { code: "message-too-large", ..case(vec![b'x'; 2 * MAX_BODY], &["1048576"]) };
    let msgpack = |properties: BasicProperties| properties.with_content_type("application/msgpack".into());
    vec![
        case(format!("{{not json {CANARY}"), &["JSON", "line 1"]),
        case("", &["JSON"]),
        case(format!("[{CANARY:?}]"), &["the body", "an object"]),
        case(deep, &["nested too deeply"]),
        changed("/content/type", CANARY.into(), &["content", "post", "email"]),
        changed("/content/text", json!({"a": CANARY}), &["content.text", "a string"]),
        changed("/owner", Value::Null, &["owner"]),
        changed("/owner/user", format!("a\u{0}{CANARY}").into(), &["owner.user", "control characters"]),
        changed("/owner/user", long.into(), &["owner.user", "256 bytes"]),
        changed("/owner/tenant", "".into(), &["owner.tenant"]),
        changed("/provider", CANARY.to_uppercase().into(), &["provider", "a-z"]),
        changed("/id", CANARY.into(), &["id"]),
        changed("/deadline", CANARY.into(), &["deadline"]),
        changed("/device_tokens", json!({"access_token": 5}), &["device_tokens.access_token"]),
        with(|properties| properties.with_type("exchange-request.v1".into()), "malformed-message", &["type", TYPE]),
        with(|properties| properties.with_type(CANARY.into()), "malformed-message", &["type", TYPE]),
        with(|properties| properties.with_type("publish-job.v2".into()), "unknown-version", &[TYPE, "newer"]),
        with(|properties| properties.with_content_type("text/plain".into()), "malformed-message", &["content type"]),
        with(msgpack, "malformed-message", &["MessagePack"]),
        Case { properties: msgpack(properties(TYPE, ID)), ..case(vec![0xdd, 255, 255, 255, 255], &["MessagePack"]) },
        Case { properties: msgpack(properties(TYPE, ID)), ..case(vec![0x91; MAX_BODY], &["MessagePack"]) },
        case(vec![b'['; MAX_BODY], &["JSON"]),
        large,
    ]
}

#[tokio::test]
async fn every_message_that_cannot_be_read_is_put_aside_whole_and_its_producer_is_told_why() {
    let pipeline = Pipeline::start().await;
    let worker = pipeline.worker().await;
    pipeline.connect("ada").await;
    for Case { body, properties, code, names } in cases() {
        let msgpack = properties.content_type().as_ref().is_some_and(|each| each.as_str().ends_with("msgpack"));
        let correlation = pipeline.send_raw(TYPE, &body, properties).await;
        let answer = pipeline.answer(&correlation).await;
        let answer = if msgpack { rmp_serde::from_slice(&answer.body).unwrap() } else { answer.json() };
        failed(&answer, code);
        assert_eq!(answer["job"], ID, "{answer}");
        let dead = pipeline.dead_letter().await;
        put_aside(&dead, code, "publish-jobs", names);
        assert_eq!(dead.body, body, "it is kept as it came");
        assert_eq!(dead.properties.message_id().as_ref().unwrap().as_str(), ID);
        assert_eq!(dead.properties.correlation_id().as_ref().unwrap().as_str(), correlation);
        let event = pipeline.event("job.dead-lettered").await.json();
        assert_eq!((&event["code"], &event["message"]), (&code.into(), &ID.into()), "{event}");
        failed(&pipeline.event("publish.failed").await.json(), code);
    }
    goes_on(&pipeline, "ada").await;
    assert_eq!(pipeline.sandbox.posts().await.len(), 1);
    assert!(!worker.log().contains(CANARY));
}

#[tokio::test]
async fn a_bad_message_of_every_other_queue_is_put_aside_too() {
    let pipeline = Pipeline::start().await;
    let _worker = pipeline.worker().await;
    let mut request = sealpost_tests::pipeline::exchange_request("acme", "ada", &pipeline.consent("ada").await);
    request["grant"]["code_verifier"] = json!([CANARY]);
    failed(&pipeline.ask("exchange-request.v1", &request).await, "malformed-message");
    put_aside(&pipeline.dead_letter().await, "malformed-message", "exchange-requests", &["grant.code_verifier"]);

    let tick = json!({"id": ID, "mode": CANARY, "scheduled_for": "2026-11-22T03:00:00Z"});
    pipeline.send("rotation-tick.v1", &tick).await;
    put_aside(&pipeline.dead_letter().await, "malformed-message", "rotation-ticks", &["mode", "rewrap"]);

    let shard = json!({"id": ID, "tick": ID, "shard": 256, "mode": "rewrap"});
    pipeline.send("rotation-shard.v1", &shard).await;
    put_aside(&pipeline.dead_letter().await, "malformed-message", "rotation-shards", &["shard", "255"]);
    assert_eq!(pipeline.sandbox.stats().await["token"], json!({}), "no code was spent");

    pipeline.connect("ada").await;
    goes_on(&pipeline, "ada").await;
}

#[tokio::test]
async fn what_this_version_does_not_do_is_said_and_nothing_is_done() {
    let pipeline = Pipeline::start().await;
    let _worker = pipeline.worker().await;
    pipeline.connect("ada").await;
    let job = |field: &str, value: Value| {
        let mut job = publish_job("acme", "ada", "x");
        job[field] = value;
        job
    };
    let sealed = json!({"sealed": "AAAA", "key": "k1"});
    for (job, code, names) in [
        (job("notify", json!({"phone": "+237650000000", "language": "fr"})), "not-supported", "notify"),
        (job("content", json!({"type": "email", "text": "x"})), "not-supported", "email"),
        (job("provider", "unheard-of".into()), "unknown-provider", "unheard-of"),
    ] {
        failed(&pipeline.ask("publish-job.v1", &job).await, code);
        put_aside(&pipeline.dead_letter().await, code, "publish-jobs", &[names]);
    }
    let mut request = sealpost_tests::pipeline::exchange_request("acme", "bob", &pipeline.consent("bob").await);
    request["grant"]["code"] = sealed;
    failed(&pipeline.ask("exchange-request.v1", &request).await, "sealed-key-unknown");
    put_aside(&pipeline.dead_letter().await, "sealed-key-unknown", "exchange-requests", &["/grant/code", "jwks"]);
    let nobody = pipeline.ask("publish-job.v1", &publish_job("acme", "nobody", "x")).await;
    failed(&nobody, "no-connection");
    assert_eq!(pipeline.rig.broker.depth("dead-letters").await, 0, "the world's no is no dead letter");
    assert_eq!(pipeline.sandbox.posts().await.len(), 0);
    goes_on(&pipeline, "ada").await;
}

#[tokio::test]
async fn scopes_that_nobody_can_grant_are_refused_and_no_code_is_spent() {
    let pipeline = Pipeline::start().await;
    let _worker = pipeline.worker().await;
    let many: Vec<_> = (0..201).map(|number| format!("scope-{number}")).collect();
    for scopes in [json!(many), json!(["x".repeat(301)]), json!(["a\u{1b}[2J"]), json!([""]), json!(["read write"])] {
        let mut request = sealpost_tests::pipeline::exchange_request("acme", "ada", &pipeline.consent("ada").await);
        request["scopes"] = scopes;
        failed(&pipeline.ask("exchange-request.v1", &request).await, "malformed-message");
        put_aside(&pipeline.dead_letter().await, "malformed-message", "exchange-requests", &["scopes"]);
    }
    assert_eq!(pipeline.sandbox.stats().await["token"], json!({}), "no code was spent");
}
