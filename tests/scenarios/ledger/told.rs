//! What was done is told as it was, whatever became of the catalogue, the keys, the clock or the entry since.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use jiff::SignedDuration;
use sealpost::places::Places;
use sealpost::providers::Catalogue;
use sealpost::publish::Publish;
use sealpost::step::{Attempt, ReplyTo, Step};
use sealpost_shared::clock::{Clock, SystemClock};
use sealpost_shared::http;
use sealpost_shared::pace::Paces;
use sealpost_tests::breakpoint::{Breakpoint, Side, Then};
use sealpost_tests::pipeline::{SOON, attempt, exchange_request, properties, publish_job};
use sealpost_tests::{Pipeline, Proxy, Weather, until};
use serde_json::{Value, json};

use super::world::{Entry, ledger, owner, pipeline};

/// Changes the catalogue, for workers that start from now on.
fn edit_catalogue(pipeline: &Pipeline, from: &str, to: &str) {
    let text = fs::read_to_string(pipeline.rig.folder().join("providers.toml")).unwrap();
    assert!(text.contains(from));
    pipeline.write("providers.toml", &text.replace(from, to));
}

#[tokio::test]
async fn a_job_that_was_sent_is_told_as_it_was_also_when_the_catalogue_does_not_take_it_any_more() {
    let pipeline = pipeline(Entry::Plain, None).await;
    let worker = pipeline.worker().await;
    pipeline.connect("ada").await;
    let posted = publish_job("acme", "ada", "posted");
    let told = pipeline.ask("publish-job.v1", &posted).await;
    assert_eq!(told["outcome"], "published", "{told}");
    pipeline.sandbox.fault(json!({"path": "/api/posts", "kind": "hang", "when": "after"})).await;
    let doubtful = pipeline.send("publish-job.v1", &publish_job("acme", "ada", "doubtful")).await;
    until("the request is sent", SOON, async || pipeline.sandbox.stats().await["faults_fired"] == 1).await;
    worker.kill9().await;

    edit_catalogue(&pipeline, "[practice.publish.post]", "[practice.publish.message]");
    let _other = pipeline.worker().await;
    assert_eq!(pipeline.ask("publish-job.v1", &posted).await, told);
    let answer = pipeline.answer(&doubtful).await.json();
    assert_eq!(answer["outcome"], "unknown", "{answer}");
    assert_eq!(pipeline.rig.broker.depth("dead-letters").await, 0);
    let never = pipeline.ask("publish-job.v1", &publish_job("acme", "ada", "never sent")).await;
    assert_eq!((&never["outcome"], &never["failure"]["code"]), (&"failed".into(), &"not-supported".into()));
    pipeline.dead_letter().await;
}

#[tokio::test]
async fn who_stood_still_and_lost_its_broker_tells_what_it_posted_after_another_told_unknown() {
    let pipeline = pipeline(Entry::Plain, None).await;
    let first = pipeline.worker().await;
    pipeline.connect("ada").await;
    // so that Redis knows all the scripts
    assert_eq!(pipeline.ask("publish-job.v1", &publish_job("acme", "ada", "first")).await["outcome"], "published");
    first.terminate();
    first.ended().await;

    // the second command writes that the post was made
    let redis = Breakpoint::to_port(pipeline.rig.redis.port(), Side::Before, Then::Hold).await;
    let broker = Proxy::to_port(url::Url::parse(pipeline.rig.amqp_url()).unwrap().port().unwrap()).await;
    pipeline.write("redis.url", &redis.url());
    pipeline.write("broker.url", &broker.url(pipeline.rig.amqp_url()));
    let victim = pipeline.worker_with(&["publish"], &[]).await;
    redis.arm(2);
    let job = publish_job("acme", "ada", "once");
    let correlation = pipeline.send("publish-job.v1", &job).await;
    redis.reached().await;
    victim.stop().await;
    pipeline.write("redis.url", &pipeline.rig.redis_url());
    pipeline.write("broker.url", pipeline.rig.amqp_url());
    let other = pipeline.worker_with(&["publish"], &[]).await;
    broker.set(Weather::Reset);
    let told = pipeline.answer(&correlation).await.json();
    assert_eq!(told["outcome"], "unknown", "{told}");
    other.terminate();
    other.ended().await;

    broker.set(Weather::Fair);
    redis.let_go();
    victim.go_on();
    let told = pipeline.answer(&correlation).await.json();
    assert_eq!(told["outcome"], "published", "{told}");
    while pipeline.event("publish.published").await.json()["job"] != job["id"] {}
    assert_eq!(pipeline.sandbox.posts().await.len(), 2);
}

