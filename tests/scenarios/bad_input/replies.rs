//! Reply addresses that are none.

use sealpost_tests::Pipeline;
use sealpost_tests::pipeline::{properties, publish_job};

use super::{failed, goes_on, put_aside};

/// An address of Direct Reply-to that ends the connection of whoever publishes to it.
const FORGED: &str = "amq.rabbitmq.reply-to.g1h2.!!";

#[tokio::test]
async fn a_job_whose_reply_goes_nowhere_is_done_and_told_as_an_event() {
    let pipeline = Pipeline::start().await;
    let worker = pipeline.worker().await;
    pipeline.connect("ada").await;
    for address in ["nowhere", "amq.rabbitmq.reply-to.x", FORGED] {
        let job = publish_job("acme", "ada", address);
        let properties = properties("publish-job.v1", job["id"].as_str().unwrap()).with_reply_to(address.into());
        pipeline.send_raw("publish-job.v1", job.to_string().as_bytes(), properties).await;
        assert_eq!(pipeline.event("publish.published").await.json()["job"], job["id"], "{address}");
        goes_on(&pipeline, "ada").await;
        pipeline.event("publish.published").await;
    }
    assert_eq!(worker.metric("sealpost_publishes_total", &["reply", "unroutable"]).await, 1);
    assert_eq!(pipeline.rig.broker.depth("dead-letters").await, 0);
    assert_eq!(pipeline.sandbox.posts().await.len(), 6, "each once");
}

#[tokio::test]
async fn a_forged_reply_address_costs_nobody_else_an_answer() {
    let pipeline = Pipeline::start().await;
    let worker = pipeline.worker().await;
    pipeline.connect("ada").await;
    let mut asked = Vec::new();
    for number in 0..20 {
        let job = publish_job("acme", "ada", "forged");
        let forged = properties("publish-job.v1", job["id"].as_str().unwrap()).with_reply_to(FORGED.into());
        if number % 4 == 0 {
            pipeline.send_raw("publish-job.v1", job.to_string().as_bytes(), forged).await;
        }
        asked.push(pipeline.send("publish-job.v1", &publish_job("acme", "ada", "good")).await);
    }
    for correlation in asked {
        assert_eq!(pipeline.answer(&correlation).await.json()["outcome"], "published");
    }
    assert!(worker.log().contains("INTERNAL_ERROR"), "the forged ones did end the connection");
}

#[tokio::test]
async fn a_reply_address_that_is_one_of_our_queues_is_refused_and_nothing_is_done() {
    let pipeline = Pipeline::start().await;
    let _worker = pipeline.worker().await;
    pipeline.connect("ada").await;
    for address in ["publish-jobs", "rotation-ticks.retries", "dead-letters", "delay.1s"] {
        let job = publish_job("acme", "ada", "x");
        let properties = properties("publish-job.v1", job["id"].as_str().unwrap()).with_reply_to(address.into());
        pipeline.send_raw("publish-job.v1", job.to_string().as_bytes(), properties).await;
        put_aside(&pipeline.dead_letter().await, "reply-to-refused", "publish-jobs", &["reply_to"]);
        let event = pipeline.event("publish.failed").await.json();
        failed(&event, "reply-to-refused");
        assert_eq!(event["job"], job["id"], "{event}");
    }
    assert_eq!(pipeline.sandbox.posts().await.len(), 0);
    goes_on(&pipeline, "ada").await;
}
