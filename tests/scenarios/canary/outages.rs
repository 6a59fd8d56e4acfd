//! Workers that die in the middle, and servers that go away.

use sealpost_tests::pipeline::SOON;
use sealpost_tests::until;
use serde_json::json;

use super::world::World;

#[tokio::test]
async fn no_crash_or_outage_leaves_a_secret_in_a_file_a_log_or_an_answer_or_a_name_in_redis() {
    let mut world = World::start().await;
    let worker = world.worker().await;
    let person = world.connected().await;
    // tokens that the provider gave and nobody got
    world.expire(&person).await;
    for (type_name, message) in
        [("exchange-request.v1", world.consent(&world.person()).await), ("publish-job.v1", world.job(&person))]
    {
        world.pipeline.sandbox.fault(json!({"path": "/token", "kind": "hang", "when": "after"})).await;
        world.send(type_name, &message).await;
    }
    until("both hang", SOON, async || world.pipeline.sandbox.stats().await["faults_fired"] == 2).await;
    worker.kill9().await;
    world.look(&[]).await;

    let worker = world.worker().await;
    worker.measured("sealpost_jobs_total", &[], 2).await;
    world.look(&[&worker]).await;

    world.pipeline.rig.redis.kill9().await;
    let waits = world.consent(&world.person()).await;
    let correlation = world.send("exchange-request.v1", &waits).await;
    worker.logged("no connection to Redis").await;
    world.look(&[&worker]).await;
    world.pipeline.rig.redis.restart().await.unwrap();
    assert_eq!(world.answer(&correlation).await["outcome"], "stored");

    for queue in ["exchange-requests", "publish-jobs", "dead-letters"] {
        world.rabbitmq.settled(queue).await;
    }
    world.rabbitmq.kill9().await;
    worker.logged("no broker connection").await;
    world.rabbitmq.restart().await.unwrap();
    world.connect(&person).await;
    world.look(&[&worker]).await;
    world.ends(worker).await;
}
