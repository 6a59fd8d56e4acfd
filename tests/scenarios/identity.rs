//! ID tokens: whose consent it was, and what is done when it was somebody else's.

mod keys;
mod oidc_provider;
mod refreshes;
mod subjects;
mod tokens;

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use sealpost_shared::{ids, records::Record};
use sealpost_tests::pipeline::{Consent, REDIRECT, connection, exchange_request};
use sealpost_tests::{Pipeline, Setup};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const SCOPE: &str = "openid profile posts.read posts.write";

/// A pipeline whose provider signs ID tokens.
pub(crate) async fn pipeline() -> Pipeline {
    let pipeline = Pipeline::start_with(Setup { http_limit: 4, ..Setup::default() }).await;
    let file = pipeline.rig.folder().join("providers.toml");
    let keys = format!("jwks_url = '{}/jwks'\nscopes = ['openid', ", pipeline.sandbox.issuer());
    let entry = std::fs::read_to_string(file).unwrap().replace("scopes = [", &keys);
    assert!(entry.contains("jwks_url"));
    pipeline.write("providers.toml", &entry);
    pipeline
}

/// A request of this user, to whose consent an account of the platform said yes.
pub(crate) async fn request(pipeline: &Pipeline, user: &str, account: &str) -> Value {
    request_for(pipeline, user, account, SCOPE, Some("the nonce")).await
}

async fn request_for(pipeline: &Pipeline, user: &str, account: &str, scope: &str, nonce: Option<&str>) -> Value {
    let (verifier, challenge) = pkce();
    let consent = json!({
        "user": account, "scope": scope, "redirect_uri": REDIRECT, "code_challenge": challenge, "nonce": nonce,
    });
    let code = pipeline.sandbox.mint(consent).await["code"].as_str().unwrap().to_owned();
    let mut request = exchange_request("acme", user, &Consent { code, verifier });
    if let Some(nonce) = nonce {
        request["grant"]["nonce"] = nonce.into();
    }
    request
}

/// A verifier and its challenge (RFC 7636).
fn pkce() -> (String, String) {
    let verifier = format!("{}{}", ids::fresh().simple(), ids::fresh().simple());
    let challenge = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(&verifier));
    (verifier, challenge)
}

async fn exchange(pipeline: &Pipeline, request: &Value) -> Value {
    pipeline.ask("exchange-request.v1", request).await
}

/// Has this user connected with an account of the platform, and returns the subject that is told.
pub(crate) async fn connected(pipeline: &Pipeline, user: &str, account: &str) -> Value {
    stored(&exchange(pipeline, &request(pipeline, user, account).await).await)
}

/// The subject of an answer that must say that a connection was stored.
fn stored(answer: &Value) -> Value {
    assert_eq!(answer["outcome"], "stored", "{answer}");
    answer["subject"].clone()
}

fn failed(answer: &Value, code: &str) {
    assert_eq!((&answer["outcome"], &answer["failure"]["code"]), (&json!("failed"), &json!(code)), "{answer}");
    assert_eq!(answer["failure"]["retryable"], false, "{answer}");
}

fn subject(account: &str, changed: bool) -> Value {
    json!({"id": format!("id-of-{account}"), "name": account, "changed": changed})
}

async fn record(pipeline: &Pipeline, user: &str) -> Option<Record> {
    let store = pipeline.store().await;
    store.load(&store.locate(&connection("acme", user))).await.unwrap()
}
