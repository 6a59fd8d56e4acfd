//! Brokers and networks that fail, and come back.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lapin::options::{QueueBindOptions, QueueDeleteOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Confirmation};
use sealpost::dev::servers::rabbitmq::RabbitMqOptions;
use sealpost_shared::broker::{Broker, BrokerConfig, BrokerError, EVENTS, PublishError, Route};
use sealpost_tests::{Own, Proxy, Rig, Weather, freeze, until};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{JOBS, SOON, connect, connected, message, next, start};

/// One message goes all the way through.
async fn works(broker: &Broker) {
    connected(broker).await;
    let mut deliveries = broker.consume("exchange-requests");
    until("a message is published", SOON, async || {
        broker.publish(&Route::queue("exchange-requests"), &message("ping")).await.is_ok()
    })
    .await;
    assert!(next(&mut deliveries).await.ack().await);
    deliveries.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_killed_with_9_comes_back_and_nothing_confirmed_is_lost() {
    let mut rabbitmq = Own::rabbitmq(RabbitMqOptions::default()).await;
    let broker = start(&rabbitmq.url(), Duration::from_secs(5));
    connected(&broker).await;
    let seen = Arc::new(Mutex::new(HashSet::new()));
    let mut deliveries = broker.consume(JOBS);
    let publish = |text: String| {
        let broker = broker.clone();
        async move { broker.publish(&Route::queue(JOBS), &message(&text)).await.is_ok() }
    };
    assert!(publish("held".into()).await);
    let held = next(&mut deliveries).await;
    // RabbitMQ 3.10 loses quorum queues that are younger than about a second.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let consuming = {
        let seen = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Some(delivery) = deliveries.recv().await {
                let text = String::from_utf8(delivery.body.to_vec()).unwrap();
                if delivery.ack().await {
                    seen.lock().unwrap().insert(text);
                }
            }
        })
    };
    let mut confirmed = vec!["held".to_owned()];
    for number in 0..100 {
        assert!(publish(number.to_string()).await);
        confirmed.push(number.to_string());
    }
    let in_flight: Vec<_> = (100..200).map(|number| tokio::spawn(publish(number.to_string()))).collect();
    rabbitmq.kill9().await;
    for (number, sent) in (100..).zip(in_flight) {
        if sent.await.unwrap() {
            confirmed.push(i32::to_string(&number));
        }
    }
    until("the loss is noticed", SOON, async || !broker.is_ready()).await;
    assert!(!held.usable() && !held.ack().await, "an answer that was not sent says so");
    rabbitmq.restart().await.unwrap();
    connected(&broker).await;
    assert!(publish("after".into()).await);
    confirmed.push("after".into());
    until("every confirmed message is delivered", SOON, async || {
        let seen = seen.lock().unwrap();
        confirmed.iter().all(|text| seen.contains(text))
    })
    .await;
    broker.close().await;
    consuming.await.unwrap();
}

#[tokio::test]
async fn connections_that_an_operator_closes_are_made_anew() {
    let rig = Rig::start().await;
    let broker = connect(rig.amqp_url()).await;
    let mut deliveries = broker.consume(JOBS);
    rig.broker.publish_raw(JOBS, b"held", BasicProperties::default()).await;
    let held = next(&mut deliveries).await;
    until("all of them are listed and closed", SOON, async || rig.broker.close_all_connections().await >= 3).await;
    until("the held message cannot be answered", SOON, async || !held.usable()).await;
    let again = next(&mut deliveries).await;
    assert_eq!((&*again.body, again.redelivered, again.attempt), (&b"held"[..], true, 1));
    assert!(again.ack().await);
    works(&broker).await;
}

#[tokio::test]
async fn a_consumer_that_the_broker_ends_comes_back_with_its_queue() {
    let rig = Rig::start().await;
    let broker = connect(rig.amqp_url()).await;
    let mut deliveries = broker.consume(JOBS);
    for queue in [JOBS, "publish-jobs.retries"] {
        rig.broker.channel().await.queue_delete(queue.into(), QueueDeleteOptions::default()).await.unwrap();
        // A new quorum queue refuses for a moment, until it has a leader.
        until("the queue is there again", SOON, async || {
            rig.broker.try_publish_raw(queue, b"x", BasicProperties::default()).await == Confirmation::Ack(None)
        })
        .await;
        assert!(next(&mut deliveries).await.ack().await);
    }
}

