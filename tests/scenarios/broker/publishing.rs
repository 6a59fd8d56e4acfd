//! What counts as sent.

use std::time::Duration;

use lapin::options::{ExchangeDeleteOptions, QueueBindOptions, QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::{AMQPValue, FieldTable};
use sealpost_shared::broker::{EVENTS, Outgoing, PublishError, Route};
use sealpost_tests::Rig;
use serde_json::json;

use super::{JOBS, connect, message, next, start};

#[tokio::test(flavor = "multi_thread")]
async fn among_hundreds_of_publishes_at_once_every_verdict_is_right() {
    let rig = Rig::start().await;
    let broker = connect(rig.amqp_url()).await;
    let publishes = (0..900).map(|number| {
        let broker = broker.clone();
        tokio::spawn(async move {
            let lost = number % 3 == 0;
            // The confirmations of a quorum queue take their time and come in batches, so that returns overtake them.
            let to = if lost { "nowhere" } else { JOBS };
            match (lost, broker.publish(&Route::queue(to), &message(&number.to_string())).await) {
                (true, Err(PublishError::Unroutable { to })) => assert_eq!(to, "queue \"nowhere\""),
                (false, Ok(())) => {}
                (_, verdict) => panic!("message {number} to {to}: {verdict:?}"),
            }
        })
    });
    for publish in publishes.collect::<Vec<_>>() {
        publish.await.unwrap();
    }
    assert_eq!(rig.broker.depth(JOBS).await, 600);
    assert!(broker.is_ready(), "somebody's queue that is gone is no reason to connect anew");
}

#[tokio::test]
async fn a_full_queue_refuses_and_what_was_confirmed_is_there() {
    let rig = Rig::start().await;
    let broker = connect(rig.amqp_url()).await;
    rig.broker.set_policy("short", "^publish-jobs$", json!({"max-length": 5})).await;
    let mut confirmed = 0;
    let refused = loop {
        match broker.publish(&Route::queue(JOBS), &message(&confirmed.to_string())).await {
            Ok(()) => confirmed += 1,
            Err(error) => break error,
        }
        assert!(confirmed < 1000, "a full queue refuses");
    };
    assert!(matches!(refused, PublishError::Refused { .. }), "{refused}");
    rig.broker.delete_policy("short").await;
    let kept = rig.broker.drain(JOBS).await;
    assert_eq!(kept.len(), confirmed);
    assert!(kept.iter().all(|message| *message.properties.delivery_mode() == Some(2)), "persistent");
}

#[tokio::test(flavor = "multi_thread")]
async fn among_events_told_at_once_a_full_listeners_are_refused_and_no_others() {
    let rig = Rig::start().await;
    let broker = connect(rig.amqp_url()).await;
    let channel = rig.broker.channel().await;
    for (queue, limit) in [("full", 1), ("roomy", 1000)] {
        let mut table = FieldTable::default();
        table.insert("x-max-length".into(), AMQPValue::LongInt(limit));
        table.insert("x-overflow".into(), AMQPValue::LongString("reject-publish".into()));
        channel.queue_declare(queue.into(), QueueDeclareOptions::durable(), table).await.unwrap();
        let (options, none) = (QueueBindOptions::default(), FieldTable::default());
        channel.queue_bind(queue.into(), EVENTS.into(), queue.into(), options, none).await.unwrap();
    }
    broker.event("full", &message("the only one")).await.unwrap();
    let events = (0..300).map(|number| {
        let broker = broker.clone();
        tokio::spawn(async move {
            let topic = if number % 3 == 0 { "full" } else { "roomy" };
            match (topic, broker.event(topic, &message(&number.to_string())).await) {
                ("full", Err(PublishError::Refused { .. })) | ("roomy", Ok(())) => {}
                (_, verdict) => panic!("event {number} for {topic}: {verdict:?}"),
            }
        })
    });
    for event in events.collect::<Vec<_>>() {
        event.await.unwrap();
    }
    assert_eq!((rig.broker.depth("full").await, rig.broker.depth("roomy").await), (1, 200));
}

#[tokio::test]
async fn a_message_that_is_not_sent_says_why_within_the_time_limit() {
    let broker = start("amqp://guest:hunter2@127.0.0.1:1/%2f", Duration::from_millis(300));
    let error = broker.publish(&Route::queue(JOBS), &message("x")).await.unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, PublishError::NotSent { .. }) && text.contains("127.0.0.1:1/"), "{text}");
    assert!(text.contains("refused") && !text.contains("hunter2"), "{text}");
    assert!(broker.ready().unwrap_err().contains("127.0.0.1:1/"));
}

#[tokio::test]
async fn a_large_body_arrives_whole() {
    let rig = Rig::start().await;
    let broker = connect(rig.amqp_url()).await;
    let body = "b".repeat(1 << 20);
    let large = Outgoing { body: body.clone().into_bytes().into(), ..message("large") };
    broker.publish(&Route::queue(JOBS), &large).await.unwrap();
    let mut deliveries = broker.consume(JOBS);
    let delivery = next(&mut deliveries).await;
    assert!(*delivery.body == *body.as_bytes());
    assert!(delivery.ack().await);
}

#[tokio::test]
async fn a_queue_of_ours_that_was_deleted_is_declared_again() {
    let rig = Rig::start().await;
    let broker = connect(rig.amqp_url()).await;
    let channel = rig.broker.channel().await;
    channel.queue_delete("rotation-ticks".into(), QueueDeleteOptions::default()).await.unwrap();
    let lost = broker.publish(&Route::queue("rotation-ticks"), &message("x")).await.unwrap_err();
    assert!(matches!(lost, PublishError::Unroutable { .. }), "{lost}");
    broker.publish(&Route::queue("rotation-ticks"), &message("x")).await.unwrap();
    channel.exchange_delete("delay.1s".into(), ExchangeDeleteOptions::default()).await.unwrap();
    let lost = broker.delay(JOBS, Duration::ZERO, &message("x")).await.unwrap_err();
    assert!(matches!(lost, PublishError::Lost { .. }), "{lost}");
    broker.delay(JOBS, Duration::ZERO, &message("x")).await.unwrap();
}
