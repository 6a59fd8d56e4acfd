//! What comes from a work queue, and what is sent away to come again.

use std::time::Duration;

use lapin::BasicProperties;
use lapin::options::QueueDeleteOptions;
use lapin::types::{AMQPValue, FieldTable};
use sealpost_shared::broker::{Outgoing, Route};
use sealpost_tests::{Rig, until};

use super::{JOBS, SOON, connect, message, next};

fn text(text: &str) -> AMQPValue {
    AMQPValue::LongString(text.into())
}

#[tokio::test]
async fn a_first_delivery_carries_what_the_producer_set() {
    let rig = Rig::start().await;
    let broker = connect(rig.amqp_url()).await;
    let mut headers = FieldTable::default();
    headers.insert("traceparent".into(), text("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"));
    let properties = BasicProperties::default()
        .with_type("publish-job.v1".into())
        .with_message_id("m-1".into())
        .with_content_type("application/msgpack".into())
        .with_correlation_id("c-1".into())
        .with_reply_to("answers".into())
        .with_headers(headers);
    let mut deliveries = broker.consume(JOBS);
    rig.broker.publish_raw(JOBS, b"body", properties).await;
    let delivery = next(&mut deliveries).await;
    assert_eq!((delivery.queue, delivery.attempt, delivery.redelivered), (JOBS, 1, false));
    assert_eq!(delivery.type_name.as_deref(), Some("publish-job.v1"));
    assert_eq!(delivery.message_id.as_deref(), Some("m-1"));
    assert_eq!(delivery.content_type.as_deref(), Some("application/msgpack"));
    assert_eq!(delivery.correlation_id.as_deref(), Some("c-1"));
    assert_eq!(delivery.reply_to.as_deref(), Some("answers"));
    assert_eq!(delivery.traceparent.as_deref(), Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"));
    assert_eq!(&*delivery.body, b"body");
    assert!(delivery.usable() && delivery.ack().await);
    deliveries.stop().await;
    assert_eq!(rig.broker.depth(JOBS).await, 0);
}

#[tokio::test]
async fn a_delayed_message_comes_home_to_the_retries_with_its_attempt_and_only_what_may_travel() {
    let rig = Rig::start().await;
    let broker = connect(rig.amqp_url()).await;
    let mut headers = FieldTable::default();
    headers.insert("secret-of-the-producer".into(), text("x"));
    headers.insert("sealpost-origin".into(), text("rotation-ticks"));
    let properties = BasicProperties::default().with_expiration("60000".into()).with_headers(headers);
    rig.broker.publish_raw(JOBS, b"body", properties).await;
    let mut deliveries = broker.consume(JOBS);
    let mut delivery = next(&mut deliveries).await;
    // Three rounds: a second one would carry the first one's x-death, which 3.10 takes for a cycle.
    for attempt in 2..5 {
        let again = Outgoing { attempt: Some(attempt), ..delivery.outgoing() };
        broker.delay(JOBS, Duration::from_millis(10), &again).await.unwrap();
        assert!(delivery.ack().await);
        delivery = next(&mut deliveries).await;
        assert_eq!((delivery.attempt, delivery.queue), (attempt, JOBS));
    }
    deliveries.stop().await;
    let again = Outgoing { attempt: Some(5), ..delivery.outgoing() };
    broker.delay(JOBS, Duration::from_secs(7), &again).await.unwrap();
    let waiting = rig.broker.next("delay.5s", SOON).await;
    let headers = waiting.properties.headers().clone().unwrap();
    let names: Vec<_> = headers.inner().keys().map(ToString::to_string).collect();
    // The last one is the broker's mark on what it delivers.
    assert_eq!(names, ["sealpost-attempt", "sealpost-origin", "x-delivery-count"]);
    assert_eq!(waiting.header("sealpost-origin").as_deref(), Some(JOBS), "a producer does not choose it");
    assert_eq!(*waiting.properties.expiration(), None);
    assert_eq!(waiting.routing_key, "publish-jobs.retries");
}

#[tokio::test]
async fn an_attempt_on_the_retries_counts_whatever_integer_says_it() {
    let rig = Rig::start().await;
    let broker = connect(rig.amqp_url()).await;
    let mut deliveries = broker.consume(JOBS);
    for (value, attempt) in [
        (AMQPValue::ShortShortInt(5), 5),
        (AMQPValue::ShortShortUInt(5), 5),
        (AMQPValue::ShortInt(5), 5),
        (AMQPValue::ShortUInt(5), 5),
        (AMQPValue::LongInt(5), 5),
        (AMQPValue::LongUInt(5), 5),
        (AMQPValue::LongLongInt(5), 5),
        (AMQPValue::LongInt(-5), 1),
        (text("5"), 1),
    ] {
        let mut headers = FieldTable::default();
        headers.insert("sealpost-attempt".into(), value.clone());
        let properties = BasicProperties::default().with_headers(headers);
        rig.broker.publish_raw("publish-jobs.retries", b"", properties).await;
        let delivery = next(&mut deliveries).await;
        assert_eq!(delivery.attempt, attempt, "{value:?}");
        assert!(delivery.ack().await);
    }
}

#[tokio::test]
async fn a_message_whose_home_was_deleted_waits_and_comes_when_the_home_is_back() {
    let rig = Rig::start().await;
    let broker = connect(rig.amqp_url()).await;
    let channel = rig.broker.channel().await;
    channel.queue_delete("publish-jobs.retries".into(), QueueDeleteOptions::default()).await.unwrap();
    broker.delay(JOBS, Duration::ZERO, &message("x")).await.unwrap();
    // Nothing consumes here, so only a new connection declares it again.
    broker.close().await;
    let broker = connect(rig.amqp_url()).await;
    let mut deliveries = broker.consume(JOBS);
    let delivery = next(&mut deliveries).await;
    assert_eq!(&*delivery.body, b"x");
    assert!(delivery.ack().await);
}

#[tokio::test]
async fn what_was_received_is_answered_after_the_stop_and_what_was_not_is_given_back() {
    let rig = Rig::start().await;
    let broker = connect(rig.amqp_url()).await;
    for number in 0..20 {
        broker.publish(&Route::queue(JOBS), &message(&number.to_string())).await.unwrap();
    }
    let mut deliveries = broker.consume(JOBS);
    let held = [next(&mut deliveries).await, next(&mut deliveries).await];
    deliveries.stop().await;
    assert!(deliveries.recv().await.is_none());
    assert_eq!(rig.broker.depth(JOBS).await, 18);
    let [first, second] = held;
    assert!(first.usable() && first.ack().await);
    assert!(second.release().await);
    until("the second is back", SOON, async || rig.broker.depth(JOBS).await == 19).await;
    broker.close().await;
    assert_eq!(rig.broker.depth(JOBS).await, 19);
}

#[tokio::test]
async fn dropped_deliveries_end_their_consumers() {
    let rig = Rig::start().await;
    let broker = connect(rig.amqp_url()).await;
    broker.publish(&Route::queue(JOBS), &message("x")).await.unwrap();
    let mut deliveries = broker.consume(JOBS);
    drop(next(&mut deliveries).await);
    drop(deliveries);
    until("the message is back", SOON, async || rig.broker.depth(JOBS).await == 1).await;
    let mut deliveries = broker.consume(JOBS);
    assert!(next(&mut deliveries).await.redelivered);
}
