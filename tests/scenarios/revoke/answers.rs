//! What the platform answers, and what the receipt says then.

use sealpost_schemas::Code;
use sealpost_shared::failure::Verdict;
use serde_json::{Value, json};

use super::world::{
    StepConfig, attempt, done, impatient, minted, not_yet, one, pipeline, pipeline_with, record, step, word,
};

fn at_revoke(fault: Value) -> Value {
    let mut fault = fault;
    fault["path"] = "/revoke".into();
    fault
}

#[tokio::test]
async fn while_the_platform_cannot_answer_the_token_waits_in_a_tombstone_and_the_record_is_gone() {
    let pipeline = pipeline_with("", impatient()).await;
    let step = StepConfig::of(&pipeline, std::time::Duration::from_secs(2)).step(&pipeline.rig.redis_url()).await;
    for (number, (fault, code)) in [
        (json!({"kind": "status", "status": 503}), Code::ProviderUnavailable),
        (json!({"kind": "status", "status": 503, "headers": {"retry-after": "120"}}), Code::ProviderUnavailable),
        (json!({"kind": "status", "status": 429}), Code::RateLimited),
        (json!({"kind": "drop"}), Code::ProviderUnavailable),
        (json!({"kind": "hang"}), Code::ProviderUnavailable),
        (json!({"kind": "status", "status": 401, "body": "{\"error\":\"invalid_client\"}"}), Code::InvalidClient),
        (json!({"kind": "status", "status": 200, "body": "{\"error\":\"server_error\"}"}), Code::ProviderRejected),
        (
            json!({"kind": "status", "status": 200, "body": "{\"ok\":false,\"error\":\"internal\"}"}),
            Code::ProviderRejected,
        ),
        (json!({"kind": "status", "status": 400, "body": "{\"error\":\"invalid_request\"}"}), Code::ProviderRejected),
    ]
    .into_iter()
    .enumerate()
    {
        let user = format!("user-{number}");
        minted(&pipeline, &user, "default").await;
        let held = pipeline.held(&pipeline.newest_version().await).await;
        pipeline.sandbox.fault(at_revoke(fault.clone())).await;
        let request = one(&user);
        let failure = not_yet(&step, &request, 1).await;
        assert_eq!(failure.code, code, "{fault}: {}", failure.message);
        let Verdict::Retry { after } = failure.verdict else { panic!("{fault}: it spends no attempt") };
        if fault["headers"]["retry-after"] == "120" {
            assert_eq!(after.unwrap().as_secs(), 120);
        }
        assert!(record(&pipeline, &user).await.is_none(), "{fault}: nobody uses it meanwhile");
        assert_eq!(pipeline.held(&pipeline.newest_version().await).await, held, "{fault}: the tombstone is held");
        // what hung may still arrive: the lease runs out first
        let result = sealpost_tests::until("it is done", sealpost_tests::pipeline::SOON, async || {
            attempt(&step, &request, 2).await.ok()
        });
        let answer = serde_json::to_value(result.await).unwrap();
        assert_eq!(word(&answer, &user), "revoked", "{fault}");
        assert_eq!(pipeline.held(&pipeline.newest_version().await).await, held - 1, "{fault}");
    }
}

#[tokio::test]
async fn an_answer_that_the_token_is_no_good_is_as_good_as_its_revocation() {
    let pipeline = pipeline().await;
    let step = step(&pipeline).await;
    for (status, error, said) in [
        (400, "invalid_token", "revoked"),
        (400, "invalid_grant", "revoked"),
        (200, "token_revoked", "revoked"),
        (400, "unsupported_token_type", "unsupported"),
    ] {
        minted(&pipeline, "ada", "default").await;
        let body = json!({"error": error}).to_string();
        pipeline.sandbox.fault(at_revoke(json!({"kind": "status", "status": status, "body": body, "n": 2}))).await;
        assert_eq!(word(&done(&step, &one("ada"), 1).await, "ada"), said, "{status} {error}");
    }
    // one kind of two is revoked
    minted(&pipeline, "ada", "default").await;
    let body = json!({"error": "unsupported_token_type"}).to_string();
    pipeline.sandbox.fault(at_revoke(json!({"kind": "status", "status": 400, "body": body}))).await;
    assert_eq!(word(&done(&step, &one("ada"), 1).await, "ada"), "revoked");
}

#[tokio::test]
async fn a_platform_that_refuses_again_and_again_is_given_up_and_the_receipt_says_so() {
    let pipeline = pipeline().await;
    let step = step(&pipeline).await;
    minted(&pipeline, "ada", "default").await;
    let body = json!({"error": "invalid_request"}).to_string();
    pipeline.sandbox.fault(at_revoke(json!({"kind": "status", "status": 400, "body": body, "n": 7}))).await;
    let request = one("ada");
    for number in 1..=6 {
        assert_eq!(not_yet(&step, &request, number).await.code, Code::ProviderRejected);
    }
    assert_eq!(word(&done(&step, &request, 7).await, "ada"), "gave-up");
    assert_eq!(pipeline.held(&pipeline.newest_version().await).await, 0, "deleted all the same");
    assert_eq!(done(&step, &request, 8).await["counts"]["gave_up"], 1);
}

#[tokio::test]
async fn a_platform_may_have_a_way_of_its_own() {
    let lines = "revocation = { method = 'DELETE', auth = 'bearer', body = 'none', tokens = 'access' }";
    let pipeline = pipeline_with(lines, sealpost_tests::Setup { shards: 4, ..Default::default() }).await;
    let step = step(&pipeline).await;
    minted(&pipeline, "ada", "default").await;
    let way = json!({"kind": "status", "status": 204, "method": "DELETE", "n": 5});
    pipeline.sandbox.fault(at_revoke(way)).await;
    assert_eq!(word(&done(&step, &one("ada"), 1).await, "ada"), "revoked");
    assert_eq!(pipeline.sandbox.stats().await["faults_fired"], 1, "one request, for the access token");
    assert_eq!(pipeline.sandbox.stats().await["revoke"], json!({}), "and none as the standard says");
}
