//! django-oauth-toolkit, an OAuth 2 server that others wrote, as a child process. It is installed by version with pip
//! into `.sealpost/` when it is first wanted.

use std::{path::PathBuf, process::Command};

use reqwest::Client;
use serde_json::{Value, json};
use url::Url;

use crate::{
    browser::Browser,
    http,
    machine::{folder, remove_folder},
    peer::{Peer, installed},
    pipeline::REDIRECT,
    python::python_venv,
};

const PACKAGES: [&str; 2] = ["django-oauth-toolkit==3.4.1", "django==5.2.19"];
const SCRIPT: &str = include_str!("../peers/django-oauth-toolkit.py");

/// A running server of the test's own. Dropping it ends it.
#[derive(Debug)]
pub struct DjangoPeer {
    peer: Peer,
    http: Client,
    folder: PathBuf,
}

impl DjangoPeer {
    /// Starts one on a free port. For `grace` seconds after its use, a refresh token brings the same answer again; a
    /// spent one that comes later ends its family.
    pub async fn start(grace: u32) -> Self {
        let folder = folder("django");
        let own = folder.clone();
        let peer = tokio::task::spawn_blocking(move || {
            let python = python_venv(&PACKAGES);
            let script = installed(PACKAGES[0], &[("peer.py", SCRIPT)], |_| {}).join("peer.py");
            Peer::spawn(Command::new(python).arg(script).arg(own).arg(grace.to_string()).arg(REDIRECT))
        });
        Self { peer: peer.await.expect("django-oauth-toolkit"), http: http::client(), folder }
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

    /// A user, who is signed in, consents to this authorization request; returns what comes back to the redirect URI.
    pub async fn consent(&self, user: &str, request: Url) -> Url {
        let mut browser = Browser::new();
        let mut door = request.join("/login/").expect("an address");
        door.query_pairs_mut().append_pair("user", user);
        browser.get(door).await;
        browser.get(request).await
    }

    /// How many seconds access tokens live that are issued from now on.
    pub async fn access_tokens_live(&self, seconds: u32) {
        self.admin("settings", json!({"access_ttl": seconds})).await;
    }

    /// All access tokens have expired, whatever was said when they were issued.
    pub async fn expire_access_tokens(&self) {
        self.admin("expire", json!({})).await;
    }

    /// Refreshes by status, and how many refresh tokens are good.
    pub async fn stats(&self) -> Value {
        self.admin("stats", json!({})).await
    }

    /// Every post, oldest first.
    pub async fn posts(&self) -> Vec<Value> {
        self.admin("posts", json!({})).await["posts"].as_array().expect("a list").clone()
    }

    async fn admin(&self, path: &str, body: Value) -> Value {
        let answer = self.http.post(format!("{}/admin/{path}", self.issuer())).json(&body).send().await;
        answer.expect("an answer of django-oauth-toolkit").json().await.expect("JSON")
    }
}

impl Drop for DjangoPeer {
    fn drop(&mut self) {
        remove_folder(&self.folder);
    }
}
