//! The token endpoint: codes once, refresh tokens in turn, and who may ask.

use reqwest::header::{CACHE_CONTROL, WWW_AUTHENTICATE};
use serde_json::{Value, json};

use crate::sandbox::{CALLBACK, Sandbox, VERIFIER, granted, json_of, refused};

#[tokio::test]
async fn a_code_brings_tokens_that_no_cache_keeps() {
    let sandbox = Sandbox::start();
    let answer = sandbox.redeem(&sandbox.code("ada").await).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()[CACHE_CONTROL], "no-store");
    let body: Value = answer.json().await.expect("JSON");
    assert_eq!(body["token_type"], "Bearer");
    assert_eq!(body["expires_in"], 3600);
    assert_eq!(body["scope"], "profile posts.read posts.write");
    assert!(body["access_token"].as_str().is_some_and(|token| token.starts_with("spa_") && token.len() == 47));
    assert!(body["refresh_token"].as_str().is_some_and(|token| token.starts_with("spr_") && token.len() == 47));
}

#[tokio::test]
async fn a_code_used_twice_revokes_all_that_came_of_it() {
    let sandbox = Sandbox::start();
    let code = sandbox.code("ada").await;
    let first = granted(sandbox.redeem(&code).await).await;
    let second = granted(sandbox.refresh(&first.refresh).await).await;
    let bystander = sandbox.tokens("ada").await;
    refused(sandbox.redeem(&code).await, 400, "invalid_grant").await;
    assert_eq!(sandbox.status_with(&first.access).await, 401);
    assert_eq!(sandbox.status_with(&second.access).await, 401);
    refused(sandbox.refresh(&second.refresh).await, 400, "invalid_grant").await;
    assert_eq!(sandbox.status_with(&bystander.access).await, 200, "another grant of the same user lives on");
    let stats = sandbox.stats().await;
    assert_eq!((&stats["code_reuses"], &stats["families_ended_by_reuse"]), (&json!(1), &json!(1)));
}

#[tokio::test]
async fn a_code_that_fails_a_check_is_refused_and_not_spent() {
    let sandbox = Sandbox::start();
    let code = sandbox.code("ada").await;
    let other = "a".repeat(43);
    for (redirect_uri, verifier, error) in [
        (CALLBACK, other.as_str(), "invalid_grant"),
        (CALLBACK, "", "invalid_grant"),
        ("http://127.0.0.1:7778/callback", VERIFIER, "invalid_grant"),
        ("", VERIFIER, "invalid_request"),
    ] {
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", redirect_uri),
            ("code_verifier", verifier),
        ];
        refused(sandbox.form("/token", &fields).send().await.expect("sent"), 400, error).await;
    }
    granted(sandbox.redeem(&code).await).await;
}

#[tokio::test]
async fn a_verifier_for_a_code_without_challenge_is_refused() {
    let sandbox = Sandbox::start();
    let minted = sandbox.admin("mint", json!({"user": "ada", "redirect_uri": CALLBACK})).await;
    refused(sandbox.redeem(minted["code"].as_str().expect("code")).await, 400, "invalid_grant").await;
}

#[tokio::test]
async fn a_code_dies_of_age() {
    let sandbox = Sandbox::start();
    assert_eq!(sandbox.admin("settings", json!({})).await["code_ttl"], 60);
    sandbox.admin("settings", json!({"code_ttl": 0})).await;
    refused(sandbox.redeem(&sandbox.code("ada").await).await, 400, "invalid_grant").await;
}

#[tokio::test]
async fn a_refresh_gives_a_new_pair_and_the_old_access_token_lives_on() {
    let sandbox = Sandbox::start();
    let first = sandbox.tokens("ada").await;
    let second = granted(sandbox.refresh(&first.refresh).await).await;
    assert_ne!(first.refresh, second.refresh);
    assert_eq!(sandbox.status_with(&first.access).await, 200);
    assert_eq!(sandbox.status_with(&second.access).await, 200);
    granted(sandbox.refresh(&second.refresh).await).await;
    assert_eq!(sandbox.stats().await["token"]["refresh_token"], json!({"ok": 2}));
}

