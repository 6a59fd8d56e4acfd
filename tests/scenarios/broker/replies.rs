//! Answers to producers, and events for whoever listens.

use futures_util::StreamExt;
use lapin::BasicProperties;
use lapin::options::{BasicConsumeOptions, BasicPublishOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use sealpost_shared::broker::{PublishError, is_own_queue};
use sealpost_tests::{Rig, until};

use super::{JOBS, SOON, connect, connected, message, next};

/// A queue that takes one message and refuses the next.
fn short() -> FieldTable {
    let mut arguments = FieldTable::default();
    arguments.insert("x-max-length".into(), AMQPValue::LongInt(1));
    arguments.insert("x-overflow".into(), AMQPValue::LongString("reject-publish".into()));
    arguments
}

#[tokio::test]
async fn a_reply_reaches_a_queue_and_an_event_every_bound_queue() {
    let rig = Rig::start().await;
    let broker = connect(rig.amqp_url()).await;
    broker.event("publish.published", &message("nobody listens")).await.unwrap();
    let channel = rig.broker.channel().await;
    for (queue, key) in [("all", "#"), ("mine", "publish.*"), ("other", "rotation.*")] {
        rig.broker.declare(queue, FieldTable::default()).await;
        let options = QueueBindOptions::default();
        channel
            .queue_bind(queue.into(), "sealpost.events".into(), key.into(), options, FieldTable::default())
            .await
            .unwrap();
    }
    broker.event("publish.published", &message("event")).await.unwrap();
    broker.reply("mine", &message("reply")).await.unwrap();
    assert_eq!(rig.broker.next("all", SOON).await.body, b"event");
    let mine = rig.broker.drain("mine").await;
    assert_eq!(mine.iter().map(|message| message.body.as_slice()).collect::<Vec<_>>(), [&b"event"[..], b"reply"]);
    assert_eq!(rig.broker.depth("other").await, 0);
}

#[tokio::test]
async fn an_event_that_one_reader_refuses_is_tried_three_times_and_reaches_the_others() {
    let rig = Rig::start().await;
    let broker = connect(rig.amqp_url()).await;
    rig.broker.declare("full", short()).await;
    rig.broker.declare("patient", FieldTable::default()).await;
    let channel = rig.broker.channel().await;
    for queue in ["full", "patient"] {
        let options = QueueBindOptions::default();
        channel
            .queue_bind(queue.into(), "sealpost.events".into(), "#".into(), options, FieldTable::default())
            .await
            .unwrap();
    }
    broker.event("a.b", &message("fits")).await.unwrap();
    let error = broker.event("a.b", &message("refused")).await.unwrap_err();
    assert!(matches!(error, PublishError::Refused { .. }), "{error}");
    assert_eq!(rig.broker.drain("patient").await.len(), 1 + 3);
}

#[tokio::test]
async fn a_reply_to_a_queue_that_is_gone_or_full_is_an_error_after_one_try() {
    let rig = Rig::start().await;
    let broker = connect(rig.amqp_url()).await;
    let error = broker.reply("gone", &message("x")).await.unwrap_err();
    assert!(matches!(error, PublishError::Unroutable { .. }), "{error}");
    rig.broker.declare("full", short()).await;
    broker.reply("full", &message("x")).await.unwrap();
    let error = broker.reply("full", &message("x")).await.unwrap_err();
    assert!(matches!(error, PublishError::Refused { .. }), "{error}");
    assert!(broker.is_ready());
}

#[tokio::test]
async fn no_reply_goes_to_a_queue_of_ours() {
    let rig = Rig::start().await;
    let broker = connect(rig.amqp_url()).await;
    for queue in [JOBS, "publish-jobs.retries", "delay.1h", "dead-letters"] {
        assert!(is_own_queue(queue));
        let error = broker.reply(queue, &message("x")).await.unwrap_err();
        assert_eq!(error.code(), sealpost_schemas::Code::ReplyToRefused);
        assert_eq!(rig.broker.depth(queue).await, 0);
    }
}

#[tokio::test]
async fn a_direct_reply_reaches_who_waits_for_it() {
    let rig = Rig::start().await;
    let broker = connect(rig.amqp_url()).await;
    let channel = rig.broker.channel().await;
    let pseudo = "amq.rabbitmq.reply-to";
    let options = BasicConsumeOptions { no_ack: true, ..Default::default() };
    let mut answers = channel.basic_consume(pseudo.into(), "".into(), options, FieldTable::default()).await.unwrap();
    let properties = BasicProperties::default().with_reply_to(pseudo.into()).with_correlation_id("c".into());
    let options = BasicPublishOptions::default();
    let request = channel.basic_publish("".into(), JOBS.into(), options, b"job", properties).await.unwrap();
    request.await.unwrap();
    let mut deliveries = broker.consume(JOBS);
    let delivery = next(&mut deliveries).await;
    let reply_to = delivery.reply_to.clone().unwrap();
    assert!(reply_to.starts_with("amq.rabbitmq.reply-to."), "{reply_to}");
    broker.reply(&reply_to, &message("done")).await.unwrap();
    let answer = tokio::time::timeout(SOON, answers.next()).await.unwrap().unwrap().unwrap();
    assert_eq!(answer.data, b"done");
    assert!(delivery.ack().await);

    // Nobody waits any more: not seen, and nothing breaks.
    channel.close(200, "OK".into()).await.unwrap();
    broker.reply(&reply_to, &message("too late")).await.unwrap();
    assert!(broker.is_ready());
}

#[tokio::test]
async fn a_forged_direct_reply_address_ends_the_reply_connection_alone_and_for_a_moment() {
    let rig = Rig::start().await;
    let broker = connect(rig.amqp_url()).await;
    let options = QueueDeclareOptions::durable();
    rig.broker.channel().await.queue_declare("answers".into(), options, FieldTable::default()).await.unwrap();
    let mut deliveries = broker.consume(JOBS);
    rig.broker.publish_raw(JOBS, b"job", BasicProperties::default()).await;
    let held = next(&mut deliveries).await;
    let error = broker.reply("amq.rabbitmq.reply-to.x.y", &message("x")).await.unwrap_err();
    assert!(matches!(error, PublishError::Lost { .. }), "{error}");
    assert_eq!(error.code(), sealpost_schemas::Code::BrokerUnavailable);
    broker.event("a.b", &message("the publishing connection goes on")).await.unwrap();
    assert!(held.usable(), "the consuming connection goes on");
    assert!(held.ack().await);
    until("a reply arrives again", SOON, async || broker.reply("answers", &message("y")).await.is_ok()).await;
    assert_eq!(rig.broker.next("answers", SOON).await.body, b"y");
    connected(&broker).await;
}
