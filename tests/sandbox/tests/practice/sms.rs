//! The gateway for text messages.

use serde_json::{Value, json};

use crate::sandbox::{Sandbox, json_of, refused};

async fn send(sandbox: &Sandbox, body: &Value) -> reqwest::Response {
    let request = sandbox.post("/sms/messages").header("X-Api-Key", "sandbox-sms-key");
    request.json(body).send().await.expect("sent")
}

#[tokio::test]
async fn a_message_is_in_the_inbox_once_for_each_key() {
    let sandbox = Sandbox::start();
    let body = json!({"to": "+237650000000", "text": "é{}€", "reference": "r"});
    let under =
        |key| sandbox.post("/sms/messages").header("X-Api-Key", "sandbox-sms-key").header("Idempotency-Key", key);
    for (key, status, id) in [("k1", 201, "sms-1"), ("k1", 200, "sms-1"), ("k2", 201, "sms-2")] {
        let answer = under(key).json(&body).send().await.expect("sent");
        assert_eq!(answer.status(), status, "{key}");
        assert_eq!(answer.json::<Value>().await.expect("JSON"), json!({"id": id, "status": "accepted"}));
    }
    let inbox = json_of(sandbox.get("/admin/sms")).await;
    let first = &inbox["messages"][0];
    assert_eq!(inbox["messages"].as_array().expect("a list").len(), 2);
    assert_eq!((&first["to"], &first["text"]), (&body["to"], &body["text"]));
    assert_eq!((&first["septets"], &first["reference"]), (&json!(7), &json!("r")));
    assert_eq!(sandbox.stats().await["sms"], json!({"sent": 2, "repeated": 1}));
}

#[tokio::test]
async fn what_costs_more_than_one_message_or_reaches_nobody_is_refused() {
    let sandbox = Sandbox::start();
    let body = |to: &str, text: &str| json!({"to": to, "text": text});
    for (body, error) in [
        (body("+237650000000", "forêt"), "invalid_text"),
        (body("+237650000000", ""), "invalid_text"),
        (body("+237650000000", &"x".repeat(161)), "invalid_text"),
        (body("+237650000000", &"€".repeat(81)), "invalid_text"),
        (body("237650000000", "x"), "invalid_number"),
        (body("+15005550001", "x"), "invalid_number"),
    ] {
        refused(send(&sandbox, &body).await, 422, error).await;
    }
    for fits in ["x".repeat(160), "€".repeat(80)] {
        assert_eq!(send(&sandbox, &body("+237650000000", &fits)).await.status(), 201);
    }
    refused(send(&sandbox, &json!({"text": "x"})).await, 400, "invalid_request").await;
    let anonymous = sandbox.post("/sms/messages").json(&body("+237650000000", "x")).send().await.expect("sent");
    refused(anonymous, 401, "invalid_key").await;
}
