//! Content in, a post out.

use sealpost_shared::broker::{Outgoing, Producer};
use sealpost_tests::Pipeline;
use sealpost_tests::pipeline::{SOON, publish_job};
use serde_json::Value;

#[tokio::test]
async fn a_job_becomes_exactly_one_post_of_the_right_user() {
    let pipeline = Pipeline::start().await;
    let _worker = pipeline.worker().await;
    pipeline.connect("ada").await;
    pipeline.connect("bob").await;
    let job = publish_job("acme", "ada", "Hello, wall");
    let answer = pipeline.ask("publish-job.v1", &job).await;
    assert_eq!((&answer["outcome"], &answer["job"]), (&"published".into(), &job["id"]), "{answer}");

    let posts = pipeline.sandbox.posts().await;
    assert_eq!(posts.len(), 1, "{posts:?}");
    assert_eq!((&posts[0]["author"], &posts[0]["text"]), (&"ada".into(), &"Hello, wall".into()));
    assert_eq!(answer["remote"], serde_json::json!({"id": posts[0]["id"], "url": posts[0]["url"]}));
    assert_eq!(pipeline.event("publish.published").await.json(), answer);
    assert!(pipeline.rig.broker.drain("dead-letters").await.is_empty());
}

#[tokio::test]
async fn a_producer_that_waits_is_answered_over_direct_reply_to() {
    let pipeline = Pipeline::start().await;
    let _worker = pipeline.worker().await;
    pipeline.connect("ada").await;
    let producer = Producer::connect(&[pipeline.rig.amqp_url().into()], false).await.unwrap();
    let job = publish_job("acme", "ada", "directly");
    let message = Outgoing {
        type_name: Some("publish-job.v1".into()),
        id: job["id"].as_str().map(str::to_owned),
        content_type: Some("application/json".into()),
        body: job.to_string().into_bytes().into(),
        ..Outgoing::default()
    };
    let heard = producer.ask("publish-jobs", &message, SOON).await.unwrap();
    let answer: Value = serde_json::from_slice(&heard.body).unwrap();
    assert_eq!((&answer["outcome"], &answer["job"]), (&"published".into(), &job["id"]), "{answer}");
}
