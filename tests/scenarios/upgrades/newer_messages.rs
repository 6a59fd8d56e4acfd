//! Messages of a newer release before this one, which is the older: kept as they came until a newer worker takes them.

use sealpost_schemas::queues;
use sealpost_tests::command::run;
use sealpost_tests::pipeline::{SOON, attempt, properties, publish_job, queue_of};
use sealpost_tests::{Message, Pipeline, Setup};
use serde_json::{Value, json};

use super::newer_records::of_format;
use crate::contract::kinds;
use crate::notify;

/// A message of every queue as a newer release might have it, with its type.
fn newer() -> Vec<(String, Value)> {
    let of_queues = kinds().into_iter().filter(|kind| {
        let name = kind.type_name.split('.').next().unwrap().to_owned();
        queues::ALL
            .iter()
            .any(|queue| *queue == format!("{name}s") || *queue == format!("{}ies", name.trim_end_matches('y')))
    });
    of_queues
        .map(|kind| {
            let mut body = kind.examples[0].1.clone();
            body["new_in_this_version"] = json!({"deep": [1, "two"]});
            (kind.type_name.replace(".v1", ".v2"), body)
        })
        .collect()
}

/// The same as it came, but for what says why it is where it is.
fn is_as_it_came(message: &Message, type_name: &str, body: &Value) {
    let of = |text: &Option<lapin::types::ShortString>| text.as_ref().map(ToString::to_string);
    assert_eq!(message.json(), *body, "{type_name}");
    assert_eq!(of(message.properties.kind()).as_deref(), Some(type_name));
    assert_eq!(of(message.properties.message_id()).as_deref(), body["id"].as_str());
    assert_eq!(of(message.properties.content_type()).as_deref(), Some("application/json"));
    assert_eq!(of(message.properties.reply_to()).as_deref(), Some("answers"));
    assert!(message.properties.correlation_id().is_some());
}

#[tokio::test]
async fn a_message_of_a_newer_version_is_kept_on_every_queue_and_replayed_to_a_newer_worker() {
    let pipeline = notify::with(Setup { require_sealed: true, ..Setup::default() }, "").await;
    let worker = pipeline.worker().await;
    let mut sent = newer();
    assert_eq!(sent.len(), queues::ALL.len(), "of each queue one");
    for (type_name, body) in &mut sent {
        *body = pipeline.sealed(type_name, body).await;
        let id = body["id"].as_str().unwrap();
        pipeline.send_raw(type_name, body.to_string().as_bytes(), properties(type_name, id)).await;
        let told = pipeline.event("job.dead-lettered").await.json();
        assert_eq!((&told["code"], &told["message"]), (&json!("unknown-version"), &json!(id)), "{type_name}: {told}");
        let known = type_name.replace(".v2", ".v1");
        for part in [known.as_str(), "upgrade the workers", "sealpost dead replay", queue_of(type_name)] {
            assert!(told["reason"].as_str().unwrap().contains(part), "{part}: {told}");
        }
    }
    let listed = run(&pipeline, &["dead", "list", "--json", "--code", "unknown-version"]).await.json();
    assert_eq!(listed["total"], sent.len(), "{listed}");
    assert_eq!(pipeline.sandbox.stats().await["posts"], json!({}));
    assert_eq!(pipeline.sandbox.stats().await["token"], json!({}));

    // the workers are upgraded: from here a newer one would take them
    worker.terminate();
    worker.ended().await;
    let said = run(&pipeline, &["dead", "replay", "--code", "unknown-version"]).await;
    assert!(said.good, "{}{}", said.stdout, said.stderr);
    for (type_name, body) in &sent {
        let message = pipeline.rig.broker.next(queue_of(type_name), SOON).await;
        is_as_it_came(&message, type_name, body);
        assert_eq!(message.header("sealpost-attempt"), None, "{type_name} is a first attempt");
        assert_eq!(message.header("sealpost-code"), None, "{type_name}");
    }
    assert_eq!(pipeline.rig.broker.depth("dead-letters").await, 0);
}

#[tokio::test]
async fn of_a_newer_message_whose_secret_came_unsealed_it_is_said_that_a_replay_brings_nothing_back() {
    let pipeline = Pipeline::start_with(Setup { require_sealed: true, ..Setup::default() }).await;
    let _worker = pipeline.worker().await;
    let (type_name, mut body) = newer().into_iter().find(|(name, _)| name == "exchange-request.v2").unwrap();
    body["grant"]["code"] = json!("plain");
    let properties = || properties(&type_name, body["id"].as_str().unwrap());
    pipeline.send_raw(&type_name, body.to_string().as_bytes(), properties()).await;
    let told = pipeline.event("job.dead-lettered").await.json();
    let reason = told["reason"].as_str().unwrap();
    assert!(reason.contains("/grant/code came unsealed") && reason.contains("anew"), "{told}");
    let other = properties().with_content_type("application/x-newer".into());
    pipeline.send_raw(&type_name, b"\x00\x01", other).await;
    let told = pipeline.event("job.dead-lettered").await.json();
    assert!(told["reason"].as_str().unwrap().contains("was not kept"), "{told}");
}

#[tokio::test]
async fn a_value_that_only_a_newer_version_knows_is_put_aside_with_what_to_do() {
    let pipeline = Pipeline::start().await;
    let _worker = pipeline.worker().await;
    let mut job = publish_job("acme", "ada", "x");
    job["content"]["type"] = json!("hologram");
    pipeline.send("publish-job.v1", &job).await;
    let dead = pipeline.dead_letter().await;
    let reason = dead.header("sealpost-reason").unwrap();
    for part in ["content", "unknown value", "upgrade the workers, then replay"] {
        assert!(reason.contains(part), "{part:?} is not in {reason:?}");
    }
    assert_eq!(dead.json(), job);
}

#[tokio::test]
async fn a_field_of_a_newer_producer_stays_in_a_message_that_waits_or_is_put_aside() {
    let pipeline = Pipeline::start().await;
    let worker = pipeline.worker().await;
    pipeline.connect("ada").await;
    let mut job = publish_job("acme", "ada", "waits");
    job["new_in_a_newer_producer"] = json!({"deep": [1, "two"]});
    let unwell =
        json!({"path": "/api/posts", "kind": "status", "status": 503, "headers": {"retry-after": "1"}, "n": 1});
    pipeline.sandbox.fault(unwell).await;
    let answer = pipeline.ask("publish-job.v1", &job).await;
    assert_eq!(answer["outcome"], "published", "{answer}");
    worker.measured("sealpost_unknown_fields_total", &["publish-jobs"], 2).await;
    // and to the last attempt
    job["id"] = json!(sealpost_shared::ids::fresh());
    of_format(&pipeline, "record", 99);
    let last = properties("publish-job.v1", job["id"].as_str().unwrap()).with_headers(attempt(12));
    pipeline.send_raw("publish-job.v1", job.to_string().as_bytes(), last).await;
    assert_eq!(pipeline.dead_letter().await.json(), job);
}