#[tokio::test]
async fn an_old_refresh_token_ends_the_family_access_tokens_too() {
    let sandbox = Sandbox::start();
    let first = sandbox.tokens("ada").await;
    let second = granted(sandbox.refresh(&first.refresh).await).await;
    let bystander = sandbox.tokens("ada").await;
    refused(sandbox.refresh(&first.refresh).await, 400, "invalid_grant").await;
    assert_eq!(sandbox.status_with(&first.access).await, 401);
    assert_eq!(sandbox.status_with(&second.access).await, 401);
    refused(sandbox.refresh(&second.refresh).await, 400, "invalid_grant").await;
    assert_eq!(sandbox.status_with(&bystander.access).await, 200, "another grant of the same user lives on");
    let stats = sandbox.stats().await;
    assert_eq!((&stats["refresh_reuses"], &stats["families_ended_by_reuse"]), (&json!(1), &json!(1)));
    assert_eq!(stats["token"]["refresh_token"], json!({"ok": 1, "invalid_grant": 2}));
}

#[tokio::test]
async fn of_many_refreshes_at_once_with_one_token_exactly_one_succeeds() {
    let sandbox = Sandbox::start();
    let token = sandbox.tokens("ada").await.refresh;
    let form = [("grant_type", "refresh_token"), ("refresh_token", token.as_str())];
    let calls: Vec<_> = (0..8).map(|_| tokio::spawn(sandbox.form("/token", &form).send())).collect();
    let mut won = 0;
    for call in calls {
        won += u32::from(call.await.expect("joined").expect("sent").status() == 200);
    }
    assert_eq!(won, 1);
    assert_eq!(sandbox.stats().await["refresh_reuses"], 7);
}

#[tokio::test]
async fn a_refresh_may_ask_for_less_but_not_for_more() {
    let sandbox = Sandbox::start();
    let minted = sandbox.admin("mint", json!({"user": "ada", "scope": "posts.read posts.write"})).await;
    let refresh = crate::sandbox::text(&minted, "refresh_token");
    let with = |scope| [("grant_type", "refresh_token"), ("refresh_token", &*refresh), ("scope", scope)];
    let more = sandbox.form("/token", &with("posts.read profile")).send().await.expect("sent");
    refused(more, 400, "invalid_scope").await;
    let less = json_of(sandbox.form("/token", &with("posts.read"))).await;
    assert_eq!(less["scope"], "posts.read");
}

#[tokio::test]
async fn a_withdrawn_consent_ends_the_family() {
    let sandbox = Sandbox::start();
    let (ada, grace) = (sandbox.tokens("ada").await, sandbox.tokens("grace").await);
    assert_eq!(sandbox.admin("revoke", json!({"user": "ada"})).await["ended"], 1);
    assert_eq!(sandbox.status_with(&ada.access).await, 401);
    refused(sandbox.refresh(&ada.refresh).await, 400, "invalid_grant").await;
    assert_eq!(sandbox.status_with(&grace.access).await, 200);
    assert_eq!(sandbox.stats().await["refresh_reuses"], 0);
}

#[tokio::test]
async fn access_tokens_expire_and_a_refresh_helps() {
    let sandbox = Sandbox::start();
    let (ada, grace) = (sandbox.tokens("ada").await, sandbox.tokens("grace").await);
    assert_eq!(sandbox.admin("expire", json!({"user": "ada"})).await["expired"], 1);
    assert_eq!(sandbox.status_with(&ada.access).await, 401);
    assert_eq!(sandbox.status_with(&grace.access).await, 200);
    let fresh = granted(sandbox.refresh(&ada.refresh).await).await;
    assert_eq!(sandbox.status_with(&fresh.access).await, 200);
    sandbox.admin("settings", json!({"access_ttl": 0})).await;
    assert_eq!(sandbox.status_with(&sandbox.tokens("ada").await.access).await, 401);
}

