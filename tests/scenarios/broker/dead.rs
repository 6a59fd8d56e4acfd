//! What was put aside, by us or by the broker.

use jiff::Timestamp;
use lapin::BasicProperties;
use lapin::options::{BasicGetOptions, BasicNackOptions};
use lapin::types::{AMQPValue, FieldTable};
use sealpost_schemas::Code;
use sealpost_shared::broker::{Outgoing, PublishError, Route};
use sealpost_tests::{Rig, until};
use serde_json::json;

use super::{JOBS, SOON, connect, message};

#[tokio::test]
async fn a_dead_letter_says_code_reason_origin_and_time() {
    let rig = Rig::start().await;
    let broker = connect(rig.amqp_url()).await;
    let at: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
    let put = Outgoing { attempt: Some(12), origin: Some(JOBS.into()), reply_to: Some("r".into()), ..message("m-1") };
    broker.dead_letter(&put, Code::MalformedMessage, "content.text:\n\u{1b}[31mmissing", at).await.unwrap();
    for _ in 0..25 {
        let dead = broker.dead_letters(10).await.unwrap();
        assert_eq!(dead.len(), 1, "looking at it does not use it up");
    }
    let [dead] = broker.dead_letters(10).await.unwrap().try_into().unwrap();
    assert_eq!((dead.code.as_str(), dead.origin, dead.at), ("malformed-message", Some(JOBS), Some(at)));
    assert_eq!(dead.reason, "content.text:  [31mmissing");
    assert_eq!(dead.message.id.as_deref(), Some("m-1"));
    let raw = rig.broker.take("dead-letters").await.unwrap();
    assert_eq!(raw.header("sealpost-code").as_deref(), Some("malformed-message"));
    assert_eq!(raw.header("sealpost-at").as_deref(), Some("2026-11-22T12:00:00Z"));
    assert_eq!(raw.header("sealpost-origin").as_deref(), Some(JOBS));
    assert_eq!(raw.header("sealpost-attempt").as_deref(), Some("12"));
    assert_eq!(raw.properties.reply_to().as_ref().unwrap().as_str(), "r");
}

#[tokio::test]
async fn what_the_broker_gave_up_delivering_shows_as_delivery_limit_with_its_queue() {
    for queue in [JOBS, "publish-jobs.retries"] {
        let rig = Rig::start().await;
        let broker = connect(rig.amqp_url()).await;
        if queue == JOBS {
            // A producer that says what only we and the broker may say.
            let text = |text: &str| AMQPValue::LongString(text.into());
            let mut death = FieldTable::default();
            death.insert("reason".into(), text("delivery_limit"));
            death.insert("queue".into(), text("rotation-ticks"));
            let mut headers = FieldTable::default();
            headers.insert("sealpost-origin".into(), text("rotation-ticks"));
            headers.insert("sealpost-code".into(), text("malformed-message"));
            headers.insert("x-death".into(), AMQPValue::FieldArray(vec![AMQPValue::FieldTable(death)].into()));
            rig.broker.publish_raw(JOBS, b"m", BasicProperties::default().with_headers(headers)).await;
        } else {
            // The first death of this one is its rest in a tier.
            broker.delay(JOBS, std::time::Duration::ZERO, &message("m")).await.unwrap();
        }
        let channel = rig.broker.channel().await;
        until("the broker gives up", SOON, async || {
            if let Some(got) = channel.basic_get(queue.into(), BasicGetOptions::default()).await.unwrap() {
                got.delivery.acker.nack(BasicNackOptions { requeue: true, ..Default::default() }).await.unwrap();
            }
            rig.broker.depth("dead-letters").await == 1
        })
        .await;
        let [dead] = broker.dead_letters(10).await.unwrap().try_into().unwrap();
        assert_eq!((dead.code.as_str(), dead.origin), ("delivery-limit", Some(JOBS)), "{queue}");
        assert!(dead.at.is_some());
        assert_eq!(broker.replay(10, |_| true).await.unwrap(), 1);
        let back = rig.broker.next(JOBS, SOON).await;
        assert_eq!(back.body, b"m");
        let headers = back.properties.headers().clone().unwrap_or_default();
        // The broker's own mark on what it delivers.
        assert!(headers.inner().keys().all(|name| name.as_str() == "x-delivery-count"), "{headers:?}");
    }
}

#[tokio::test]
async fn a_replay_sends_the_chosen_ones_as_first_attempts_and_leaves_the_others() {
    let rig = Rig::start().await;
    let broker = connect(rig.amqp_url()).await;
    let now = Timestamp::UNIX_EPOCH;
    for id in ["a", "b", "c"] {
        let put = Outgoing { attempt: Some(12), origin: Some(JOBS.into()), ..message(id) };
        broker.dead_letter(&put, Code::AttemptsExhausted, "r", now).await.unwrap();
    }
    broker.dead_letter(&message("of unknown origin"), Code::AttemptsExhausted, "r", now).await.unwrap();
    let chosen = |dead: &sealpost_shared::broker::DeadLetter| dead.message.id.as_deref() != Some("b");
    assert_eq!(broker.replay(10, chosen).await.unwrap(), 2);
    let left: Vec<_> =
        broker.dead_letters(10).await.unwrap().into_iter().map(|dead| dead.message.id.unwrap()).collect();
    assert_eq!(left, ["b", "of unknown origin"]);
    let back = rig.broker.drain(JOBS).await;
    assert_eq!(back.iter().map(|message| message.body.as_slice()).collect::<Vec<_>>(), [b"a", b"c"]);
    assert!(back.iter().all(|message| message.header("sealpost-attempt").is_none()));
}

#[tokio::test]
async fn what_comes_while_one_looks_is_not_met() {
    let rig = Rig::start().await;
    let broker = connect(rig.amqp_url()).await;
    let put_aside = async |id: &str| {
        let put = Outgoing { origin: Some(JOBS.into()), ..message(id) };
        broker.dead_letter(&put, Code::AttemptsExhausted, "r", Timestamp::UNIX_EPOCH).await.unwrap();
    };
    put_aside("a").await;
    put_aside("b").await;
    let mut walk = broker.walk_dead_letters(usize::MAX).await.unwrap();
    for expected in ["a", "b"] {
        let letter = walk.next().await.unwrap().unwrap();
        assert_eq!((letter.name().as_str(), walk.total()), (expected, 2));
        // as what is replayed and fails again
        put_aside("a").await;
    }
    assert!(walk.next().await.unwrap().is_none());
    walk.close().await.unwrap();
    assert_eq!(rig.broker.depth("dead-letters").await, 4);
}

#[tokio::test]
async fn a_replay_that_the_work_queue_refuses_loses_nothing() {
    let rig = Rig::start().await;
    let broker = connect(rig.amqp_url()).await;
    let put = Outgoing { origin: Some(JOBS.into()), ..message("m") };
    broker.dead_letter(&put, Code::AttemptsExhausted, "r", Timestamp::UNIX_EPOCH).await.unwrap();
    rig.broker.set_policy("short", "^publish-jobs$", json!({"max-length": 1})).await;
    until("the queue is full", SOON, async || {
        matches!(broker.publish(&Route::queue(JOBS), &message("x")).await, Err(PublishError::Refused { .. }))
    })
    .await;
    let error = broker.replay(10, |_| true).await.unwrap_err();
    assert!(error.to_string().starts_with("after 0 messages"), "{error}");
    assert_eq!(rig.broker.depth("dead-letters").await, 1);
}
