//! A message that is put off comes back when its time has come, by way of delays that are shorter.

use jiff::{SignedDuration, Timestamp};
use lapin::types::{AMQPValue, FieldTable};
use sealpost_shared::clock::{Clock, SystemClock};
use sealpost_tests::Pipeline;
use sealpost_tests::pipeline::{SOON, attempt, properties, publish_job};
use serde_json::{Value, json};

const RETRIES: &str = "publish-jobs.retries";

async fn connected() -> (Pipeline, sealpost_tests::Worker) {
    let pipeline = Pipeline::start().await;
    let worker = pipeline.worker().await;
    pipeline.connect("ada").await;
    (pipeline, worker)
}

fn not_before(headers: &mut FieldTable, at: Timestamp) {
    headers.insert("sealpost-not-before".into(), AMQPValue::LongString(at.to_string().into()));
}

async fn publish(pipeline: &Pipeline, queue: &str, job: &Value, headers: FieldTable) {
    let properties = properties("publish-job.v1", job["id"].as_str().unwrap())
        .with_headers(headers)
        .with_correlation_id("put-off".into());
    pipeline.rig.broker.publish_raw(queue, job.to_string().as_bytes(), properties).await;
}

#[tokio::test]
async fn a_job_is_put_off_by_the_longest_delay_that_is_not_too_long() {
    let (pipeline, _worker) = connected().await;
    let busy = json!({"path": "/api/posts", "kind": "status", "status": 429, "headers": {"retry-after": "20"}});
    pipeline.sandbox.fault(busy).await;
    let (before, second) = (SystemClock.now(), SignedDuration::from_secs(1));
    publish(&pipeline, "publish-jobs", &publish_job("acme", "ada", "x"), FieldTable::default()).await;
    let waiting = pipeline.rig.broker.next("delay.5s", SOON).await;
    let until: Timestamp = waiting.header("sealpost-not-before").unwrap().parse().unwrap();
    assert!(until >= before + 20 * second && until <= SystemClock.now() + 20 * second, "{until}");
    assert_eq!(waiting.header("sealpost-attempt").as_deref(), Some("1"));
}

#[tokio::test]
async fn a_job_whose_time_has_not_come_goes_on_to_it_unseen() {
    let (pipeline, worker) = connected().await;
    let (job, mut headers) = (publish_job("acme", "ada", "later"), attempt(3));
    let until = SystemClock.now() + SignedDuration::from_secs(100);
    not_before(&mut headers, until);
    publish(&pipeline, RETRIES, &job, headers).await;
    let waiting = pipeline.rig.broker.next("delay.30s", SOON).await;
    assert_eq!(waiting.header("sealpost-not-before").as_deref(), Some(until.to_string().as_str()));
    assert_eq!(waiting.header("sealpost-attempt").as_deref(), Some("3"));
    assert_eq!(waiting.json(), job);
    assert!(!worker.log().contains(job["id"].as_str().unwrap()), "nothing happened to it");

    let mut headers = attempt(3);
    not_before(&mut headers, SystemClock.now());
    publish(&pipeline, RETRIES, &job, headers).await;
    assert_eq!(pipeline.answer("put-off").await.json()["outcome"], "published");
    worker.logged("attempt=3 outcome=\"publish.published\"").await;
}

#[tokio::test]
async fn a_producer_cannot_put_a_job_off() {
    let (pipeline, _worker) = connected().await;
    let mut headers = FieldTable::default();
    not_before(&mut headers, SystemClock.now() + SignedDuration::from_hours(1));
    publish(&pipeline, "publish-jobs", &publish_job("acme", "ada", "now"), headers).await;
    assert_eq!(pipeline.answer("put-off").await.json()["outcome"], "published");
}