#[tokio::test]
async fn a_client_that_cannot_prove_itself_is_challenged() {
    let sandbox = Sandbox::start();
    let token = sandbox.tokens("ada").await.refresh;
    let form = [("grant_type", "refresh_token"), ("refresh_token", &token)];
    let in_body = |id, secret| {
        let all = [form[0], form[1], ("client_id", id), ("client_secret", secret)];
        sandbox.post("/token").form(&all)
    };
    let plain = sandbox.post("/token").form(&form);
    for request in [
        plain.try_clone().expect("cloned"),
        plain.try_clone().expect("cloned").basic_auth("sealpost", Some("wrong")),
        plain.try_clone().expect("cloned").basic_auth("stranger", Some("sealpost-secret")),
        plain.bearer_auth("sealpost"),
        in_body("sealpost", "wrong"),
    ] {
        let answer = request.send().await.expect("sent");
        assert!(answer.headers()[WWW_AUTHENTICATE].to_str().expect("ASCII").starts_with("Basic "));
        refused(answer, 401, "invalid_client").await;
    }
    let twice = in_body("sealpost", "sealpost-secret").basic_auth("sealpost", Some("sealpost-secret"));
    refused(twice.send().await.expect("sent"), 400, "invalid_request").await;
    // None of these spent the token.
    granted(in_body("sealpost", "sealpost-secret").send().await.expect("sent")).await;
}

#[tokio::test]
async fn a_request_that_makes_no_sense_is_refused_by_its_name() {
    let sandbox = Sandbox::start();
    for (fields, error) in [
        (vec![], "invalid_request"),
        (vec![("grant_type", "password")], "unsupported_grant_type"),
        (vec![("grant_type", "refresh_token")], "invalid_request"),
        (vec![("grant_type", "refresh_token"), ("refresh_token", "spr_unknown")], "invalid_grant"),
        (vec![("grant_type", "refresh_token"), ("grant_type", "refresh_token")], "invalid_request"),
        (vec![("grant_type", "authorization_code"), ("code", "x"), ("redirect_uri", CALLBACK)], "invalid_grant"),
    ] {
        refused(sandbox.form("/token", &fields).send().await.expect("sent"), 400, error).await;
    }
    refused(sandbox.post("/token").json(&json!({})).send().await.expect("sent"), 400, "invalid_request").await;
}

#[tokio::test]
async fn the_log_says_which_client_spent_what_and_made_which_post() {
    let sandbox = Sandbox::start();
    let tokens = granted(sandbox.redeem(&sandbox.code("ada").await).await).await;
    let refresh = [("grant_type", "refresh_token"), ("refresh_token", tokens.refresh.as_str())];
    let first = granted(sandbox.form("/token?from=w1", &refresh).send().await.expect("sent")).await;
    refused(sandbox.form("/token?from=w2", &refresh).send().await.expect("sent"), 400, "invalid_grant").await;
    let post = sandbox.post("/api/posts?from=w3").bearer_auth(&first.access).json(&json!({"text": "hello"}));
    refused(post.send().await.expect("sent"), 401, "invalid_token").await;
    let other = sandbox.tokens("ada").await;
    assert_eq!(sandbox.publish(&other.access, "hello").send().await.expect("sent").status(), 201);
    let log = json_of(sandbox.get("/admin/log")).await;
    let said = |line: &Value| {
        json!([line["call"], line["query"], line["user"], line["family"], line["text"], line["outcome"]])
    };
    let said: Vec<Value> = log["log"].as_array().expect("a list").iter().map(said).collect();
    assert_eq!(
        said,
        [
            json!(["authorization_code", null, "ada", 0, null, "ok"]),
            json!(["refresh_token", "from=w1", "ada", 0, null, "ok"]),
            json!(["refresh_token", "from=w2", "ada", 0, null, "invalid_grant"]),
            json!(["post", "from=w3", null, null, null, "invalid_token"]),
            json!(["post", null, "ada", null, "hello", "made"]),
        ]
    );
}
