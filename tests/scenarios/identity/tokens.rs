//! Which ID tokens are believed.

use sealpost_tests::Pipeline;
use serde_json::{Value, json};

use super::{connected, exchange, failed, pipeline, record, request, request_for, stored, subject};

/// Every way in which an ID token can be wrong, and the words that name the check.
fn wrong() -> Vec<(Value, &'static str)> {
    vec![
        (json!({"how": "missing"}), "there is none"),
        (json!({"how": "garbage"}), "no signed JWT"),
        (json!({"how": "alg-none"}), "algorithm"),
        (json!({"how": "shared-secret"}), "algorithm"),
        (json!({"how": "tampered"}), "signature"),
        (json!({"how": "forged-key"}), "signature"),
        (json!({"how": "unknown-key"}), "not among the provider's keys"),
        (json!({"claims": {"iss": "https://elsewhere.example"}}), "issuer"),
        (json!({"claims": {"iss": null}}), "issuer"),
        (json!({"claims": {"aud": "another-client"}}), "another client"),
        (json!({"claims": {"aud": ["sealpost", "another-client"]}}), "another client"),
        (json!({"claims": {"nonce": "another nonce"}}), "nonce"),
        (json!({"claims": {"nonce": null}}), "nonce"),
        (json!({"claims": {"sub": null}}), "subject"),
        (json!({"claims": {"sub": "ada\u{1b}[2J"}}), "subject"),
        (json!({"claims": {"exp": null}}), "expired"),
        (json!({"claims": {"exp": "never"}}), "expired"),
        (json!({"shift": -610}), "expired"),
        (json!({"shift": 320}), "not valid yet"),
        (json!({"claims": {"nbf": 9_999_999_999_u64}}), "not valid yet"),
    ]
}

/// The answer to a consent whose ID token is spoilt in this way.
async fn spoilt(pipeline: &Pipeline, user: &str, how: &Value) -> Value {
    let request = request(pipeline, user, "ada").await;
    pipeline.sandbox.spoil_id_token(how.clone()).await;
    exchange(pipeline, &request).await
}

#[tokio::test]
async fn an_id_token_that_fails_a_check_stores_nothing_and_the_check_is_named() {
    let pipeline = pipeline().await;
    let worker = pipeline.worker().await;
    for (number, (how, named)) in wrong().into_iter().enumerate() {
        let user = format!("user-{number}");
        let answer = spoilt(&pipeline, &user, &how).await;
        failed(&answer, "id-token-invalid");
        let message = answer["failure"]["message"].as_str().unwrap();
        assert!(message.contains(named) && message.contains("nothing was stored"), "{how}: {message}");
        assert!(!answer.to_string().contains("eyJ"), "{how}: the token is quoted in {answer}");
        assert!(record(&pipeline, &user).await.is_none(), "{how}");
    }
    assert!(!worker.log().contains("eyJ"), "a token is in the log");
}

#[tokio::test]
async fn a_clock_five_minutes_off_and_claims_that_nobody_asked_for_are_fine() {
    let pipeline = pipeline().await;
    let _worker = pipeline.worker().await;
    for how in [
        json!({"shift": -590}),
        json!({"shift": 290}),
        json!({"claims": {"aud": ["sealpost"]}}),
        json!({"claims": {"aud": ["another-client", "sealpost"], "azp": "sealpost"}}),
        json!({"claims": {"jku": "http://127.0.0.1:1/", "roles": ["x"], "email_verified": "odd"}}),
    ] {
        assert_eq!(stored(&spoilt(&pipeline, "ada", &how).await), subject("ada", false), "{how}");
    }
    let odd = json!({"claims": {"preferred_username": "ad\u{1b}[31ma\n"}});
    assert_eq!(stored(&spoilt(&pipeline, "ada", &odd).await)["name"], "ad[31ma");
}

#[tokio::test]
async fn the_subject_is_told_in_the_answer_and_again_and_in_the_event() {
    let pipeline = pipeline().await;
    let _worker = pipeline.worker().await;
    let request = request(&pipeline, "ada", "ada").await;
    let answer = exchange(&pipeline, &request).await;
    assert_eq!(stored(&answer), subject("ada", false));
    assert_eq!(exchange(&pipeline, &request).await, answer);
    assert_eq!(pipeline.event("connection.stored").await.json(), answer);
    assert_eq!(pipeline.sandbox.stats().await["token"]["authorization_code"], json!({"ok": 1}));
}

#[tokio::test]
async fn an_id_token_must_come_where_it_was_asked_for_and_only_there() {
    let pipeline = pipeline().await;
    let _worker = pipeline.worker().await;
    let missing = json!({"how": "missing"});
    // openid granted, no nonce
    let granted = request_for(&pipeline, "ada", "ada", "openid profile", None).await;
    pipeline.sandbox.spoil_id_token(missing).await;
    failed(&exchange(&pipeline, &granted).await, "id-token-invalid");
    // a nonce, openid not granted
    let nonce = request_for(&pipeline, "ada", "ada", "profile", Some("the nonce")).await;
    failed(&exchange(&pipeline, &nonce).await, "id-token-invalid");
    // neither
    let plain = request_for(&pipeline, "ada", "ada", "profile", None).await;
    assert_eq!(stored(&exchange(&pipeline, &plain).await), Value::Null);
    // one that came with a nonce for a request that does not say which
    let unsaid = request_for(&pipeline, "ada", "ada", "openid", None).await;
    assert_eq!(stored(&exchange(&pipeline, &unsaid).await)["id"], "id-of-ada");
}

#[tokio::test]
async fn a_code_of_another_issuer_is_not_sent() {
    let pipeline = pipeline().await;
    let _worker = pipeline.worker().await;
    let mut request = request(&pipeline, "ada", "ada").await;
    request["grant"]["iss"] = "https://elsewhere.example".into();
    failed(&exchange(&pipeline, &request).await, "invalid-grant");
    assert_eq!(pipeline.sandbox.stats().await["token"], json!({}));
    assert_eq!(connected(&pipeline, "ada", "ada").await, subject("ada", false));
}
