//! What a producer's permissions at the broker hold. The default exchange leads to every queue, and no permission limits
//! to which; so producers write to exchanges that lead to one queue each, and to nothing else.

use lapin::ExchangeKind;
use lapin::options::{
    BasicConsumeOptions, BasicGetOptions, ExchangeBindOptions, ExchangeDeclareOptions, QueueBindOptions,
    QueueDeclareOptions, QueueDeleteOptions, QueuePurgeOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use sealpost_shared::broker::{TIERS, entrance, retries};
use sealpost_tests::pipeline::{SOON, exchange_request, publish_job};
use sealpost_tests::{Pipeline, Rig, Sandbox, Setup, User};

/// What `SECURITY.md` tells an operator to give a producer. `NAME` is its user's name.
pub(super) const PERMISSIONS: [&str; 3] =
    [r"^NAME\.", r"^(sealpost\.(exchange-requests|publish-jobs)|NAME\..*)$", r"^NAME\."];

fn text(text: &str) -> AMQPValue {
    AMQPValue::LongString(text.into())
}

/// A pipeline with a producer who may act for `acme`, and has a queue for its answers.
async fn limited() -> (Pipeline, User) {
    let (rig, sandbox) = tokio::join!(Rig::start(), Sandbox::start());
    let producer = rig.broker.user("web", PERMISSIONS).await;
    let users = Some(format!("{} = ['acme']\n", producer.name()));
    let pipeline = Pipeline::of(rig, sandbox, Setup { users, ..Setup::default() }).await;
    (pipeline, producer)
}

#[tokio::test]
async fn a_producer_does_its_work_through_its_entrances() {
    let (pipeline, producer) = limited().await;
    let _worker = pipeline.worker().await;
    let answers = format!("{}.answers", producer.name());
    let options = QueueDeclareOptions::durable();
    producer.channel().await.queue_declare(answers.as_str().into(), options, FieldTable::default()).await.unwrap();
    let request = exchange_request("acme", "ada", &pipeline.consent("ada").await);
    for (type_name, queue, body, outcome) in [
        ("exchange-request.v1", "exchange-requests", request, "stored"),
        ("publish-job.v1", "publish-jobs", publish_job("acme", "ada", "hello"), "published"),
    ] {
        let properties = producer.signed(type_name, &body).with_reply_to(answers.as_str().into());
        producer.publish((&entrance(queue), "any key"), body.to_string().as_bytes(), properties).await.unwrap();
        let answer = pipeline.rig.broker.next(&answers, SOON).await.json();
        assert_eq!(answer["outcome"], outcome, "{answer}");
    }
}

#[tokio::test]
async fn a_producer_reaches_no_other_queue_whatever_it_publishes() {
    let (pipeline, producer) = limited().await;
    let worker = pipeline.worker().await;
    let broker = &pipeline.rig.broker;
    let refused = async |exchange: &str, key: &str| {
        let sent = producer.publish((exchange, key), b"x", lapin::BasicProperties::default()).await;
        assert!(sent.as_ref().is_err_and(|words| words.contains("ACCESS_REFUSED")), "{exchange} {key}: {sent:?}");
    };
    let mut queues = vec!["dead-letters".to_owned(), "answers".to_owned()];
    for queue in sealpost_schemas::queues::ALL {
        queues.extend([(*queue).to_owned(), retries(queue)]);
    }
    for queue in &queues {
        refused("", queue).await;
        for tier in TIERS {
            refused(tier.name, queue).await;
        }
    }
    for exchange in ["sealpost.events", "sealpost.rotation-ticks", "amq.direct", "amq.fanout", "amq.topic"] {
        refused(exchange, "publish-jobs.retries").await;
    }

    // a carbon copy goes where the exchange leads, and nowhere else
    worker.terminate();
    worker.ended().await;
    let mut headers = FieldTable::default();
    for name in ["CC", "BCC"] {
        let keys = vec![text("dead-letters"), text("publish-jobs.retries"), text("rotation-ticks")];
        headers.insert(name.into(), AMQPValue::FieldArray(keys.into()));
    }
    let properties = lapin::BasicProperties::default().with_headers(headers);
    producer.publish((&entrance("publish-jobs"), "dead-letters"), b"x", properties).await.unwrap();
    assert_eq!(broker.depth("publish-jobs").await, 1);
    for queue in queues.iter().filter(|queue| *queue != "publish-jobs") {
        assert_eq!(broker.depth(queue).await, 0, "{queue}");
    }
}

#[tokio::test]
async fn a_producer_neither_reads_nor_makes_another_way() {
    let (pipeline, producer) = limited().await;
    let _worker = pipeline.worker().await;
    let mine = format!("{}.mine", producer.name());
    let refused = |what: &str, done: lapin::Result<()>| {
        let words = done.expect_err(what).to_string();
        assert!(words.contains("ACCESS_REFUSED"), "{what}: {words}");
    };
    let channel = async || producer.channel().await;
    let none = FieldTable::default;
    let declared = channel().await.queue_declare(mine.as_str().into(), QueueDeclareOptions::durable(), none()).await;
    declared.unwrap();
    let exchange = ExchangeDeclareOptions { durable: true, ..Default::default() };
    let made = channel().await.exchange_declare(mine.as_str().into(), ExchangeKind::Fanout, exchange, none()).await;
    made.unwrap();

    for queue in ["publish-jobs", "publish-jobs.retries", "dead-letters", "delay.1s", "answers"] {
        let name = || queue.into();
        let got = channel().await.basic_get(name(), BasicGetOptions::default()).await;
        refused("looking", got.map(drop));
        let consuming = channel().await.basic_consume(name(), "".into(), BasicConsumeOptions::default(), none()).await;
        refused("consuming", consuming.map(drop));
        refused("purging", channel().await.queue_purge(name(), QueuePurgeOptions::default()).await.map(drop));
        refused("deleting", channel().await.queue_delete(name(), QueueDeleteOptions::default()).await.map(drop));
        let (options, other) = (QueueBindOptions::default(), mine.as_str().into());
        let bound = channel().await.queue_bind(name(), other, "".into(), options, none()).await;
        refused("binding it to an exchange of its own", bound);
    }
    let (options, events) = (QueueBindOptions::default(), "sealpost.events".into());
    let listening = channel().await.queue_bind(mine.as_str().into(), events, "#".into(), options, none()).await;
    refused("hearing the events", listening);
    for from in ["sealpost.publish-jobs", "sealpost.events"] {
        let (options, to) = (ExchangeBindOptions::default(), mine.as_str().into());
        let leading = channel().await.exchange_bind(to, from.into(), "#".into(), options, none()).await;
        refused("having a copy", leading);
    }
    // a dead letter of its own, under a key of its choice
    let mut arguments = none();
    arguments.insert("x-dead-letter-exchange".into(), text(""));
    arguments.insert("x-dead-letter-routing-key".into(), text("publish-jobs.retries"));
    let way = format!("{}.way", producer.name());
    let declared = channel().await.queue_declare(way.as_str().into(), QueueDeclareOptions::durable(), arguments).await;
    refused("dead-lettering through the default exchange", declared.map(drop));
    let mut arguments = none();
    arguments.insert("alternate-exchange".into(), text("sealpost.events"));
    let made = channel().await.exchange_declare(way.as_str().into(), ExchangeKind::Fanout, exchange, arguments).await;
    refused("an exchange with another behind it", made);
}
