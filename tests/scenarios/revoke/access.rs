//! A platform that revokes access tokens only.

use sealpost_shared::clock::{Clock, SystemClock};
use sealpost_shared::oauth::TokenAnswer;
use sealpost_tests::{Pipeline, Setup};
use serde_json::{Value, json};

use super::world::{done, is_taken, not_yet, one, pipeline_with, record, step, stored, tokens, word};

async fn pipeline(lines: &str) -> Pipeline {
    let lines = format!("revocation = {{ tokens = 'access' }}\n{lines}");
    pipeline_with(&lines, Setup { shards: 4, ..Setup::default() }).await
}

/// Stores what the platform gives for ada, changed by that.
async fn given(pipeline: &Pipeline, change: impl FnOnce(&mut TokenAnswer)) -> Value {
    let minted = pipeline.sandbox.mint_tokens("ada").await;
    let mut answer = tokens(&minted);
    change(&mut answer);
    stored(pipeline, ("ada", "default"), &answer).await;
    minted
}

fn expired(answer: &mut TokenAnswer) {
    answer.expires_at = Some(SystemClock.now());
}

#[tokio::test]
async fn one_that_is_kept_and_good_is_revoked_as_it_is() {
    let pipeline = pipeline("").await;
    let minted = given(&pipeline, |_| ()).await;
    assert_eq!(word(&done(&step(&pipeline).await, &one("ada"), 1).await, "ada"), "revoked");
    assert!(!is_taken(&pipeline, &minted).await);
    assert_eq!(pipeline.sandbox.stats().await["token"], json!({}), "no token call");
}

#[tokio::test]
async fn one_that_is_not_kept_or_has_expired_is_had_anew_to_be_revoked() {
    for keeps in [true, false] {
        let pipeline = pipeline(if keeps { "" } else { "keep_access_token = false" }).await;
        given(&pipeline, |answer| {
            answer.keep_access_token = keeps;
            expired(answer);
        })
        .await;
        let step = step(&pipeline).await;
        // the platform is down when it comes to that: what it gave by then is not lost
        pipeline.sandbox.fault(json!({"path": "/revoke", "kind": "status", "status": 503})).await;
        let request = one("ada");
        not_yet(&step, &request, 1).await;
        assert_eq!(word(&done(&step, &request, 2).await, "ada"), "revoked");
        let stats = pipeline.sandbox.stats().await;
        assert_eq!(stats["revoke"], json!({"ok": 1}), "one that the platform knew");
        assert_eq!(stats["refresh_reuses"], 0, "{stats}");
        assert!(stats["token"]["refresh_token"]["ok"].as_u64().unwrap() >= 1, "{stats}");
        assert!(record(&pipeline, "ada").await.is_none());
        assert_eq!(pipeline.held(&pipeline.newest_version().await).await, 0);
    }
}

#[tokio::test]
async fn one_that_turns_out_to_be_no_good_is_had_anew_too() {
    let pipeline = pipeline("").await;
    given(&pipeline, |_| ()).await;
    let body = json!({"error": "invalid_token"}).to_string();
    pipeline.sandbox.fault(json!({"path": "/revoke", "kind": "status", "status": 400, "body": body})).await;
    assert_eq!(word(&done(&step(&pipeline).await, &one("ada"), 1).await, "ada"), "revoked");
    assert_eq!(pipeline.sandbox.stats().await["revoke"], json!({"ok": 1}));
    assert_eq!(pipeline.sandbox.stats().await["token"]["refresh_token"], json!({"ok": 1}));
}

#[tokio::test]
async fn one_that_is_not_taken_as_what_asks_is_had_anew_too_and_a_refresh_token_never_asks() {
    let bearer = |tokens: &str| format!("revocation = {{ auth = 'bearer', body = 'none', tokens = '{tokens}' }}");
    let setup = || Setup { shards: 4, ..Setup::default() };
    let access = pipeline_with(&bearer("access"), setup()).await;
    given(&access, |_| ()).await;
    for status in [401, 204] {
        access.sandbox.fault(json!({"path": "/revoke", "kind": "status", "status": status})).await;
    }
    assert_eq!(word(&done(&step(&access).await, &one("ada"), 1).await, "ada"), "revoked");
    assert_eq!(access.sandbox.stats().await["token"]["refresh_token"], json!({"ok": 1}));
    assert_eq!(access.sandbox.stats().await["faults_fired"], 2);

    let refresh = pipeline_with(&bearer("refresh"), setup()).await;
    given(&refresh, |_| ()).await;
    for body in ["", "{\"error\":\"invalid_token\"}"] {
        refresh.sandbox.fault(json!({"path": "/revoke", "kind": "status", "status": 401, "body": body, "n": 1})).await;
    }
    let step = step(&refresh).await;
    let request = one("ada");
    for number in [1, 2] {
        assert_eq!(not_yet(&step, &request, number).await.code, sealpost_schemas::Code::ProviderRejected);
    }
}

#[tokio::test]
async fn where_none_can_be_had_the_receipt_does_not_say_that_anything_was_revoked() {
    let pipeline = pipeline("").await;
    let step = step(&pipeline).await;
    // nothing to have one with
    given(&pipeline, |answer| {
        answer.refresh_token = None;
        expired(answer);
    })
    .await;
    assert_eq!(word(&done(&step, &one("ada"), 1).await, "ada"), "gave-up");
    // the platform does not take the refresh token any more
    given(&pipeline, expired).await;
    let body = json!({"error": "invalid_grant"}).to_string();
    pipeline.sandbox.fault(json!({"path": "/token", "kind": "status", "status": 400, "body": body})).await;
    assert_eq!(word(&done(&step, &one("ada"), 1).await, "ada"), "gave-up");
    assert_eq!(pipeline.sandbox.stats().await["revoke"], json!({}));
    assert_eq!(pipeline.held(&pipeline.newest_version().await).await, 0);
}
