//! What is sent again is its first sender's still: a retry, a dead letter that is replayed.

use lapin::types::AMQPValue;
use sealpost_shared::broker::{Broker, BrokerConfig};
use sealpost_tests::User;
use sealpost_tests::pipeline::{SOON, attempt, publish_job};
use serde_json::{Value, json};

use super::{World, put_aside, refused};

/// Our side of the broker, as an operator's command has it.
async fn ours(world: &World) -> Broker {
    let users = [&world.alice, &world.bob].map(|user| format!("{} = ['acme']", user.name())).join("\n");
    let urls = vec![world.pipeline.rig.amqp_url().into()];
    let config = BrokerConfig { urls, users: Some(toml::from_str(&users).unwrap()), ..BrokerConfig::default() };
    let broker = Broker::start(&config).unwrap();
    tokio::time::timeout(SOON, broker.connected()).await.unwrap().unwrap();
    broker
}

/// Publishes straight to a queue, with the header in which we say who sent a message first.
async fn forge(world: &World, user: &User, queue: &str, job: &Value, first: &str) {
    let mut headers = attempt(2);
    headers.insert("sealpost-user".into(), AMQPValue::LongString(first.into()));
    headers.insert("sealpost-origin".into(), AMQPValue::LongString("publish-jobs".into()));
    let properties = user.signed("publish-job.v1", job).with_headers(headers);
    user.publish(("", queue), job.to_string().as_bytes(), properties).await.unwrap();
    assert!(world.pipeline.rig.broker.ready(queue).await.is_some());
}

#[tokio::test]
async fn a_retry_stays_its_senders_and_is_done() {
    let world = World::start().await;
    let (pipeline, worker) = (&world.pipeline, world.pipeline.worker().await);
    world.connect("ada").await;
    pipeline.sandbox.fault(json!({"path": "/api/posts", "when": "before", "kind": "status", "status": 429, "headers": {"retry-after": "1"}})).await;
    let answer = world.ask(&world.alice, "publish-job.v1", &publish_job("acme", "ada", "later")).await;
    assert_eq!(answer["outcome"], "published", "{answer}");
    let retried = worker.metric("sealpost_jobs_total", &["publish-jobs", "retried"]).await;
    let deferred = worker.metric("sealpost_jobs_total", &["publish-jobs", "deferred"]).await;
    assert!(retried + deferred >= 1);
    assert_eq!(pipeline.rig.broker.depth("dead-letters").await, 0);
}

#[tokio::test]
async fn a_header_on_the_retries_makes_nobody_somebody_else() {
    let world = World::start().await;
    let (pipeline, _worker) = (&world.pipeline, world.pipeline.worker().await);
    world.connect("ada").await;
    for first in [world.alice.name(), "guest", world.root.name()] {
        let job = publish_job("acme", "ada", "not by Bob");
        forge(&world, &world.bob, "publish-jobs.retries", &job, first).await;
        refused(&pipeline.answer(job["id"].as_str().unwrap()).await.json());
        put_aside(&pipeline.dead_letter().await, "publish-jobs", Some(&world.bob));
    }
    assert!(pipeline.sandbox.posts().await.is_empty());
}

#[tokio::test]
async fn a_replay_lends_nobody_the_operators_right() {
    let world = World::start().await;
    let (pipeline, _worker) = (&world.pipeline, world.pipeline.worker().await);
    world.connect("ada").await;
    let operator = ours(&world).await;
    let broker = &pipeline.rig.broker;

    // put aside by us, and written there by Bob himself
    let job = publish_job("acme", "ada", "not by Bob");
    refused(&world.ask(&world.bob, "publish-job.v1", &job).await);
    let forged = publish_job("acme", "ada", "nor this");
    forge(&world, &world.bob, "dead-letters", &forged, world.alice.name()).await;
    // and by somebody who does not say who he is
    refused(&pipeline.ask("publish-job.v1", &job).await);
    for user in [Some(&world.bob), Some(&world.bob), None] {
        assert_eq!(operator.replay(1, |_| true).await.unwrap(), 1);
        // what was behind it comes first now
        let dead = sealpost_tests::until("it is back", SOON, async || {
            let all = operator.dead_letters(10).await.ok()?;
            (all.len() == 3).then(|| all.into_iter().next_back())?
        })
        .await;
        assert_eq!(dead.code, "not-allowed");
        assert_eq!(dead.message.sender == sealpost_shared::broker::Sender::Nobody, user.is_none());
    }
    assert!(pipeline.sandbox.posts().await.is_empty());

    // what was Alice's is hers again
    let unknown = {
        let mut job = publish_job("acme", "ada", "mended");
        job["content"]["type"] = "film".into();
        job
    };
    let properties = world.alice.signed("publish-job.v1", &unknown);
    broker.purge("dead-letters").await;
    world.alice.publish(("", "publish-jobs"), unknown.to_string().as_bytes(), properties).await.unwrap();
    let letter =
        sealpost_tests::until("a dead letter", SOON, async || operator.dead_letters(1).await.ok()?.into_iter().next())
            .await;
    assert_eq!(letter.code, "malformed-message");
    assert_eq!(letter.message.sender, sealpost_shared::broker::Sender::User(world.alice.name().into()));
    operator.close().await;
}