#[tokio::test]
async fn a_network_that_swallows_everything_is_noticed_and_left_when_it_works_again() {
    let rig = Rig::start().await;
    let proxy = Proxy::to_port(url::Url::parse(rig.amqp_url()).unwrap().port().unwrap()).await;
    let broker = start(&proxy.url(rig.amqp_url()), Duration::from_millis(500));
    works(&broker).await;
    proxy.set(Weather::BlackHole);
    let error = broker.publish(&Route::queue(JOBS), &message("x")).await.unwrap_err();
    assert!(matches!(error, PublishError::Unconfirmed { .. }), "{error}");
    until("the silence is noticed", SOON, async || !broker.is_ready()).await;
    proxy.set(Weather::Fair);
    works(&broker).await;
    for weather in [Weather::Reset, Weather::CutAfter(1000)] {
        proxy.set(weather);
        until("the break is noticed", SOON, async || {
            let _ = broker.publish(&Route::queue(JOBS), &message("x")).await;
            !broker.is_ready()
        })
        .await;
        proxy.set(Weather::Fair);
        works(&broker).await;
    }
}

#[tokio::test]
async fn a_stopped_broker_is_noticed_and_used_again_when_it_continues() {
    let rabbitmq = Own::rabbitmq(RabbitMqOptions::default()).await;
    let broker = start(&rabbitmq.url(), Duration::from_secs(2));
    works(&broker).await;
    let mut deliveries = broker.consume(JOBS);
    broker.publish(&Route::queue(JOBS), &message("held")).await.unwrap();
    let held = next(&mut deliveries).await;
    freeze(rabbitmq.process()).await;
    let error = broker.publish(&Route::queue(JOBS), &message("x")).await.unwrap_err();
    assert!(matches!(error, PublishError::Unconfirmed { .. }), "{error}");
    until("the silence is noticed", SOON, async || !broker.is_ready()).await;
    until("the held message cannot be answered", SOON, async || !held.usable()).await;
    rabbitmq.process().sigcont();
    // The unconfirmed one was in the broker's socket: it may be there all the same, and before the other.
    loop {
        let again = next(&mut deliveries).await;
        let (held, redelivered) = (&*again.body == b"held", again.redelivered);
        assert!(again.ack().await);
        if held {
            assert!(redelivered);
            break;
        }
    }
    works(&broker).await;
}

