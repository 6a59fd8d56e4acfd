//! A provider that hangs, lies, refuses or goes away.

use sealpost_tests::pipeline::{SOON, exchange_request, publish_job};
use sealpost_tests::{Pipeline, Setup};
use serde_json::{Value, json};

use super::{failed, goes_on};

/// Short, since a hang lasts as long as it.
fn impatient() -> Setup {
    Setup { http_limit: 2, ..Setup::default() }
}

fn fault(path: &str, fault: &Value) -> Value {
    let mut whole = json!({"path": path});
    whole.as_object_mut().unwrap().extend(fault.as_object().unwrap().clone());
    whole
}

#[tokio::test]
async fn a_job_whose_outcome_nothing_proves_is_answered_as_unknown_and_not_tried_again() {
    let pipeline = Pipeline::start_with(impatient()).await;
    let _worker = pipeline.worker().await;
    pipeline.connect("ada").await;
    let elsewhere = format!("{}/api/me", pipeline.sandbox.issuer());
    for spoilt in [
        json!({"kind": "hang"}),
        json!({"kind": "drop", "when": "after"}),
        json!({"kind": "tear", "when": "after"}),
        json!({"kind": "status", "status": 500}),
        json!({"kind": "status", "status": 503}),
        json!({"kind": "status", "status": 409}),
        json!({"kind": "status", "status": 307, "headers": {"location": elsewhere}}),
        json!({"kind": "status", "status": 200, "body": "<html>welcome</html>"}),
        json!({"kind": "status", "status": 201, "body": json!({"id": "1", "x": "x".repeat(400_000)}).to_string()}),
    ] {
        pipeline.sandbox.fault(fault("/api/posts", &spoilt)).await;
        let asked = pipeline.sandbox.stats().await["faults_fired"].as_u64().unwrap();
        let answer = pipeline.ask("publish-job.v1", &publish_job("acme", "ada", "x")).await;
        let code = &answer["failure"]["code"];
        assert_eq!((&answer["outcome"], code), (&"unknown".into(), &"outcome-unknown".into()), "{spoilt}: {answer}");
        assert_eq!(pipeline.event("publish.unknown").await.json(), answer);
        assert_eq!(pipeline.sandbox.stats().await["faults_fired"], asked + 1, "{spoilt}: asked once");
    }
    assert_eq!(pipeline.sandbox.stats().await["posts"], json!({"made": 2}), "the two whose answer was spoilt after");
    assert_eq!(pipeline.rig.broker.depth("dead-letters").await, 0);
    goes_on(&pipeline, "ada").await;
}

#[tokio::test]
async fn a_providers_no_is_a_result_and_no_dead_letter() {
    let pipeline = Pipeline::start().await;
    let _worker = pipeline.worker().await;
    pipeline.connect("ada").await;
    // a refused access token is tried once more, as a newer one
    for (status, times, code) in
        [(401, 2, "needs-consent"), (403, 1, "provider-rejected"), (422, 1, "provider-rejected")]
    {
        let spoilt = json!({"kind": "status", "status": status, "n": times, "body": "<b>\u{1b}[31mno</b>"});
        pipeline.sandbox.fault(fault("/api/posts", &spoilt)).await;
        let answer = pipeline.ask("publish-job.v1", &publish_job("acme", "ada", "x")).await;
        failed(&answer, code);
        assert!(!answer.to_string().contains("31m"), "{answer}");
    }
    assert_eq!(pipeline.sandbox.stats().await["posts"], json!({}));
    assert_eq!(pipeline.rig.broker.depth("dead-letters").await, 0);
    goes_on(&pipeline, "ada").await;
}

#[tokio::test]
async fn a_provider_that_is_busy_or_away_is_asked_again_and_the_job_is_done_once() {
    let pipeline = Pipeline::start().await;
    let worker = pipeline.worker().await;
    pipeline.connect("ada").await;
    let busy = json!({"kind": "status", "status": 503, "headers": {"retry-after": "1"}});
    pipeline.sandbox.fault(fault("/api/posts", &busy)).await;
    goes_on(&pipeline, "ada").await;
    assert!(worker.log().contains("code=\"rate-limited\""));

    pipeline.sandbox.fault(fault("/api/posts", &json!({"kind": "status", "status": 429}))).await;
    pipeline.send("publish-job.v1", &publish_job("acme", "ada", "without a time")).await;
    let waiting = pipeline.rig.broker.next("delay.30s", SOON).await;
    assert_eq!(waiting.header("sealpost-attempt").as_deref(), Some("1"));
    assert_eq!(pipeline.sandbox.posts().await.len(), 1);
}

