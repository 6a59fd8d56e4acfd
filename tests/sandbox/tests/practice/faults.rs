//! The faults: each kind, before and after the processing, and how many times.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::sandbox::{Sandbox, eventually, granted, json_of, refused};

/// Everything that the platform sends on one connection, byte for byte, in answer to a post.
fn raw_post(sandbox: &Sandbox, access: &str) -> String {
    let port = u16::try_from(sandbox.port).expect("a port");
    let mut socket = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("connected");
    socket.set_read_timeout(Some(Duration::from_secs(10))).expect("a deadline, for a platform that never closes");
    let body = r#"{"text":"a text to be cut in half"}"#;
    let head = format!(
        "POST /api/posts HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {access}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    socket.write_all(format!("{head}{body}").as_bytes()).expect("written");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).expect("closed in order, not reset");
    answer
}

#[tokio::test]
async fn a_status_before_keeps_the_token_and_one_after_spends_it() {
    let sandbox = Sandbox::start();
    let token = sandbox.tokens("ada").await.refresh;
    let fault = |when| {
        json!({"path": "/token", "when": when, "kind": "status", "status": 429,
               "headers": {"retry-after": "2"}, "body": "later"})
    };
    sandbox.admin("faults", fault("before")).await;
    let answer = sandbox.refresh(&token).await;
    assert_eq!((answer.status().as_u16(), &answer.headers()["retry-after"]), (429, &"2".parse().expect("a value")));
    assert_eq!(answer.text().await.expect("text"), "later");
    let second = granted(sandbox.refresh(&token).await).await;
    sandbox.admin("faults", fault("after")).await;
    assert_eq!(sandbox.refresh(&second.refresh).await.status(), 429);
    refused(sandbox.refresh(&second.refresh).await, 400, "invalid_grant").await;
    assert_eq!(sandbox.stats().await["refresh_reuses"], 1);
}

#[tokio::test]
async fn a_fault_spoils_n_requests_and_is_gone() {
    let sandbox = Sandbox::start();
    let access = sandbox.tokens("ada").await.access;
    let listed = async || json_of(sandbox.get("/admin/faults")).await["faults"].clone();
    sandbox.admin("faults", json!({"path": "/api/me", "n": 2, "kind": "status", "status": 503})).await;
    assert_eq!(sandbox.status_with(&access).await, 503);
    assert_eq!(listed().await[0]["n"], 1);
    assert_eq!(sandbox.status_with(&access).await, 503);
    assert_eq!(sandbox.status_with(&access).await, 200);
    assert_eq!(listed().await, json!([]));
    assert_eq!(sandbox.stats().await["faults_fired"], 2);
}

#[tokio::test]
async fn a_fault_touches_only_its_path_and_method_and_can_be_switched_off() {
    let sandbox = Sandbox::start();
    let access = sandbox.tokens("ada").await.access;
    let fault = json!({"path": "/api/posts", "method": "POST", "n": 9, "kind": "status", "status": 503});
    sandbox.admin("faults", fault).await;
    assert_eq!(sandbox.refresh("spr_unknown").await.status(), 400);
    assert_eq!(sandbox.get("/api/posts").bearer_auth(&access).send().await.expect("sent").status(), 200);
    assert_eq!(sandbox.publish(&access, "hello").send().await.expect("sent").status(), 503);
    let off = sandbox.http.delete(sandbox.url("/admin/faults")).send().await.expect("sent");
    assert_eq!(off.status(), 204);
    assert_eq!(sandbox.publish(&access, "hello").send().await.expect("sent").status(), 201);
}

#[tokio::test]
async fn a_hang_never_answers() {
    let sandbox = Sandbox::start();
    let access = sandbox.tokens("ada").await.access;
    for (fired, when, posts) in [(1, "before", 0), (2, "after", 1)] {
        sandbox.admin("faults", json!({"path": "/api/posts", "when": when, "kind": "hang"})).await;
        let hanging = tokio::spawn(sandbox.publish(&access, "hello").send());
        eventually("the fault fires", async || sandbox.stats().await["faults_fired"] == fired).await;
        eventually("the post is made or not", async || sandbox.posts_made().await == posts).await;
        assert!(!hanging.is_finished());
        hanging.abort();
    }
}

#[tokio::test]
async fn a_drop_closes_without_a_byte() {
    let sandbox = Sandbox::start();
    let access = sandbox.tokens("ada").await.access;
    for (when, posts) in [("before", 0), ("after", 1)] {
        sandbox.admin("faults", json!({"path": "/api/posts", "when": when, "kind": "drop"})).await;
        assert_eq!(raw_post(&sandbox, &access), "", "{when}");
        assert_eq!(sandbox.posts_made().await, posts, "{when}");
    }
}

#[tokio::test]
async fn a_tear_closes_in_the_middle_of_the_body() {
    let sandbox = Sandbox::start();
    let access = sandbox.tokens("ada").await.access;
    let fault = json!({"path": "/api/posts", "kind": "tear", "status": 201, "body": "0123456789"});
    sandbox.admin("faults", fault).await;
    let answer = raw_post(&sandbox, &access);
    assert!(answer.starts_with("HTTP/1.1 201 ") && answer.contains("content-length: 10\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\n01234"), "{answer}");
    assert_eq!(sandbox.posts_made().await, 0);

    sandbox.admin("faults", json!({"path": "/api/posts", "when": "after", "kind": "tear"})).await;
    let answer = raw_post(&sandbox, &access);
    let (head, body) = answer.split_once("\r\n\r\n").expect("a whole head");
    let promised: usize = head
        .split("content-length: ")
        .nth(1)
        .expect("a length")
        .lines()
        .next()
        .expect("a line")
        .parse()
        .expect("a number");
    assert!(head.starts_with("HTTP/1.1 201 ") && body.starts_with(r#"{"id":"1""#), "{answer}");
    assert_eq!(body.len(), promised / 2);
    assert_eq!(sandbox.posts_made().await, 1);
}

#[tokio::test]
async fn a_slow_answer_is_the_true_one() {
    let sandbox = Sandbox::start();
    let access = sandbox.tokens("ada").await.access;
    for when in ["before", "after"] {
        sandbox.admin("faults", json!({"path": "/api/posts", "when": when, "kind": "slow", "delay_ms": 50})).await;
        let begun = Instant::now();
        let answer = sandbox.publish(&access, "hello").send().await.expect("sent");
        assert!(begun.elapsed() >= Duration::from_millis(50), "{when}: a lower bound cannot flake");
        assert_eq!(answer.status(), 201, "{when}");
    }
    assert_eq!(sandbox.posts_made().await, 2);
}

#[tokio::test]
async fn a_slow_request_is_processed_also_when_the_client_has_gone() {
    let sandbox = Sandbox::start();
    let access = sandbox.tokens("ada").await.access;
    sandbox.admin("faults", json!({"path": "/api/posts", "kind": "slow", "delay_ms": 200})).await;
    let calling = tokio::spawn(sandbox.publish(&access, "hello").send());
    eventually("the fault fires", async || sandbox.stats().await["faults_fired"] == 1).await;
    calling.abort();
    eventually("the post is made", async || sandbox.posts_made().await == 1).await;
}

#[tokio::test]
async fn a_fault_that_makes_no_sense_is_refused() {
    let sandbox = Sandbox::start();
    for fault in [
        json!({"path": "/token", "n": 0, "kind": "drop"}),
        json!({"path": "/admin/stats", "kind": "drop"}),
        json!({"path": "/token", "kind": "slow"}),
        json!({"path": "/token", "kind": "status", "status": 7}),
        json!({"path": "/token", "kind": "status", "headers": {"a b": "c"}}),
        json!({"path": "/token", "kind": "explode"}),
        json!({"path": "/token", "kind": "drop", "colour": "red"}),
    ] {
        let answer = sandbox.post("/admin/faults").json(&fault).send().await.expect("sent");
        assert!(answer.status().is_client_error(), "{fault}");
    }
    let waiting: Value = json_of(sandbox.get("/admin/faults")).await;
    assert_eq!(waiting["faults"], json!([]));
}

#[tokio::test]
async fn an_edit_changes_the_true_answer_and_a_swell_makes_it_long() {
    let sandbox = Sandbox::start();
    let token = sandbox.tokens("ada").await.refresh;
    let set = json!({"expires_in": "soon", "scope": null});
    sandbox.admin("faults", json!({"path": "/token", "when": "after", "kind": "edit", "set": set})).await;
    let answer: Value = sandbox.refresh(&token).await.json().await.expect("JSON");
    assert_eq!((&answer["expires_in"], answer.get("scope")), (&"soon".into(), None), "{answer}");
    assert_eq!(sandbox.status_with(answer["access_token"].as_str().expect("a token")).await, 200);
    let token = answer["refresh_token"].as_str().expect("a token");
    sandbox.admin("faults", json!({"path": "/token", "when": "after", "kind": "swell", "bytes": 5000})).await;
    let swollen = sandbox.refresh(token).await.text().await.expect("text");
    assert!(swollen.len() > 5000 && serde_json::from_str::<Value>(&swollen).is_ok(), "whole and good");
    for wrong in [
        json!({"path": "/token", "kind": "edit", "when": "after"}),
        json!({"path": "/token", "kind": "edit", "set": {"a": 1}}),
        json!({"path": "/token", "kind": "swell"}),
        json!({"path": "/token", "kind": "hang", "bytes": 5}),
    ] {
        let answer = sandbox.http.post(sandbox.url("/admin/faults")).json(&wrong).send().await.expect("sent");
        assert_eq!(answer.status(), 400, "{wrong}");
    }
}