#[tokio::test]
async fn while_the_broker_blocks_publishers_answers_go_on_and_publishing_waits() {
    let rabbitmq = Own::rabbitmq(RabbitMqOptions::default()).await;
    let broker = start(&rabbitmq.url(), Duration::from_secs(3));
    works(&broker).await;
    let mut deliveries = broker.consume(JOBS);
    for number in 0..3 {
        broker.publish(&Route::queue(JOBS), &message(&number.to_string())).await.unwrap();
    }
    let held = [next(&mut deliveries).await, next(&mut deliveries).await, next(&mut deliveries).await];
    rabbitmq.ctl(&["set_vm_memory_high_watermark", "absolute", "1"]).await.unwrap();
    let blocked = until("the broker blocks", SOON, async || {
        broker.publish(&Route::queue("rotation-ticks"), &message("x")).await.err()
    })
    .await;
    assert!(blocked.to_string().contains("short of memory"), "{blocked}");
    let blocked = broker.publish(&Route::queue("rotation-ticks"), &message("y")).await.unwrap_err();
    assert!(matches!(&blocked, PublishError::NotSent { .. }), "{blocked}");
    for delivery in held {
        let answered = tokio::time::timeout(SOON, delivery.ack()).await;
        assert!(answered.expect("an answer needs no publisher"));
    }
    until("the answers arrived", SOON, async || {
        let listed = rabbitmq.ctl(&["--silent", "list_queues", "name", "messages"]).await.unwrap();
        listed.lines().any(|line| line == "publish-jobs\t0")
    })
    .await;
    let waiting = tokio::spawn({
        let broker = start(&rabbitmq.url(), SOON);
        async move {
            connected(&broker).await;
            broker.publish(&Route::queue(JOBS), &message("waits")).await
        }
    });
    rabbitmq.ctl(&["set_vm_memory_high_watermark", "absolute", "1GB"]).await.unwrap();
    waiting.await.unwrap().unwrap();
    until("publishing goes on", SOON, async || {
        broker.publish(&Route::queue("rotation-ticks"), &message("z")).await.is_ok()
    })
    .await;
    assert_eq!(&*next(&mut deliveries).await.body, b"waits");
    assert!(broker.is_ready());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_whose_queue_answers_nothing_keeps_no_message_from_going_out() {
    let rabbitmq = Own::rabbitmq(RabbitMqOptions::default()).await;
    let broker = start(&rabbitmq.url(), Duration::from_secs(1));
    works(&broker).await;
    let listener = sealpost_tests::Broker::of(&rabbitmq);
    let mut quorum = FieldTable::default();
    quorum.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    listener.declare("stuck", quorum).await;
    let (options, none) = (QueueBindOptions::default(), FieldTable::default());
    listener.channel().await.queue_bind("stuck".into(), EVENTS.into(), "#".into(), options, none).await.unwrap();
    let leader = "rabbit_misc:r(<<\"/\">>, queue, <<\"stuck\">>)";
    let suspend =
        format!("{{ok, Q}} = rabbit_amqqueue:lookup({leader}), sys:suspend(element(1, amqqueue:get_pid(Q))).");
    rabbitmq.ctl(&["eval", &suspend]).await.unwrap();
    // more than the broker takes of one channel that waits
    for _ in 0..4 {
        let events = (0..50).map(|number: i32| {
            let broker = broker.clone();
            tokio::spawn(async move { broker.event("x", &message(&number.to_string())).await })
        });
        for event in events.collect::<Vec<_>>() {
            event.await.unwrap().unwrap_err();
        }
    }
    until("a message goes out", SOON, async || broker.publish(&Route::queue(JOBS), &message("x")).await.is_ok()).await;
}

#[tokio::test]
async fn the_next_url_is_tried_when_one_does_not_answer() {
    let rig = Rig::start().await;
    let urls = vec!["amqp://guest:guest@127.0.0.1:1/%2f".into(), rig.amqp_url().into()];
    let broker = Broker::start(&BrokerConfig { urls, ..BrokerConfig::default() }).unwrap();
    works(&broker).await;
}

#[tokio::test]
async fn a_broker_older_than_3_10_is_refused_in_so_many_words() {
    let rig = Rig::start().await;
    // What a broker says first, with another version of the same length.
    let port = url::Url::parse(rig.amqp_url()).unwrap().port().unwrap();
    let mut socket = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    socket.write_all(b"AMQP\0\0\x09\x01").await.unwrap();
    let mut before = [0; 7];
    socket.read_exact(&mut before).await.unwrap();
    let length = u32::from_be_bytes(before[3..].try_into().unwrap()) as usize;
    let mut rest = vec![0; length + 1];
    socket.read_exact(&mut rest).await.unwrap();
    let at = rest.windows(9).position(|window| window == b"\x07versionS").unwrap() + 9 + 4;
    let said_length = u32::from_be_bytes(rest[at - 4..at].try_into().unwrap()) as usize;
    let old = format!("{:9<said_length$}", "3.9.");
    rest[at..at + said_length].copy_from_slice(old.as_bytes());

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("amqp://guest:guest@127.0.0.1:{}/%2f", listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let _ = socket.write_all(&[&before[..], &rest].concat()).await;
            let mut client = [0; 1024];
            while socket.read(&mut client).await.is_ok_and(|read| read > 0 && client[0] == b'A') {}
        }
    });
    let broker = start(&url, SOON);
    let error = tokio::time::timeout(SOON, broker.connected()).await.unwrap().unwrap_err();
    assert!(matches!(&error, BrokerError::TooOld { version, .. } if *version == old), "{error}");
    assert!(error.to_string().contains("3.10 or newer"), "{error}");
    assert!(broker.ready().unwrap_err().contains(&old));
}
