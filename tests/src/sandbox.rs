//! The practice platform as a child process, and its admin API.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use reqwest::{Client, Method};
use serde_json::{Value, json};

use crate::{
    http,
    machine::binaries,
    patience::{end, limited},
};

/// A running practice platform of the test's own. Dropping it ends it.
#[derive(Debug)]
pub struct Sandbox {
    issuer: String,
    port: u16,
    http: Client,
    child: Child,
}

#[derive(serde::Deserialize)]
struct Ready {
    port: u16,
    issuer: String,
}

impl Sandbox {
    /// Starts one on a free port.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// Starts one with more arguments.
    pub async fn start_with(args: &[&str]) -> Self {
        let args: Vec<String> = args.iter().map(|&arg| arg.to_owned()).collect();
        tokio::task::spawn_blocking(move || spawn(&args)).await.expect("a sandbox")
    }

    /// Its issuer, the address of its OAuth 2 server and its API.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Its port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The code that the user's consent would have brought to `redirect_uri`, asked for with this S256 challenge.
    pub async fn mint_code(&self, user: &str, redirect_uri: &str, code_challenge: Option<&str>) -> String {
        let mut consent = json!({"user": user, "redirect_uri": redirect_uri});
        if let Some(challenge) = code_challenge {
            consent["code_challenge"] = challenge.into();
        }
        self.mint(consent).await["code"].as_str().expect("a code").into()
    }

    /// What a consent with these fields would have brought; see the sandbox's `admin`.
    pub async fn mint(&self, consent: Value) -> Value {
        self.admin(Method::POST, "mint", Some(consent)).await
    }

    /// Spoils the next ID token, like `{"how": "tampered"}`; see the sandbox's `openid`.
    pub async fn spoil_id_token(&self, how: Value) {
        self.admin(Method::POST, "id-tokens", Some(how)).await;
    }

    /// Signs with a new key from now on, and tells the old one no longer.
    pub async fn new_key(&self) {
        self.admin(Method::POST, "new-key", None).await;
    }

    /// Tokens for a user, as the token endpoint answers them, without consent or code.
    pub async fn mint_tokens(&self, user: &str) -> Value {
        self.admin(Method::POST, "mint", Some(json!({"user": user}))).await
    }

    /// Switches a fault on, like `{"path": "/token", "when": "after", "kind": "drop"}`; see the sandbox's `faults`.
    pub async fn fault(&self, fault: Value) {
        self.admin(Method::POST, "faults", Some(fault)).await;
    }

    /// Every code and token that it gave out: `codes`, `access_tokens`, `refresh_tokens`, `id_tokens`.
    pub async fn secrets(&self) -> Value {
        self.admin(Method::GET, "secrets", None).await
    }

    /// What was asked of it so far.
    pub async fn stats(&self) -> Value {
        self.admin(Method::GET, "stats", None).await
    }

    /// Every post of every user, oldest first.
    pub async fn posts(&self) -> Vec<Value> {
        let posts = self.admin(Method::GET, "posts", None).await;
        posts["posts"].as_array().expect("a list of posts").clone()
    }

    /// Every text message, oldest first.
    pub async fn messages(&self) -> Vec<Value> {
        let inbox = self.admin(Method::GET, "sms", None).await;
        inbox["messages"].as_array().expect("a list of messages").clone()
    }

    /// A call of the admin API; panics when it is refused.
    pub async fn admin(&self, method: Method, path: &str, body: Option<Value>) -> Value {
        let mut request = self.http.request(method.clone(), format!("http://127.0.0.1:{}/admin/{path}", self.port));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap_or_else(|error| panic!("{method} /admin/{path}: {error}"));
        let status = answer.status();
        let text = answer.text().await.unwrap_or_default();
        assert!(status.is_success(), "{method} /admin/{path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }
}

/// Blocks until it says that it is ready. It ends with this process, as its stdin does.
fn spawn(args: &[String]) -> Sandbox {
    let mut command = Command::new(&binaries().sandbox);
    command.args(["--port", "0", "--until-stdin-closes"]).args(args).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("the sandbox starts");
    let (mut line, _limited) = (String::new(), limited(&child));
    BufReader::new(child.stdout.take().expect("its stdout")).read_line(&mut line).expect("a line of the sandbox");
    let ready = serde_json::from_str(&line);
    let Ready { port, issuer } = ready.unwrap_or_else(|error| panic!("the sandbox said {line:?}: {error}"));
    Sandbox { issuer, port, http: http::client(), child }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}
