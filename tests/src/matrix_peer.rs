//! Synapse, a Matrix homeserver that others wrote, as a child process. It is installed by version with pip into
//! `.sealpost/` when it is first wanted.

use std::{path::PathBuf, process::Command};

use reqwest::{Client, Method};
use serde_json::{Value, json};

use crate::{
    http,
    machine::{folder, remove_folder},
    peer::{Peer, installed},
    python::python_venv,
};

const PACKAGE: &str = "matrix-synapse==1.163.2";
const SCRIPT: &str = include_str!("../peers/matrix-synapse.py");

/// A running server of the test's own. Dropping it ends it.
#[derive(Debug)]
pub struct MatrixPeer {
    peer: Peer,
    http: Client,
    folder: PathBuf,
}

impl MatrixPeer {
    /// Starts one on a free port, with these users. Its access tokens live so long, as in `5m`.
    pub async fn start(lifetime: &'static str, users: &'static [&str]) -> Self {
        let folder = folder("matrix");
        let own = folder.clone();
        let peer = tokio::task::spawn_blocking(move || {
            let python = python_venv(&[PACKAGE]);
            let script = installed(PACKAGE, &[("peer.py", SCRIPT)], |_| {}).join("peer.py");
            Peer::spawn(Command::new(python).arg(script).arg(own).arg(lifetime).args(users))
        });
        Self { peer: peer.await.expect("Synapse"), http: http::client(), folder }
    }

    /// Its address.
    #[must_use]
    pub fn issuer(&self) -> &str {
        self.peer.issuer()
    }

    /// Signs a user in; the answer has an access token and a refresh token.
    pub async fn sign_in(&self, user: &str) -> Value {
        let who = json!({"type": "m.id.user", "user": user});
        let login =
            json!({"type": "m.login.password", "identifier": who, "password": "password", "refresh_token": true});
        self.call(Method::POST, "login", None, Some(login)).await
    }

    /// Makes a room of the user whose access token this is, and returns its id.
    pub async fn room(&self, access_token: &str) -> String {
        let made = self.call(Method::POST, "createRoom", Some(access_token), Some(json!({}))).await;
        made["room_id"].as_str().expect("a room").into()
    }

    /// Every text in a room, oldest first, as this user sees it.
    pub async fn texts(&self, room: &str, access_token: &str) -> Vec<Value> {
        let path = format!("rooms/{room}/messages?dir=f&limit=100");
        let found = self.call(Method::GET, &path, Some(access_token), None).await;
        let all = found["chunk"].as_array().expect("a list of events").iter();
        all.filter(|event| event["type"] == "m.room.message").map(|event| event["content"]["body"].clone()).collect()
    }

    async fn call(&self, method: Method, path: &str, access_token: Option<&str>, body: Option<Value>) -> Value {
        let mut request = self.http.request(method, format!("{}/_matrix/client/v3/{path}", self.issuer()));
        if let Some(token) = access_token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.expect("an answer of Synapse");
        let (status, answer) = (answer.status(), answer.text().await.expect("a whole answer of Synapse"));
        assert!(status.is_success(), "{path}: {status} {answer}");
        serde_json::from_str(&answer).expect("JSON")
    }
}

impl Drop for MatrixPeer {
    fn drop(&mut self) {
        remove_folder(&self.folder);
    }
}
