//! A step that fails in its own code.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sealpost::runner::{ReplyPrefixes, Runner};
use sealpost::step::{Attempt, Step};
use sealpost_schemas::{Message, PublishJob, PublishOutcome, PublishResult};
use sealpost_shared::broker::{Broker, BrokerConfig};
use sealpost_shared::clock::SystemClock;
use sealpost_shared::failure::Failure;
use sealpost_shared::ids;
use sealpost_shared::wire::WireKeys;
use sealpost_tests::Pipeline;
use sealpost_tests::pipeline::{WIRE, attempt, properties, publish_job};
use tokio_util::sync::CancellationToken;

/// Panics over the job of user `mallory` as often as it says, with a secret in the panic's text.
struct Fragile(AtomicU32);

impl Step for Fragile {
    type Input = PublishJob;
    type Output = PublishResult;

    async fn run(&self, job: &PublishJob, _: Attempt) -> Result<PublishResult, Failure> {
        let left = self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        assert!(job.owner.user.as_str() != "mallory" || left.is_err(), "hunter2");
        Ok(job.result(ids::follow_up(Some(&job.owner), job.id(), "test", ""), PublishOutcome::Published))
    }
}

/// Runs the step until `stop`.
async fn run(pipeline: &Pipeline, panics: u32, stop: &CancellationToken) -> tokio::task::JoinHandle<()> {
    let config = BrokerConfig { urls: vec![pipeline.rig.amqp_url().into()], ..BrokerConfig::default() };
    let broker = Broker::start(&config).unwrap();
    broker.connected().await.unwrap();
    let (grace, replies) = (Duration::from_secs(5), ReplyPrefixes::default());
    let wire = WireKeys::new(pipeline.sealing_keys().await.source().clone(), WIRE.parse().unwrap());
    let (stop, require_sealed) = (stop.clone(), false);
    let runner = Runner { broker, clock: SystemClock, stop, grace, replies, notices: false, wire, require_sealed };
    tokio::spawn(runner.work(Fragile(AtomicU32::new(panics))))
}

#[tokio::test]
async fn a_panic_in_a_step_is_one_failed_attempt_and_not_a_dead_worker() {
    let pipeline = Pipeline::start().await;
    let stop = CancellationToken::new();
    let running = run(&pipeline, 1, &stop).await;
    let fragile = pipeline.send("publish-job.v1", &publish_job("acme", "mallory", "x")).await;
    let other = pipeline.ask("publish-job.v1", &publish_job("acme", "ada", "x")).await;
    assert_eq!(other["outcome"], "published");
    assert_eq!(pipeline.answer(&fragile).await.json()["outcome"], "published");
    assert_eq!(pipeline.rig.broker.depth("dead-letters").await, 0);
    stop.cancel();
    running.await.unwrap();
}

#[tokio::test]
async fn a_step_that_panics_at_every_attempt_ends_in_dead_letters_without_the_panics_text() {
    let pipeline = Pipeline::start().await;
    let stop = CancellationToken::new();
    let running = run(&pipeline, u32::MAX, &stop).await;
    let job = publish_job("acme", "mallory", "x");
    let properties = properties("publish-job.v1", job["id"].as_str().unwrap()).with_headers(attempt(12));
    let correlation = pipeline.send_raw("publish-job.v1", job.to_string().as_bytes(), properties).await;
    let answer = pipeline.answer(&correlation).await.json();
    assert_eq!(answer["failure"]["code"], "attempts-exhausted", "{answer}");
    let reason = pipeline.dead_letter().await.header("sealpost-reason").unwrap();
    assert!(reason.contains("step-panicked") && !reason.contains("hunter2"), "{reason}");
    assert!(!answer.to_string().contains("hunter2"), "{answer}");
    stop.cancel();
    running.await.unwrap();
}