#[tokio::test]
async fn a_provider_that_cannot_be_reached_is_tried_again() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let away = Setup { platform: Some(format!("http://{nobody}")), ..Setup::default() };
    let pipeline = Pipeline::start_with(away).await;
    pipeline.seed(1).await;
    let worker = pipeline.worker().await;
    pipeline.send("publish-job.v1", &publish_job("acme", "user-0", "x")).await;
    worker.logged("code=\"provider-unavailable\"").await;
    let request = exchange_request("acme", "ada", &pipeline.consent("ada").await);
    pipeline.send("exchange-request.v1", &request).await;
    worker.measured("sealpost_jobs_total", &["publish-jobs", "retried"], 1).await;
    worker.measured("sealpost_jobs_total", &["exchange-requests", "retried"], 1).await;
    assert!(pipeline.events("connection.failed").await.is_empty());
    assert_eq!(pipeline.rig.broker.depth("dead-letters").await, 0);
}

#[tokio::test]
async fn a_code_whose_answer_was_lost_is_not_sent_again() {
    let pipeline = Pipeline::start_with(impatient()).await;
    let _worker = pipeline.worker().await;
    let elsewhere = format!("{}/elsewhere", pipeline.sandbox.issuer());
    for (number, spoilt) in [
        json!({"kind": "hang"}),
        json!({"kind": "drop", "when": "after"}),
        json!({"kind": "tear", "when": "after"}),
        json!({"kind": "status", "status": 500}),
        json!({"kind": "status", "status": 503, "headers": {"retry-after": "1"}}),
        json!({"kind": "status", "status": 302, "headers": {"location": elsewhere}}),
        json!({"kind": "status", "status": 200, "body": "{}"}),
    ]
    .into_iter()
    .enumerate()
    {
        pipeline.sandbox.fault(fault("/token", &spoilt)).await;
        let request = exchange_request("acme", "ada", &pipeline.consent("ada").await);
        failed(&pipeline.ask("exchange-request.v1", &request).await, "exchange-outcome-lost");
        assert_eq!(pipeline.sandbox.stats().await["faults_fired"], number + 1, "{spoilt}: sent once");
    }
    assert_eq!(pipeline.sandbox.stats().await["code_reuses"], 0);
    assert_eq!(pipeline.rig.broker.depth("dead-letters").await, 0);
    pipeline.connect("ada").await;
    goes_on(&pipeline, "ada").await;
}

#[tokio::test]
async fn a_busy_token_endpoint_is_asked_again_with_the_same_code() {
    let pipeline = Pipeline::start().await;
    let worker = pipeline.worker().await;
    let busy = json!({"kind": "status", "status": 429, "headers": {"retry-after": "1"}});
    pipeline.sandbox.fault(fault("/token", &busy)).await;
    pipeline.connect("ada").await;
    assert!(worker.log().contains("code=\"rate-limited\""));
    assert_eq!(pipeline.sandbox.stats().await["token"]["authorization_code"], json!({"ok": 1}));
}

#[tokio::test]
async fn a_code_that_was_used_before_is_refused_to_the_second() {
    let pipeline = Pipeline::start().await;
    let _worker = pipeline.worker().await;
    let consent = pipeline.consent("ada").await;
    let first = exchange_request("acme", "ada", &consent);
    assert_eq!(pipeline.ask("exchange-request.v1", &first).await["outcome"], "stored");
    let answer = pipeline.ask("exchange-request.v1", &exchange_request("acme", "ada", &consent)).await;
    failed(&answer, "invalid-grant");
    assert_eq!(answer["failure"]["provider_error"]["error"], "invalid_grant", "{answer}");
    let mut request = exchange_request("acme", "bob", &pipeline.consent("bob").await);
    request["grant"]["iss"] = "https://elsewhere.example".into();
    failed(&pipeline.ask("exchange-request.v1", &request).await, "invalid-grant");
    assert_eq!(pipeline.rig.broker.depth("dead-letters").await, 0);
    assert_eq!(pipeline.sandbox.stats().await["token"]["authorization_code"], json!({"ok": 1, "invalid_grant": 1}));
}

#[tokio::test]
async fn a_wrong_client_secret_is_ours_to_mend_and_the_user_is_left_alone() {
    let wrong = Setup { client_secret: "wrong-secret-of-ours".into(), ..Setup::default() };
    let pipeline = Pipeline::start_with(wrong).await;
    let worker = pipeline.worker().await;
    let request = exchange_request("acme", "ada", &pipeline.consent("ada").await);
    let asked = pipeline.send("exchange-request.v1", &request).await;
    worker.logged("code=\"invalid-client\"").await;
    assert!(pipeline.events("connection.failed").await.is_empty());
    pipeline.write("client.secret", "sealpost-secret\n");
    assert_eq!(pipeline.answer(&asked).await.json()["outcome"], "stored");
    assert!(!worker.log().contains("wrong-secret-of-ours"));
}
