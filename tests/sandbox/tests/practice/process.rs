//! The program: its first line, its end, its flags.

use serde_json::json;

use crate::sandbox::{Sandbox, eventually};

#[tokio::test]
async fn the_ready_line_says_where_it_listens() {
    let sandbox = Sandbox::start();
    assert_eq!(sandbox.issuer, format!("http://127.0.0.1:{}", sandbox.port));
    assert_eq!(sandbox.get("/").send().await.expect("sent").status(), 200);
}

#[tokio::test]
async fn it_ends_when_its_stdin_closes_also_with_a_request_in_flight() {
    let mut sandbox = Sandbox::start();
    sandbox.admin("faults", json!({"path": "/api/me", "kind": "hang"})).await;
    let hanging = tokio::spawn(sandbox.get("/api/me").send());
    eventually("the request hangs", async || sandbox.stats().await["faults_fired"] == 1).await;
    drop(sandbox.process.stdin.take());
    let process = std::cell::RefCell::new(&mut sandbox.process);
    eventually("the process ends", async || process.borrow_mut().try_wait().expect("waited").is_some()).await;
    hanging.await.expect("joined").expect_err("the connection is gone");
}

#[tokio::test]
async fn another_client_may_be_registered_by_flags() {
    let sandbox = Sandbox::start_with(&["--client-id", "other", "--client-secret", "a:b c", "--access-ttl", "7"]);
    let refresh = sandbox.tokens("ada").await.refresh;
    let form = [("grant_type", "refresh_token"), ("refresh_token", &refresh)];
    // Form-encoded before it is put together (RFC 6749 §2.3.1).
    let answer = sandbox.post("/token").basic_auth("other", Some("a%3Ab+c")).form(&form).send().await.expect("sent");
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.json::<serde_json::Value>().await.expect("JSON")["expires_in"], 7);
}

#[tokio::test]
async fn a_reset_forgets_everything() {
    let sandbox = Sandbox::start();
    let tokens = sandbox.tokens("ada").await;
    assert_eq!(sandbox.publish(&tokens.access, "hello").send().await.expect("sent").status(), 201);
    sandbox.admin("settings", json!({"access_ttl": 5})).await;
    sandbox.admin("faults", json!({"path": "/token", "kind": "drop"})).await;
    sandbox.admin("reset", json!({})).await;
    assert_eq!(sandbox.posts_made().await, 0);
    assert_eq!(sandbox.status_with(&tokens.access).await, 401);
    assert_eq!(sandbox.stats().await["posts"], json!({}));
    let answer = sandbox.refresh(&sandbox.tokens("ada").await.refresh).await;
    assert_eq!(answer.json::<serde_json::Value>().await.expect("JSON")["expires_in"], 3600);
}
