//! Nothing secret in logs at the finest level, measures, answers, events, headers of dead letters, or Redis's files.

use std::fs;
use std::path::Path;

use base64::prelude::{BASE64_STANDARD, Engine};
use lapin::types::AMQPValue;
use reqwest::Method;
use sealpost_shared::keys::{KeySource, LocalKeys};
use sealpost_tests::canary::found;
use sealpost_tests::pipeline::{ANSWERS, EVENTS, SOON, connection, exchange_request, properties, publish_job};
use sealpost_tests::{Message, Pipeline, Rig, Sandbox, Setup, until};
use secrecy::ExposeSecret;
use serde_json::json;

/// Everything in a folder's files as text.
pub(crate) fn files(folder: &Path) -> String {
    let mut all = String::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        all.push_str(&if path.is_dir() {
            files(&path)
        } else {
            fs::read(&path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
        });
    }
    all
}

/// What a message shows beside its body.
pub(crate) fn headers(messages: &[Message]) -> String {
    let shown = |value: &AMQPValue| match value {
        AMQPValue::LongString(text) => String::from_utf8_lossy(text.as_bytes()).into_owned(),
        other => format!("{other:?}"),
    };
    let of = |message: &Message| -> Vec<String> {
        message
            .properties
            .headers()
            .iter()
            .flat_map(lapin::types::FieldTable::inner)
            .map(|(_, value)| shown(value))
            .collect()
    };
    messages.iter().flat_map(of).collect::<Vec<_>>().join("\n")
}

pub(crate) fn bodies(messages: &[Message]) -> String {
    messages.iter().map(|message| String::from_utf8_lossy(&message.body).into_owned()).collect()
}

/// The tokens that are stored for a user of tenant `acme`.
async fn tokens(pipeline: &Pipeline, user: &str) -> Vec<String> {
    let store = pipeline.store().await;
    let record = store.load(&store.locate(&connection("acme", user))).await.unwrap().unwrap();
    let key = LocalKeys::open(&pipeline.keyring()).unwrap().get(record.key()).await.unwrap();
    let tokens = record.open(&key).unwrap().tokens;
    [tokens.access_token.unwrap(), tokens.refresh_token.unwrap()].map(|token| token.expose_secret().into()).into()
}

/// A pipeline whose servers all want passwords, with those.
async fn locked() -> (Pipeline, Vec<String>) {
    let (amqp, redis_password, client) = ("amqp-hunter2-a", "redis-hunter2-b", "client-hunter2-c");
    let rig = Rig::start().await;
    let vhost = rig.amqp_url().rsplit('/').next().unwrap().to_owned();
    let user = json!({"password": amqp, "tags": ""});
    rig.broker.manage(Method::PUT, &format!("/api/users/{vhost}"), Some(user)).await;
    let all = json!({"configure": ".*", "write": ".*", "read": ".*"});
    rig.broker.manage(Method::PUT, &format!("/api/permissions/{vhost}/{vhost}"), Some(all)).await;
    let mut redis = redis::Client::open(rig.redis_url()).unwrap().get_multiplexed_async_connection().await.unwrap();
    let mut acl = redis::cmd("ACL");
    acl.arg(&["SETUSER", "worker", "on", &format!(">{redis_password}"), "~*", "&*", "+@all"]);
    let _: String = acl.query_async(&mut redis).await.unwrap();
    let setup = Setup {
        amqp_url: Some(rig.amqp_url().replace("guest:guest", &format!("{vhost}:{amqp}"))),
        redis_url: Some(rig.redis_url().replace("redis://", &format!("redis://worker:{redis_password}@"))),
        client_secret: client.into(),
        ..Setup::default()
    };
    let sandbox = Sandbox::start_with(&["--client-secret", client]).await;
    (Pipeline::of(rig, sandbox, setup).await, [amqp, redis_password, client].map(str::to_owned).into())
}