#[tokio::test]
async fn a_consent_that_was_stored_is_told_so_also_when_its_provider_left_the_catalogue() {
    let pipeline = pipeline(Entry::Plain, None).await;
    let worker = pipeline.worker().await;
    let request = exchange_request("acme", "ada", &pipeline.consent("ada").await);
    let told = pipeline.ask("exchange-request.v1", &request).await;
    assert_eq!(told["outcome"], "stored", "{told}");
    worker.kill9().await;
    edit_catalogue(&pipeline, "[practice.", "[former.");
    let _other = pipeline.worker().await;
    assert_eq!(pipeline.ask("exchange-request.v1", &request).await, told);
    let request = exchange_request("acme", "bob", &pipeline.consent("bob").await);
    let never = pipeline.ask("exchange-request.v1", &request).await;
    assert_eq!((&never["outcome"], &never["failure"]["code"]), (&"failed".into(), &"unknown-provider".into()));
    pipeline.dead_letter().await;
}

#[tokio::test]
async fn a_post_whose_result_lost_its_key_is_never_told_as_failed() {
    let pipeline = pipeline(Entry::Plain, None).await;
    let worker = pipeline.worker().await;
    pipeline.connect("ada").await;
    let job = publish_job("acme", "ada", "posted");
    let told = pipeline.ask("publish-job.v1", &job).await;
    let missing = pipeline.newest_version().await;
    pipeline.rotate_key();
    let whole = fs::read_to_string(pipeline.keyring()).unwrap();
    let mut ring: Value = serde_json::from_str(&whole).unwrap();
    ring["versions"].as_array_mut().unwrap().retain(|entry| entry["version"] != missing.as_str());
    pipeline.write("keyring.json", &ring.to_string());
    let last = properties("publish-job.v1", job["id"].as_str().unwrap()).with_headers(attempt(12));
    let again = pipeline.send_raw("publish-job.v1", job.to_string().as_bytes(), last).await;
    worker.logged("code=\"key-missing\"").await;
    pipeline.write("keyring.json", &whole);
    assert_eq!(pipeline.answer(&again).await.json(), told);
    assert_eq!(pipeline.rig.broker.depth("dead-letters").await, 0);
}

#[tokio::test]
async fn a_job_whose_result_was_altered_is_unknown_and_not_failed() {
    let pipeline = pipeline(Entry::Plain, None).await;
    let _worker = pipeline.worker().await;
    pipeline.connect("ada").await;
    let job = publish_job("acme", "ada", "posted");
    assert_eq!(pipeline.ask("publish-job.v1", &job).await["outcome"], "published");
    let id = job["id"].as_str().unwrap().parse().unwrap();
    let entry = pipeline.store().await.entry("publish-job", &owner(&job), id).to_string();
    let (shard, name) = entry.split_once('/').unwrap();
    let mut redis = redis::Client::open(pipeline.rig.redis_url()).unwrap().get_connection().unwrap();
    let set = redis::cmd("HSET")
        .arg(format!("{{sp:{shard}}}:ledger:{name}"))
        .arg("sealed")
        .arg("x".repeat(200))
        .query::<u64>(&mut redis);
    assert_eq!(set.unwrap(), 0, "an entry was there");
    let answer = pipeline.ask("publish-job.v1", &job).await;
    assert_eq!((&answer["outcome"], &answer["failure"]["code"]), (&"unknown".into(), &"outcome-unknown".into()));
    assert_eq!(pipeline.sandbox.posts().await.len(), 1);
}

#[tokio::test]
async fn a_deadline_that_was_told_as_passed_stays_so_when_the_clock_goes_back() {
    let pipeline = pipeline(Entry::Plain, None).await;
    let step = Publish {
        keeper: Arc::new(pipeline.keeper().await),
        ledger: ledger(&pipeline).await,
        catalogue: Arc::new(Catalogue::read(&pipeline.rig.folder().join("providers.toml")).unwrap()),
        paces: Paces::new(pipeline.store().await, http::client(SOON).unwrap(), SOON, BTreeMap::new()),
        places: Places::new(None, 32),
        notices: false,
    };
    let (deadline, second) = (SystemClock.now(), SignedDuration::from_secs(1));
    let mut job = publish_job("acme", "ada", "too late");
    job["deadline"] = deadline.to_string().into();
    let job = serde_json::from_value(job).unwrap();
    for now in [deadline + second, deadline - second] {
        let at = Attempt { number: 1, now, redelivered: false, put_off: false, lined_up: false, reply: ReplyTo::Queue };
        let told = step.run(&job, at).await.map_err(|failure| failure.message).unwrap();
        assert_eq!(told.result.failure.unwrap().code.as_str(), "deadline-passed", "{now}");
    }
}
