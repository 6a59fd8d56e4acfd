//! Prism, which others wrote, serving the `OpenAPI` document of Twilio's API: it refuses what the document does not allow, and
//! sends nothing. Both are installed by version from npm into `.sealpost/` when they are first wanted.

use reqwest::Client;
use serde_json::Value;

use crate::{http, node, peer::Peer};

const PACKAGES: [&str; 2] = ["@stoplight/prism-cli@5.14.2", "@twilio/cli-core@8.3.2"];
const SCRIPT: &str = include_str!("../peers/prism.mjs");

/// A running Prism of the test's own. Dropping it ends it.
#[derive(Debug)]
pub struct Prism {
    peer: Peer,
    http: Client,
}

impl Prism {
    /// Starts one on a free port.
    pub async fn start() -> Self {
        let spawn = || Peer::spawn(&mut node::script(20, &PACKAGES, SCRIPT));
        let peer = tokio::task::spawn_blocking(spawn).await.expect("Prism");
        Self { peer, http: http::client() }
    }

    /// Its address.
    #[must_use]
    pub fn origin(&self) -> &str {
        self.peer.issuer()
    }

    /// Every request so far, with its status and answer.
    pub async fn requests(&self) -> Vec<Value> {
        let answer = self.http.get(format!("{}/admin/requests", self.origin())).send().await;
        answer.expect("an answer of Prism's").json().await.expect("JSON")
    }
}
