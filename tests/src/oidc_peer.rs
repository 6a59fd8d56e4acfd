//! oidc-provider, an OAuth 2 server that others wrote, as a child process. It is installed by version from npm into
//! `.sealpost/` when it is first wanted.

use reqwest::Client;
use serde_json::{Value, json};
use url::Url;

use crate::{browser::Browser, http, node, peer::Peer};

const PACKAGE: &str = "oidc-provider@9.13.3";
const SCRIPT: &str = include_str!("../peers/oidc-provider.mjs");

/// A running server of the test's own. Dropping it ends it.
#[derive(Debug)]
pub struct OidcPeer {
    peer: Peer,
    http: Client,
}

impl OidcPeer {
    /// Starts one on a free port.
    pub async fn start() -> Self {
        let peer = tokio::task::spawn_blocking(spawn).await.expect("oidc-provider");
        Self { peer, http: http::client() }
    }

    /// Its address.
    #[must_use]
    pub fn issuer(&self) -> &str {
        self.peer.issuer()
    }

    /// Its port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.peer.port()
    }

    /// A user signs in and consents to this authorization request; returns what comes back to the redirect URI.
    pub async fn consent(&self, user: &str, request: Url) -> Url {
        let mut browser = Browser::new();
        let page = browser.get(request).await;
        let page = browser.post(page, &[("prompt", "login"), ("login", user), ("password", "any")]).await;
        browser.post(page, &[("prompt", "consent")]).await
    }

    /// Tokens of a new grant of this user, and the grant's id.
    pub async fn mint_tokens(&self, user: &str) -> Value {
        self.admin("mint", json!({"user": user})).await
    }

    /// The code that a consent with these fields would have brought; see the server's script.
    pub async fn mint_code(&self, consent: Value) -> String {
        self.admin("mint-code", consent).await["code"].as_str().expect("a code").into()
    }

    /// The next token call is carried out, and not answered.
    pub async fn drop_an_answer(&self) {
        self.admin("fault", json!({"n": 1})).await;
    }

    /// How many seconds access tokens live that are issued from now on.
    pub async fn access_tokens_live(&self, seconds: u32) {
        self.admin("settings", json!({"access_ttl": seconds})).await;
    }

    /// The user withdraws consent.
    pub async fn withdraw(&self, grant: &Value) {
        self.admin("withdraw", json!({"grant_id": grant})).await;
    }

    /// Token calls by outcome, and how many grants ended since a token came again.
    pub async fn stats(&self) -> Value {
        self.admin("stats", json!({})).await
    }

    /// Every post, oldest first.
    pub async fn posts(&self) -> Vec<Value> {
        self.admin("posts", json!({})).await.as_array().expect("a list").clone()
    }

    async fn admin(&self, path: &str, body: Value) -> Value {
        let answer = self.http.post(format!("{}/admin/{path}", self.issuer())).json(&body).send().await;
        answer.expect("an answer of oidc-provider").json().await.expect("JSON")
    }
}

fn spawn() -> Peer {
    Peer::spawn(&mut node::script(20, &[PACKAGE], SCRIPT))
}
