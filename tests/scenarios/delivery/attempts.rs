//! Attempts: what spends one, what does not, and where they end.

use lapin::types::AMQPValue;
use sealpost_tests::pipeline::{SOON, attempt, exchange_request, properties, publish_job};
use sealpost_tests::{Pipeline, Setup};
use serde_json::json;

const RETRIES: &str = "exchange-requests.retries";

#[tokio::test]
async fn a_job_that_met_no_store_waits_for_it_and_spends_no_attempt() {
    let mut pipeline = Pipeline::start().await;
    let worker = pipeline.worker().await;
    pipeline.connect("ada").await;
    pipeline.rig.redis.kill9().await;
    let correlation = pipeline.send("publish-job.v1", &publish_job("acme", "ada", "late")).await;
    worker.logged("code=\"store-unavailable\"").await;
    pipeline.rig.redis.restart().await.unwrap();
    assert_eq!(pipeline.answer(&correlation).await.json()["outcome"], "published");
    worker.logged("attempt=1 outcome=\"publish.published\"").await;
    assert!(worker.log().contains("attempt=1 outcome=\"deferred\""), "{}", worker.log());
    assert!(worker.metric("sealpost_jobs_total", &["publish-jobs", "deferred"]).await >= 1);
}

/// What is ours to mend is tried again, and spends attempts.
async fn with_a_wrong_secret() -> Pipeline {
    Pipeline::start_with(Setup { client_secret: "wrong".into(), ..Setup::default() }).await
}

#[tokio::test]
async fn a_retry_carries_its_attempt_and_origin_and_nothing_of_the_producers_own_headers() {
    let pipeline = with_a_wrong_secret().await;
    let worker = pipeline.worker().await;
    let request = exchange_request("acme", "ada", &pipeline.consent("ada").await);
    let mut headers = attempt(5);
    headers.insert("x-mine".into(), AMQPValue::LongString("a producer's".into()));
    let properties = properties("exchange-request.v1", request["id"].as_str().unwrap())
        .with_headers(headers)
        .with_correlation_id("a-retry".into());
    pipeline.rig.broker.publish_raw(RETRIES, request.to_string().as_bytes(), properties).await;

    let waiting = pipeline.rig.broker.next("delay.10m", SOON).await;
    assert_eq!(waiting.header("sealpost-attempt").as_deref(), Some("6"));
    assert_eq!(waiting.header("sealpost-origin").as_deref(), Some("exchange-requests"));
    assert!(waiting.header("sealpost-not-before").is_some());
    for header in ["x-mine", "x-death", "x-first-death-queue"] {
        assert_eq!(waiting.header(header), None, "{header}");
    }
    assert_eq!(waiting.routing_key, RETRIES);
    assert_eq!(waiting.json(), request);
    // what alerts are about
    assert_eq!(worker.metric("sealpost_attempts_failed_total", &["invalid-client"]).await, 1);
    let calls = ["provider=\"practice\"", "authorization_code", "invalid-client"];
    assert_eq!(worker.metric("sealpost_token_calls_total", &calls).await, 1);

    pipeline.write("client.secret", "sealpost-secret\n");
    // as if its time had come
    let headers = attempt(6);
    pipeline.rig.broker.publish_raw(RETRIES, &waiting.body, waiting.properties.with_headers(headers)).await;
    assert_eq!(pipeline.answer("a-retry").await.json()["outcome"], "stored");
    worker.logged("attempt=6 outcome=\"connection.stored\"").await;
}

