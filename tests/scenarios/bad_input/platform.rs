//! A publishing API that hangs, lies, refuses or goes away.

use std::io::ErrorKind::WouldBlock;

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use sealpost_shared::clock::{Clock, SystemClock};
use sealpost_tests::pipeline::{SOON, exchange_request, publish_job};
use sealpost_tests::{Pipeline, Setup};
use serde_json::json;

use super::{elsewhere, failed, fault, goes_on, impatient};

#[tokio::test]
async fn a_job_whose_outcome_nothing_proves_is_answered_as_unknown_and_not_tried_again() {
    let pipeline = Pipeline::start_with(impatient()).await;
    let _worker = pipeline.worker().await;
    pipeline.connect("ada").await;
    let (elsewhere, nobody) = elsewhere();
    for spoilt in [
        json!({"kind": "hang"}),
        json!({"kind": "drop", "when": "after"}),
        json!({"kind": "tear", "when": "after"}),
        json!({"kind": "swell", "when": "after", "bytes": 20_000_000}),
        json!({"kind": "status", "status": 408}),
        json!({"kind": "status", "status": 409}),
        json!({"kind": "status", "status": 500}),
        json!({"kind": "status", "status": 502}),
        json!({"kind": "status", "status": 503}),
        json!({"kind": "status", "status": 504, "headers": {"retry-after": "1"}}),
        json!({"kind": "status", "status": 307, "headers": {"location": elsewhere}}),
        json!({"kind": "status", "status": 200, "body": "<html>welcome</html>"}),
        json!({"kind": "status", "status": 200, "body": "{\"error\": \"no such luck\"}"}),
        json!({"kind": "status", "status": 201, "body": "{\"id\": {\"nested\": 1}}"}),
    ] {
        pipeline.sandbox.fault(fault("/api/posts", &spoilt)).await;
        let asked = pipeline.sandbox.stats().await["faults_fired"].as_u64().unwrap();
        let job = publish_job("acme", "ada", "x");
        let answer = pipeline.ask("publish-job.v1", &job).await;
        let code = &answer["failure"]["code"];
        assert_eq!((&answer["outcome"], code), (&"unknown".into(), &"outcome-unknown".into()), "{spoilt}: {answer}");
        assert_eq!(pipeline.event("publish.unknown").await.json(), answer);
        // what the ledger keeps: no fault is left that could spoil it, and nothing is sent
        let again = pipeline.ask("publish-job.v1", &job).await;
        assert_eq!((&again["id"], &again["outcome"]), (&answer["id"], &answer["outcome"]), "{spoilt}: {again}");
        pipeline.event("publish.unknown").await;
        assert_eq!(pipeline.sandbox.stats().await["faults_fired"], asked + 1, "{spoilt}: asked once");
    }
    assert_eq!(pipeline.sandbox.stats().await["posts"], json!({"made": 3}), "those whose answer was spoilt after");
    assert_eq!(nobody.accept().unwrap_err().kind(), WouldBlock, "no redirect is followed");
    assert_eq!(pipeline.rig.broker.depth("dead-letters").await, 0);
    goes_on(&pipeline, "ada").await;
}

#[tokio::test]
async fn a_providers_no_is_a_result_and_no_dead_letter() {
    let pipeline = Pipeline::start().await;
    let _worker = pipeline.worker().await;
    pipeline.connect("ada").await;
    // a refused access token is tried once more, as a newer one
    for (status, times, code) in [
        (401, 2, "needs-consent"),
        (400, 1, "provider-rejected"),
        (403, 1, "provider-rejected"),
        (422, 1, "provider-rejected"),
    ] {
        let spoilt = json!({"kind": "status", "status": status, "n": times, "body": "<b>\u{1b}[31mno</b>"});
        pipeline.sandbox.fault(fault("/api/posts", &spoilt)).await;
        let job = publish_job("acme", "ada", "x");
        let answer = pipeline.ask("publish-job.v1", &job).await;
        failed(&answer, code);
        if code == "provider-rejected" {
            // the ledger answers again, and no fault is left that could have made it so
            assert_eq!(pipeline.ask("publish-job.v1", &job).await, answer, "{status}");
        }
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

    // (status, Retry-After, where the job waits first); a date counts from the answer's own, and is further off than that
    let in_a_minute = Timestamp::from_second(SystemClock.now().as_second() + 90).unwrap();
    let date = DateTimePrinter::new().timestamp_to_rfc9110_string(&in_a_minute).unwrap();
    for (status, after, tier) in [
        (429, None, "delay.30s"),
        (429, Some("soon"), "delay.30s"),
        (429, Some("-5"), "delay.30s"),
        (429, Some("99999999999999999999"), "delay.30s"),
        (429, Some("86400"), "delay.1h"),
        (429, Some(date.as_str()), "delay.30s"),
        (503, Some(date.as_str()), "delay.30s"),
    ] {
        let headers = after.map_or(json!({}), |after| json!({"retry-after": after}));
        let busy = json!({"kind": "status", "status": status, "headers": headers});
        pipeline.sandbox.fault(fault("/api/posts", &busy)).await;
        pipeline.send("publish-job.v1", &publish_job("acme", "ada", "later")).await;
        let waiting = pipeline.rig.broker.next(tier, SOON).await;
        assert_eq!(waiting.header("sealpost-attempt").as_deref(), Some("1"), "{status} {after:?}");
        if after == Some(date.as_str()) {
            let until = waiting.header("sealpost-not-before").unwrap();
            assert!(until.parse::<Timestamp>().unwrap() >= in_a_minute, "{until}");
        }
    }
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
