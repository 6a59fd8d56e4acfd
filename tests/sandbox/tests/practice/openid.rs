//! ID tokens: who gets them, what is in them, and the key that they are signed with.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use serde_json::{Value, json};

use crate::sandbox::{CALLBACK, CHALLENGE, Sandbox, json_of, text};

/// The answer to a code of a user who allowed these scopes.
async fn answer(sandbox: &Sandbox, scope: &str) -> Value {
    let mint = json!({
        "user": "ada", "scope": scope, "redirect_uri": CALLBACK, "code_challenge": CHALLENGE, "nonce": "n-1",
    });
    let code = text(&sandbox.admin("mint", mint).await, "code");
    sandbox.redeem(&code).await.json().await.expect("JSON")
}

fn decoded(part: &str) -> Value {
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).expect("base64")).expect("JSON")
}

/// The claims of a token, if the one key that is told signed it.
async fn verified(sandbox: &Sandbox, token: &str) -> Option<Value> {
    let keys = json_of(sandbox.get("/jwks")).await;
    let key = &keys["keys"][0];
    let bytes = |text: &str| BASE64_URL_SAFE_NO_PAD.decode(text).expect("base64");
    let point = [vec![4], bytes(&text(key, "x")), bytes(&text(key, "y"))].concat();
    let (signed, signature) = token.rsplit_once('.').expect("three parts");
    let (head, claims) = signed.split_once('.').expect("three parts");
    let is_named = decoded(head)["kid"] == key["kid"];
    let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
    (is_named && public.verify(signed.as_bytes(), &bytes(signature)).is_ok()).then(|| decoded(claims))
}

#[tokio::test]
async fn who_allows_openid_is_told_in_a_signed_token_and_at_a_refresh_without_the_nonce() {
    let sandbox = Sandbox::start();
    assert_eq!(answer(&sandbox, "posts.read").await["id_token"], Value::Null);
    let first = answer(&sandbox, "openid posts.read").await;
    let claims = verified(&sandbox, &text(&first, "id_token")).await.expect("signed");
    assert_eq!(claims["iss"], sandbox.issuer.as_str());
    assert_eq!(
        (&claims["sub"], &claims["aud"], &claims["nonce"]),
        (&json!("id-of-ada"), &json!("sealpost"), &json!("n-1"))
    );
    assert_eq!(claims["preferred_username"], Value::Null, "the scope profile was not allowed");
    let second: Value = sandbox.refresh(&text(&first, "refresh_token")).await.json().await.expect("JSON");
    let claims = verified(&sandbox, &text(&second, "id_token")).await.expect("signed");
    assert_eq!((&claims["sub"], &claims["nonce"]), (&json!("id-of-ada"), &Value::Null));
}

#[tokio::test]
async fn every_secret_that_was_given_out_is_told_to_a_test_also_when_it_is_spent() {
    let sandbox = Sandbox::start();
    let first = answer(&sandbox, "openid").await;
    let second: Value = sandbox.refresh(&text(&first, "refresh_token")).await.json().await.expect("JSON");
    let given = json_of(sandbox.get("/admin/secrets")).await;
    assert_eq!(given["codes"].as_array().map(Vec::len), Some(1));
    for (all, one) in
        [("access_tokens", "access_token"), ("refresh_tokens", "refresh_token"), ("id_tokens", "id_token")]
    {
        let told = given[all].as_array().expect("a list");
        assert!(told.len() == 2 && told.contains(&first[one]) && told.contains(&second[one]), "{all}: {given}");
    }
}

#[tokio::test]
async fn a_token_is_spoilt_as_often_as_was_asked_and_a_new_key_replaces_the_old_one() {
    let sandbox = Sandbox::start();
    sandbox.admin("id-tokens", json!({"how": "tampered", "n": 2})).await;
    for is_good in [false, false, true] {
        let token = text(&answer(&sandbox, "openid").await, "id_token");
        assert_eq!(verified(&sandbox, &token).await.is_some(), is_good);
    }
    let old = text(&answer(&sandbox, "openid").await, "id_token");
    sandbox.admin("new-key", json!({})).await;
    assert!(verified(&sandbox, &old).await.is_none());
    let new = text(&answer(&sandbox, "openid").await, "id_token");
    assert!(verified(&sandbox, &new).await.is_some());
}