#[tokio::test]
async fn a_job_whose_attempts_are_exhausted_is_put_aside_and_its_producer_is_told() {
    let pipeline = with_a_wrong_secret().await;
    let worker = pipeline.worker().await;
    let request = exchange_request("acme", "ada", &pipeline.consent("ada").await);
    let mut headers = attempt(12);
    headers.insert("x-mine".into(), AMQPValue::LongString("a producer's".into()));
    let properties = properties("exchange-request.v1", request["id"].as_str().unwrap())
        .with_headers(headers)
        .with_correlation_id("the-last".into());
    pipeline.rig.broker.publish_raw(RETRIES, request.to_string().as_bytes(), properties).await;

    let answer = pipeline.answer("the-last").await.json();
    assert_eq!((&answer["outcome"], &answer["request"]), (&"failed".into(), &request["id"]), "{answer}");
    assert_eq!(answer["failure"]["code"], "attempts-exhausted", "{answer}");
    let dead = pipeline.dead_letter().await;
    assert_eq!(dead.json(), request);
    assert_eq!(dead.header("sealpost-code").as_deref(), Some("attempts-exhausted"));
    assert_eq!(dead.header("sealpost-origin").as_deref(), Some("exchange-requests"));
    assert_eq!(dead.header("x-mine"), None);
    let reason = dead.header("sealpost-reason").unwrap();
    assert!(reason.contains("12 attempts") && reason.contains("invalid-client"), "{reason}");
    assert!(reason.contains("check client_id and client_secret"), "{reason}");
    assert_eq!(pipeline.event("job.dead-lettered").await.json()["code"], "attempts-exhausted");
    assert!(worker.lives());
}

#[tokio::test]
async fn a_provider_that_asks_to_wait_spends_no_attempt() {
    let pipeline = Pipeline::start().await;
    let worker = pipeline.worker().await;
    pipeline.connect("ada").await;
    let busy = json!({"path": "/api/posts", "kind": "status", "status": 429, "headers": {"retry-after": "1"}, "n": 2});
    pipeline.sandbox.fault(busy).await;
    let answer = pipeline.ask("publish-job.v1", &publish_job("acme", "ada", "patient")).await;
    assert_eq!(answer["outcome"], "published", "{answer}");
    worker.logged("attempt=1 outcome=\"publish.published\"").await;
    let log = worker.log();
    let held = log
        .lines()
        .filter(|line| line.contains("attempt=1 outcome=\"deferred\"") && line.contains("code=\"rate-limited\""));
    assert_eq!(held.count(), 2, "{log}");
    assert_eq!(worker.metric("sealpost_jobs_total", &["deferred"]).await, 2);
    assert_eq!(pipeline.sandbox.posts().await.len(), 1);
}

#[tokio::test]
async fn a_job_whose_deadline_passed_is_answered_and_nothing_is_done() {
    let pipeline = Pipeline::start().await;
    let worker = pipeline.worker().await;
    pipeline.connect("ada").await;
    let mut job = publish_job("acme", "ada", "too late");
    job["deadline"] = "2020-01-01T00:00:00Z".into();
    let answer = pipeline.ask("publish-job.v1", &job).await;
    assert_eq!((&answer["outcome"], &answer["failure"]["code"]), (&"failed".into(), &"deadline-passed".into()));
    assert_eq!(pipeline.event("publish.failed").await.json(), answer);

    // Met while it waits for its next attempt: it comes back at its deadline, not at the end of the wait.
    let busy = json!({"path": "/api/posts", "kind": "status", "status": 429, "headers": {"retry-after": "3600"}});
    pipeline.sandbox.fault(busy).await;
    let soon =
        jiff::Timestamp::from_second(std::time::UNIX_EPOCH.elapsed().unwrap().as_secs().cast_signed() + 2).unwrap();
    job = publish_job("acme", "ada", "too late as well");
    job["deadline"] = soon.to_string().into();
    let answer = pipeline.ask("publish-job.v1", &job).await;
    assert_eq!(answer["failure"]["code"], "deadline-passed", "{answer}");

    assert_eq!(pipeline.sandbox.stats().await["posts"], json!({}));
    assert_eq!(pipeline.rig.broker.depth("dead-letters").await, 0);
    worker.measured("sealpost_jobs_total", &["outcome=\"publish.failed\""], 2).await;
}
