//! A worker that finds out that a connection needs consent, and dies before it told.

use reqwest::Method;
use sealpost_tests::Pipeline;
use sealpost_tests::breakpoint::Side;
use sealpost_tests::pipeline::publish_job;
use serde_json::json;

use super::super::world::{Entry, pipeline};
use super::{Point, Victim, entries, finish, records, standing_of_another, state_of_another};

/// The platform's user takes consent back, which we learn from a refused post and a refused refresh.
async fn withdraw(pipeline: &Pipeline, user: &str) {
    pipeline.sandbox.admin(Method::POST, "revoke", Some(json!({"user": user}))).await;
}

/// The commands to Redis of such a job: begin with reading and sending, take it back, read, take the lease, read again,
/// marker, read, mark, give back, settle.
#[tokio::test]
async fn that_consent_is_needed_is_told_although_the_worker_that_found_out_died() {
    for (command, state) in [(8, "claimed"), (10, "done")] {
        let pipeline = pipeline(Entry::Plain, None).await;
        let first = pipeline.worker().await;
        pipeline.connect("grace").await;
        withdraw(&pipeline, "grace").await;
        // so that Redis knows all the scripts
        let answer = pipeline.ask("publish-job.v1", &publish_job("acme", "grace", "never")).await;
        assert_eq!(answer["failure"]["code"], "needs-consent", "{answer}");
        pipeline.event("connection.needs-consent").await;
        let others = records(&pipeline);
        pipeline.connect("ada").await;
        finish(&first).await;
        withdraw(&pipeline, "ada").await;

        let known = entries(&pipeline);
        let victim = Victim::of(&pipeline, "publish", "", Point::Redis(command, Side::After)).await;
        let correlation = pipeline.send("publish-job.v1", &publish_job("acme", "ada", "never")).await;
        victim.dies(&pipeline, &correlation).await;
        assert_eq!(standing_of_another(&pipeline, &others), "needs-consent");
        assert_eq!(state_of_another(&pipeline, &known), state);
        assert!(pipeline.events("connection.needs-consent").await.is_empty(), "{state}: nobody was told yet");
        let _other = pipeline.worker_with(&["publish"], &[]).await;
        let answer = pipeline.answer(&correlation).await.json();
        assert_eq!(answer["failure"]["code"], "needs-consent", "{state}: {answer}");
        let event = pipeline.event("connection.needs-consent").await.json();
        assert_eq!((&event["connection"]["user"], &event["code"]), (&json!("ada"), &json!("invalid-grant")), "{event}");
    }
}
