//! The provider's keys: fetched before a code is spent, kept, and fetched anew when they change.

use futures_util::future::join_all;
use serde_json::json;

use super::{connected, exchange, pipeline, request, stored, subject};

#[tokio::test]
async fn keys_that_cannot_be_had_cost_no_code() {
    let pipeline = pipeline().await;
    for fault in [
        json!({"kind": "status", "status": 503}),
        json!({"kind": "status", "status": 404}),
        json!({"kind": "status", "body": "<html>"}),
        json!({"kind": "status", "body": r#"{"keys": []}"#}),
        json!({"kind": "status", "status": 302, "headers": {"location": "/admin/stats"}}),
        json!({"kind": "tear", "when": "after"}),
        json!({"kind": "swell", "when": "after", "bytes": 20_000_000}),
        json!({"kind": "hang"}),
        json!({"kind": "drop"}),
    ] {
        pipeline.sandbox.admin(reqwest::Method::POST, "reset", None).await;
        // each its own worker, which has no keys yet
        let worker = pipeline.worker().await;
        let request = request(&pipeline, "ada", "ada").await;
        let mut at_keys = fault.clone();
        at_keys["path"] = "/jwks".into();
        pipeline.sandbox.fault(at_keys).await;
        assert_eq!(stored(&exchange(&pipeline, &request).await), subject("ada", false), "{fault}");
        let stats = pipeline.sandbox.stats().await;
        assert_eq!(stats["token"]["authorization_code"], json!({"ok": 1}), "{fault}");
        assert_eq!(stats["faults_fired"], 1, "{fault}");
        assert!(worker.log().contains("nothing was spent"), "{fault}: {}", worker.log());
        worker.kill9().await;
    }
}

#[tokio::test]
async fn keys_are_fetched_once_for_many_and_anew_when_a_token_names_another() {
    let pipeline = pipeline().await;
    let _worker = pipeline.worker().await;
    let users: Vec<String> = (0..16).map(|number| format!("user-{number}")).collect();
    join_all(users.iter().map(|user| connected(&pipeline, user, user))).await;
    assert_eq!(pipeline.sandbox.stats().await["jwks"], 1);
    pipeline.sandbox.new_key().await;
    assert_eq!(connected(&pipeline, "ada", "ada").await, subject("ada", false));
    assert_eq!(pipeline.sandbox.stats().await["jwks"], 2);
    assert_eq!(connected(&pipeline, "ada", "ada").await, subject("ada", false));
    assert_eq!(pipeline.sandbox.stats().await["jwks"], 2);
    // the code is spent: one failed fetch does not cost it
    pipeline.sandbox.new_key().await;
    pipeline.sandbox.fault(json!({"path": "/jwks", "kind": "status", "status": 503})).await;
    assert_eq!(connected(&pipeline, "ada", "ada").await, subject("ada", false));
}
