//! The publishing API.

use reqwest::header::WWW_AUTHENTICATE;
use serde_json::{Value, json};

use crate::sandbox::{Sandbox, json_of, refused, text};

#[tokio::test]
async fn a_post_is_made_and_can_be_looked_up() {
    let sandbox = Sandbox::start();
    let access = sandbox.tokens("ada").await.access;
    let new = json!({"text": "second thoughts", "title": "Notes", "in_reply_to": "1"});
    let answer = sandbox.post("/api/posts").bearer_auth(&access).json(&new).send().await.expect("sent");
    assert_eq!(answer.status(), 201);
    let made: Value = answer.json().await.expect("JSON");
    assert_eq!((&made["author"], &made["text"]), (&json!("ada"), &json!("second thoughts")));
    assert_eq!((&made["title"], &made["in_reply_to"]), (&json!("Notes"), &json!("1")));
    assert!(text(&made, "created_at").ends_with('Z'));
    assert_eq!(sandbox.http.get(text(&made, "url")).send().await.expect("sent").status(), 200);
    let path = format!("/api/posts/{}", text(&made, "id"));
    assert_eq!(json_of(sandbox.get(&path).bearer_auth(&access)).await, made);
    assert_eq!(json_of(sandbox.get("/api/posts").bearer_auth(&access)).await["posts"], json!([made]));
    refused(sandbox.get("/api/posts/99").bearer_auth(&access).send().await.expect("sent"), 404, "not_found").await;
}

#[tokio::test]
async fn a_post_in_a_form_is_as_good_as_one_in_json() {
    let sandbox = Sandbox::start();
    let access = sandbox.tokens("ada").await.access;
    let send = |fields: &[(&str, &str)]| sandbox.post("/api/posts").form(fields).bearer_auth(&access).send();
    let made: Value = send(&[("text", "a&b"), ("title", "T")]).await.expect("sent").json().await.expect("JSON");
    assert_eq!((&made["text"], &made["title"]), (&json!("a&b"), &json!("T")));
    refused(send(&[("title", "T")]).await.expect("sent"), 400, "invalid_request").await;
    assert_eq!(sandbox.posts_made().await, 1);
}

#[tokio::test]
async fn the_same_key_of_the_same_user_is_the_same_post() {
    let sandbox = Sandbox::start();
    let (ada, grace) = (sandbox.tokens("ada").await.access, sandbox.tokens("grace").await.access);
    let send = |access: &str, key| sandbox.publish(access, "hello").header("Idempotency-Key", key).send();
    let first = send(&ada, "k1").await.expect("sent");
    assert_eq!(first.status(), 201);
    let first: Value = first.json().await.expect("JSON");
    let again = send(&ada, "k1").await.expect("sent");
    assert_eq!(again.status(), 200);
    assert_eq!(again.json::<Value>().await.expect("JSON"), first);
    assert_eq!(send(&ada, "k2").await.expect("sent").status(), 201);
    assert_eq!(send(&grace, "k1").await.expect("sent").status(), 201, "a key is its user's own");
    assert_eq!(sandbox.posts_made().await, 3);
    assert_eq!(sandbox.stats().await["posts"], json!({"made": 3, "repeated": 1}));
}

#[tokio::test]
async fn a_post_is_found_by_its_key_by_its_author_only() {
    let sandbox = Sandbox::start();
    let (ada, grace) = (sandbox.tokens("ada").await.access, sandbox.tokens("grace").await.access);
    let made = json_of(sandbox.publish(&ada, "hello").header("Idempotency-Key", "a key/1")).await;
    let find = |access: &str, key| json_of(sandbox.get("/api/posts").query(&[("by_key", key)]).bearer_auth(access));
    assert_eq!(find(&ada, "a key/1").await["posts"], json!([made]));
    assert_eq!(find(&ada, "another").await["posts"], json!([]));
    assert_eq!(find(&grace, "a key/1").await["posts"], json!([]));
}

#[tokio::test]
async fn without_a_good_token_nothing_is_made() {
    let sandbox = Sandbox::start();
    let access = sandbox.tokens("ada").await.access;
    sandbox.admin("expire", json!({"user": "ada"})).await;
    for token in [access.as_str(), "spa_unknown"] {
        let answer = sandbox.publish(token, "hello").send().await.expect("sent");
        let challenge = answer.headers()[WWW_AUTHENTICATE].to_str().expect("ASCII").to_owned();
        assert!(challenge.starts_with("Bearer ") && challenge.contains(r#"error="invalid_token""#), "{challenge}");
        refused(answer, 401, "invalid_token").await;
    }
    let answer = sandbox.post("/api/posts").json(&json!({"text": "hello"})).send().await.expect("sent");
    assert!(!answer.headers()[WWW_AUTHENTICATE].to_str().expect("ASCII").contains("error="), "RFC 6750 section 3.1");
    assert_eq!(answer.status(), 401);
    assert_eq!(sandbox.posts_made().await, 0);
}

#[tokio::test]
async fn a_token_without_the_scope_is_refused() {
    let sandbox = Sandbox::start();
    let with = async |scope| text(&sandbox.admin("mint", json!({"user": "ada", "scope": scope})).await, "access_token");
    let answer = sandbox.publish(&with("posts.read").await, "hello").send().await.expect("sent");
    let challenge = answer.headers()[WWW_AUTHENTICATE].to_str().expect("ASCII");
    assert!(challenge.contains(r#"error="insufficient_scope""#), "{challenge}");
    refused(answer, 403, "insufficient_scope").await;
    let answer = sandbox.get("/api/posts").bearer_auth(with("profile").await).send().await.expect("sent");
    refused(answer, 403, "insufficient_scope").await;
    let answer = sandbox.get("/api/posts").bearer_auth(with("posts.write").await).send().await.expect("sent");
    assert_eq!(answer.status(), 200, "who may write may look up what became of it");
}

#[tokio::test]
async fn a_text_has_1_to_5000_characters() {
    let sandbox = Sandbox::start();
    let access = sandbox.tokens("ada").await.access;
    let longest = "\u{e9}".repeat(5000);
    assert_eq!(sandbox.publish(&access, &longest).send().await.expect("sent").status(), 201);
    for text in ["", " \n", &format!("{longest}e")] {
        refused(sandbox.publish(&access, text).send().await.expect("sent"), 422, "invalid_text").await;
    }
    let no_text = sandbox.post("/api/posts").bearer_auth(&access).json(&json!({"title": "x"}));
    refused(no_text.send().await.expect("sent"), 400, "invalid_request").await;
    assert_eq!(sandbox.posts_made().await, 1);
}
