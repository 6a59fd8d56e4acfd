//! Reply addresses that are none.

use lapin::types::FieldTable;
use sealpost_shared::broker::{Outgoing, Producer};
use sealpost_shared::ids;
use sealpost_tests::Pipeline;
use sealpost_tests::pipeline::{SOON, properties, publish_job};

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

#[tokio::test]
async fn a_reply_address_outside_the_configured_prefixes_is_refused_gets_nothing_and_the_event_tells() {
    let pipeline = Pipeline::start().await;
    let config = std::fs::read_to_string(pipeline.config()).unwrap();
    let limited = config.replace("prefetch =", "reply_prefixes = ['answers']\nprefetch =");
    assert_ne!(config, limited);
    pipeline.write("sealpost.toml", &limited);
    let _worker = pipeline.worker().await;
    pipeline.connect("ada").await;
    pipeline.rig.broker.declare("elsewhere", FieldTable::default()).await;
    let good = publish_job("acme", "ada", "x").to_string();
    for (body, code) in [(good.as_str(), "reply-to-refused"), ("{", "malformed-message")] {
        let id = ids::fresh().to_string();
        let properties = properties("publish-job.v1", &id).with_reply_to("elsewhere".into());
        pipeline.send_raw("publish-job.v1", body.as_bytes(), properties).await;
        put_aside(&pipeline.dead_letter().await, code, "publish-jobs", &[]);
        failed(&pipeline.event("publish.failed").await.json(), code);
        // the event comes after the reply
        assert_eq!(pipeline.rig.broker.depth("elsewhere").await, 0, "{code}");
    }
    assert_eq!(pipeline.sandbox.posts().await.len(), 0);
    goes_on(&pipeline, "ada").await;

    // whoever waits is answered all the same
    let producer = Producer::connect(&[pipeline.rig.amqp_url().into()], false).await.unwrap();
    let job = publish_job("acme", "ada", "asked and waited");
    let message = Outgoing {
        type_name: Some("publish-job.v1".into()),
        id: job["id"].as_str().map(str::to_owned),
        content_type: Some("application/json".into()),
        body: job.to_string().into_bytes().into(),
        ..Outgoing::default()
    };
    let heard = producer.ask("publish-jobs", &message, SOON).await.unwrap();
    assert_eq!(heard.type_name, "publish-result.v1");
}
