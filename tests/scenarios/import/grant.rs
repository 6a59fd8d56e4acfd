//! A refresh token that another system held becomes a connection.

use sealpost_tests::Pipeline;
use sealpost_tests::pipeline::publish_job;
use secrecy::ExposeSecret;
use serde_json::json;

use super::world::{content, import, record, refreshes, request, reuses, token_of};

#[tokio::test]
async fn a_token_is_refreshed_once_and_stored_and_its_connection_publishes() {
    let pipeline = Pipeline::start().await;
    let _worker = pipeline.worker().await;
    let token = token_of(&pipeline, "ada").await;
    let request = request("ada", &token);
    let answer = pipeline.ask("exchange-request.v1", &request).await;
    assert_eq!(answer["outcome"], "stored", "{answer}");
    assert!(answer["expires_at"].is_string() && answer["scopes"].as_array().is_some_and(|all| !all.is_empty()));
    assert!(!answer.to_string().contains("spr_") && !answer.to_string().contains("spa_"), "{answer}");
    assert_eq!(pipeline.ask("exchange-request.v1", &request).await, answer, "the same is told again");
    assert_eq!(refreshes(&pipeline).await, json!({"ok": 1}));
    let stored = content(&pipeline, "ada").await.tokens.refresh_token.unwrap();
    assert_ne!(stored.expose_secret(), token, "the practice platform rotates");
    let published = pipeline.ask("publish-job.v1", &publish_job("acme", "ada", "moved")).await;
    assert_eq!(published["outcome"], "published", "{published}");
    assert_eq!(refreshes(&pipeline).await, json!({"ok": 1}), "the access token is kept");
}

#[tokio::test]
async fn a_token_that_brings_no_bearer_token_is_kept_and_publishes_when_it_brings_one() {
    let pipeline = Pipeline::start().await;
    let worker = pipeline.worker().await;
    let edit = json!({"path": "/token", "kind": "edit", "when": "after", "set": {"token_type": "DPoP"}, "n": 2});
    pipeline.sandbox.fault(edit).await;
    let token = token_of(&pipeline, "ada").await;
    assert_eq!(import(&pipeline, "ada", &token).await["outcome"], "stored");
    assert!(worker.log().contains("DPoP"), "an operator is told");
    assert!(content(&pipeline, "ada").await.tokens.access_token.is_none());
    // the first attempt brings such a token again, the second a Bearer token
    let published = pipeline.ask("publish-job.v1", &publish_job("acme", "ada", "moved")).await;
    assert_eq!(published["outcome"], "published", "{published}");
    assert_eq!(worker.metric("sealpost_attempts_failed_total", &["token-type-unsupported"]).await, 1);
    assert_eq!((refreshes(&pipeline).await, reuses(&pipeline).await), (json!({"ok": 3}), json!(0)));
}

#[tokio::test]
async fn a_token_that_the_provider_does_not_replace_is_kept() {
    let pipeline = Pipeline::start().await;
    let _worker = pipeline.worker().await;
    let token = token_of(&pipeline, "ada").await;
    let body = r#"{"access_token":"x","token_type":"Bearer"}"#;
    pipeline.sandbox.fault(json!({"path": "/token", "kind": "status", "body": body})).await;
    assert_eq!(import(&pipeline, "ada", &token).await["outcome"], "stored");
    let record = record(&pipeline, "ada").await.unwrap();
    assert_eq!(record.token, Some(pipeline.store().await.hash_of(&token.as_str().into())));
    assert!(record.metadata.superseded.is_empty());
    assert_eq!(content(&pipeline, "ada").await.tokens.refresh_token.unwrap().expose_secret(), token);
}

#[tokio::test]
async fn a_token_that_is_no_good_is_refused_and_nothing_is_stored() {
    let pipeline = Pipeline::start().await;
    let _worker = pipeline.worker().await;
    let answer = import(&pipeline, "ada", "spr_nobodys").await;
    assert_eq!(
        (&answer["outcome"], &answer["failure"]["code"]),
        (&json!("failed"), &json!("invalid-grant")),
        "{answer}"
    );
    assert_eq!(answer["failure"]["provider_error"]["error"], "invalid_grant");
    assert!(!answer.to_string().contains("spr_"), "{answer}");
    assert!(record(&pipeline, "ada").await.is_none());
    let interaction = r#"{"error":"interaction_required"}"#;
    pipeline.sandbox.fault(json!({"path": "/token", "kind": "status", "status": 400, "body": interaction})).await;
    let answer = import(&pipeline, "ada", &token_of(&pipeline, "ada").await).await;
    assert_eq!(answer["failure"]["code"], "interaction-required", "{answer}");
}

#[tokio::test]
async fn what_spends_nothing_is_tried_again() {
    let pipeline = Pipeline::start().await;
    let worker = pipeline.worker().await;
    let wrong_client = r#"{"error":"invalid_client"}"#;
    for fault in [
        json!({"path": "/token", "kind": "status", "status": 429, "headers": {"retry-after": "1"}}),
        json!({"path": "/token", "kind": "status", "status": 401, "body": wrong_client}),
        json!({"path": "/token", "kind": "status", "status": 400, "body": r#"{"error":"invalid_request"}"#}),
    ] {
        pipeline.sandbox.fault(fault).await;
    }
    let answer = import(&pipeline, "ada", &token_of(&pipeline, "ada").await).await;
    assert_eq!(answer["outcome"], "stored", "{answer}");
    assert_eq!(refreshes(&pipeline).await, json!({"ok": 1}));
    for outcome in ["rate-limited", "invalid-client", "rejected", "ok"] {
        let labels = [format!("outcome=\"{outcome}\"")];
        let labels: Vec<_> = labels.iter().map(String::as_str).collect();
        worker.measured("sealpost_token_calls_total", &labels, 1).await;
    }
}

#[tokio::test]
async fn an_import_replaces_what_is_stored_as_a_new_consent_does() {
    let pipeline = Pipeline::start().await;
    let _worker = pipeline.worker().await;
    pipeline.connect("ada").await;
    let before = record(&pipeline, "ada").await.unwrap();
    assert_eq!(import(&pipeline, "ada", &token_of(&pipeline, "ada").await).await["outcome"], "stored");
    let after = record(&pipeline, "ada").await.unwrap();
    assert_ne!(after.metadata.generation, before.metadata.generation);
    assert_eq!(after.metadata.created_at, before.metadata.created_at);
    assert!(after.metadata.superseded.contains(&before.token.unwrap()), "what it had is remembered");
    let published = pipeline.ask("publish-job.v1", &publish_job("acme", "ada", "moved")).await;
    assert_eq!(published["outcome"], "published", "{published}");
}

#[tokio::test]
async fn a_token_of_another_issuer_is_not_sent() {
    let pipeline = Pipeline::start().await;
    let _worker = pipeline.worker().await;
    let mut request = request("ada", &token_of(&pipeline, "ada").await);
    request["grant"]["iss"] = "https://elsewhere.example".into();
    let answer = pipeline.ask("exchange-request.v1", &request).await;
    assert_eq!(answer["failure"]["code"], "invalid-grant", "{answer}");
    assert_eq!(refreshes(&pipeline).await, json!(null));
}