#[tokio::test]
async fn no_secret_is_in_logs_measures_answers_events_headers_or_the_stores_files() {
    let (pipeline, mut secrets) = locked().await;
    let worker = pipeline.worker_with(&["all"], &[("SEALPOST_LOG", "trace")]).await;
    let mut codes = Vec::new();
    let consent = pipeline.consent("ada").await;
    pipeline.send("exchange-request.v1", &exchange_request("acme", "ada", &consent)).await;
    until("it is stored", SOON, async || pipeline.sandbox.stats().await["token"]["authorization_code"]["ok"] == 1)
        .await;
    codes.extend([consent.code, consent.verifier]);

    // A provider that repeats what it was sent, a code in the wrong place, and one in a message that is no JSON.
    let consent = pipeline.consent("bob").await;
    let basic = BASE64_STANDARD.encode(format!("sealpost:{}", secrets[2]));
    let said = format!("{} with {} of {}, Basic {basic}", consent.code, consent.verifier, secrets[2]);
    let body = json!({"error": "invalid_grant", "error_description": said}).to_string();
    pipeline.sandbox.fault(json!({"path": "/token", "kind": "status", "status": 400, "body": body})).await;
    let request = exchange_request("acme", "bob", &consent);
    pipeline.send("exchange-request.v1", &request).await;
    let mut wrong = exchange_request("acme", "bob", &consent);
    wrong["id"] = consent.code.as_str().into();
    pipeline
        .send_raw("exchange-request.v1", wrong.to_string().as_bytes(), properties("exchange-request.v1", "x"))
        .await;
    wrong["grant"]["type"] = consent.code.as_str().into();
    pipeline
        .send_raw("exchange-request.v1", wrong.to_string().as_bytes(), properties("exchange-request.v1", "x"))
        .await;
    let cut = &request.to_string()[..request.to_string().len() - 1];
    pipeline.send_raw("exchange-request.v1", cut.as_bytes(), properties("exchange-request.v1", "x")).await;
    codes.extend([consent.code, consent.verifier]);
    until("three are put aside", SOON, async || pipeline.rig.broker.depth("dead-letters").await == 3).await;

    // A job that is done, and one whose provider repeats the token.
    worker.logged("connection.stored").await;
    let tokens = tokens(&pipeline, "ada").await;
    let echo = json!({"id": tokens[0], "url": format!("https://x.example/?t={}", tokens[0])}).to_string();
    pipeline.ask("publish-job.v1", &publish_job("acme", "ada", "x")).await;
    pipeline.sandbox.fault(json!({"path": "/api/posts", "kind": "status", "status": 201, "body": echo})).await;
    pipeline.send("publish-job.v1", &publish_job("acme", "ada", "x")).await;
    worker.measured("sealpost_jobs_total", &["publish.published"], 2).await;
    secrets.extend(codes);
    secrets.extend(tokens);

    let (_, metrics) = worker.page("/metrics").await;
    worker.terminate();
    worker.ended().await;
    let heard = [pipeline.rig.broker.drain(ANSWERS).await, pipeline.rig.broker.drain(EVENTS).await].concat();
    let dead = pipeline.rig.broker.drain("dead-letters").await;
    let places = [
        ("log", worker.log()),
        ("metrics", metrics),
        ("answers and events", bodies(&heard) + headers(&heard).as_str()),
        ("headers of dead letters", headers(&dead)),
        ("Redis's files", files(pipeline.rig.redis.folder())),
    ];
    // Each place was looked at, and at its finest.
    for ((place, text), known) in
        places.iter().zip(["TRACE", "sealpost_jobs_total", "published", "malformed", "record:"])
    {
        assert!(text.contains(known), "{known:?} is not in the {place}");
    }
    assert!(places[2].1.contains("[removed]"), "the provider did repeat what it was sent");
    assert_eq!(secrets.len(), 9);
    for secret in &secrets {
        for (place, text) in &places {
            assert_eq!(found(secret, text), None, "{secret} is in the {place}");
        }
    }
    let user = pipeline.rig.amqp_url().rsplit('/').next().unwrap().to_owned();
    pipeline.rig.broker.manage(Method::DELETE, &format!("/api/users/{user}"), None).await;
}
