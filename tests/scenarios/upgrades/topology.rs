//! A broker that an older release declared everything on.

use lapin::BasicProperties;
use lapin::types::ShortString;
use reqwest::Method;
use sealpost_tests::pipeline::{ANSWERS, EVENTS, publish_job};
use sealpost_tests::{Pipeline, Rig, Sandbox, Setup};
use serde_json::{Value, json};

use super::golden::releases;

fn vhost(rig: &Rig) -> &str {
    rig.amqp_url().rsplit('/').next().unwrap()
}

async fn list(rig: &Rig, what: &str, ours: impl Fn(&Value) -> bool) -> Vec<Value> {
    let listed = rig.broker.manage(Method::GET, &format!("/api/{what}/{}", vhost(rig)), None).await;
    let mut listed: Vec<Value> = listed.as_array().unwrap().iter().filter(|one| ours(one)).cloned().collect();
    listed.sort_by_key(|one| (one["name"].to_string(), one["source"].to_string(), one["destination"].to_string()));
    listed
}

/// What a release has on the broker, as the management API takes it.
pub(super) async fn of(rig: &Rig) -> Value {
    let tests = |one: &Value| [ANSWERS, EVENTS].iter().any(|name| one["name"] == *name || one["destination"] == *name);
    let predeclared =
        |one: &Value, name: &str| one[name].as_str().is_none_or(|name| name.is_empty() || name.starts_with("amq."));
    let queues = list(rig, "queues", |one| !tests(one)).await;
    let queues: Vec<_> = queues.iter().map(|one| json!({"name": one["name"], "arguments": one["arguments"]})).collect();
    let exchanges = list(rig, "exchanges", |one| !predeclared(one, "name")).await;
    let exchanges: Vec<_> = exchanges.iter().map(|one| json!({"name": one["name"], "type": one["type"]})).collect();
    let bindings = list(rig, "bindings", |one| !tests(one) && !predeclared(one, "source")).await;
    let bindings: Vec<_> =
        bindings.iter().map(|one| json!({"source": one["source"], "destination": one["destination"]})).collect();
    json!({"queues": queues, "exchanges": exchanges, "bindings": bindings})
}

async fn declare(rig: &Rig, topology: &Value) {
    let all = |what: &str| topology[what].as_array().unwrap().clone();
    let name = |one: &Value| one["name"].as_str().unwrap().to_owned();
    for one in all("queues") {
        let path = format!("/api/queues/{}/{}", vhost(rig), name(&one));
        let queue = json!({"durable": true, "arguments": one["arguments"]});
        rig.broker.manage(Method::PUT, &path, Some(queue)).await;
    }
    for one in all("exchanges") {
        let path = format!("/api/exchanges/{}/{}", vhost(rig), name(&one));
        rig.broker.manage(Method::PUT, &path, Some(json!({"durable": true, "type": one["type"]}))).await;
    }
    for one in all("bindings") {
        let [from, to] = ["source", "destination"].map(|end| one[end].as_str().unwrap().to_owned());
        let path = format!("/api/bindings/{}/e/{from}/q/{to}", vhost(rig));
        rig.broker.manage(Method::POST, &path, Some(json!({"routing_key": ""}))).await;
    }
}

#[tokio::test]
async fn a_worker_takes_over_the_queues_of_every_release_as_they_are() {
    for release in releases() {
        let (rig, sandbox) = tokio::join!(Rig::start(), Sandbox::start());
        let then = release.json("topology.json");
        declare(&rig, &then).await;
        // in flight while nobody works: what cannot be read is put aside, and proves that it was taken
        let properties =
            BasicProperties::default().with_type("publish-job.v1".into()).with_message_id("waiting".into());
        rig.broker.publish_raw("publish-jobs", b"{}", properties).await;
        let pipeline = Pipeline::of(rig, sandbox, Setup::default()).await;
        let _worker = pipeline.worker().await;
        let put_aside = pipeline.dead_letter().await;
        assert_eq!(
            put_aside.properties.message_id().as_ref().map(ShortString::as_str),
            Some("waiting"),
            "{}",
            release.name
        );
        pipeline.connect("ada").await;
        assert_eq!(pipeline.ask("publish-job.v1", &publish_job("acme", "ada", "x")).await["outcome"], "published");
        let now = of(&pipeline.rig).await;
        for what in ["queues", "exchanges", "bindings"] {
            for one in then[what].as_array().unwrap() {
                assert!(now[what].as_array().unwrap().contains(one), "{one} of {} is another one now", release.name);
            }
        }
    }
}
