//! `/livez` and `/readyz`.

use sealpost_tests::pipeline::SOON;
use sealpost_tests::{Pipeline, Proxy, Rig, Sandbox, Setup, Weather, Worker, until};

/// Waits until `/readyz` answers with this status, and returns what it says; `/livez` is always fine.
async fn readiness(worker: &Worker, status: u16) -> String {
    let text = until(&format!("/readyz answers {status}"), SOON, async || {
        let (found, text) = worker.page("/readyz").await;
        (found == status).then_some(text)
    })
    .await;
    assert_eq!(worker.page("/livez").await.0, 200);
    text
}

#[tokio::test]
async fn a_worker_says_what_keeps_it_from_working_and_is_ready_again_after() {
    let rig = Rig::start().await;
    let broker = Proxy::to_port(url::Url::parse(rig.amqp_url()).unwrap().port().unwrap()).await;
    let amqp_url = Some(broker.url(rig.amqp_url()));
    rig.redis.kill9().await;
    let mut pipeline = Pipeline::of(rig, Sandbox::start().await, Setup { amqp_url, ..Setup::default() }).await;
    let worker = pipeline.waiting_worker().await;
    // at first it has not looked at its keys yet
    until("it says what it waits for", SOON, async || {
        let reason = readiness(&worker, 503).await;
        reason.contains("Redis") || reason.contains("connecting to the broker")
    })
    .await;
    pipeline.rig.redis.restart().await.unwrap();
    assert_eq!(readiness(&worker, 200).await, "ready\n");

    pipeline.rig.redis.kill9().await;
    let reason = readiness(&worker, 503).await;
    assert!(reason.contains("Redis at 127.0.0.1"), "{reason}");
    pipeline.rig.redis.restart().await.unwrap();
    readiness(&worker, 200).await;

    broker.set(Weather::Reset);
    let reason = readiness(&worker, 503).await;
    assert!(reason.contains(&broker.port().to_string()) && !reason.contains("guest"), "{reason}");
    broker.set(Weather::Fair);
    readiness(&worker, 200).await;
    pipeline.connect("ada").await;
    assert_eq!(worker.page("/").await.0, 404);
}
