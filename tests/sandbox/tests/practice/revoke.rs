//! The revocation endpoint (RFC 7009).

use serde_json::json;

use crate::sandbox::{Sandbox, granted, refused};

async fn revoke(sandbox: &Sandbox, token: &str) -> u16 {
    sandbox.form("/revoke", &[("token", token)]).send().await.expect("sent").status().as_u16()
}

#[tokio::test]
async fn revoking_a_refresh_token_ends_the_grant() {
    let sandbox = Sandbox::start();
    let tokens = sandbox.tokens("ada").await;
    assert_eq!(revoke(&sandbox, &tokens.refresh).await, 200);
    assert_eq!(sandbox.status_with(&tokens.access).await, 401);
    refused(sandbox.refresh(&tokens.refresh).await, 400, "invalid_grant").await;
}

#[tokio::test]
async fn revoking_an_access_token_ends_only_itself() {
    let sandbox = Sandbox::start();
    let first = sandbox.tokens("ada").await;
    let second = granted(sandbox.refresh(&first.refresh).await).await;
    assert_eq!(revoke(&sandbox, &first.access).await, 200);
    assert_eq!(sandbox.status_with(&first.access).await, 401);
    assert_eq!(sandbox.status_with(&second.access).await, 200);
    granted(sandbox.refresh(&second.refresh).await).await;
}

#[tokio::test]
async fn an_unknown_or_already_revoked_token_is_no_error() {
    let sandbox = Sandbox::start();
    let tokens = sandbox.tokens("ada").await;
    for token in ["nonsense", &tokens.refresh, &tokens.refresh] {
        assert_eq!(revoke(&sandbox, token).await, 200);
    }
    assert_eq!(sandbox.stats().await["revoke"], json!({"unknown": 2, "ok": 1}));
}

#[tokio::test]
async fn only_the_client_may_revoke_and_must_say_what() {
    let sandbox = Sandbox::start();
    let tokens = sandbox.tokens("ada").await;
    let stranger = sandbox.post("/revoke").form(&[("token", &tokens.refresh)]);
    refused(stranger.send().await.expect("sent"), 401, "invalid_client").await;
    assert_eq!(sandbox.status_with(&tokens.access).await, 200);
    refused(sandbox.form("/revoke", &[]).send().await.expect("sent"), 400, "invalid_request").await;
}
