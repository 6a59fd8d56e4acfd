//! A platform of its own for each test: started as a child, ended with the test.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Once;
use std::time::{Duration, Instant};

use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};

/// The example of RFC 7636, appendix B.
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
pub(crate) const CALLBACK: &str = "http://127.0.0.1:7777/callback";

pub(crate) struct Sandbox {
    pub(crate) process: Child,
    pub(crate) http: Client,
    pub(crate) issuer: String,
    pub(crate) port: u64,
}

impl Sandbox {
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the platform uses nothing of ours, so it cannot use our HTTP client"
    )]
    pub(crate) fn start_with(flags: &[&str]) -> Self {
        static PROVIDER: Once = Once::new();
        PROVIDER.call_once(|| rustls::crypto::ring::default_provider().install_default().expect("installed once"));
        let mut process = Command::new(env!("CARGO_BIN_EXE_sealpost-sandbox"))
            .args(["--port", "0", "--until-stdin-closes"])
            .args(flags)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the sandbox starts");
        let mut line = String::new();
        BufReader::new(process.stdout.take().expect("piped")).read_line(&mut line).expect("a line on stdout");
        let ready: Value = serde_json::from_str(&line).expect("the ready line is JSON");
        assert_eq!(ready["ready"], true);
        let http = Client::builder().redirect(Policy::none()).timeout(Duration::from_secs(20)).build().expect("client");
        let issuer = ready["issuer"].as_str().expect("issuer").to_owned();
        Self { process, http, issuer, port: ready["port"].as_u64().expect("port") }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.issuer)
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.http.get(self.url(path))
    }

    pub(crate) fn post(&self, path: &str) -> RequestBuilder {
        self.http.post(self.url(path))
    }

    /// A form to the token or revocation endpoint, by the client as it should be.
    pub(crate) fn form(&self, path: &str, fields: &[(&str, &str)]) -> RequestBuilder {
        self.post(path).basic_auth("sealpost", Some("sealpost-secret")).form(fields)
    }

    pub(crate) async fn admin(&self, what: &str, body: Value) -> Value {
        let response = self.post(&format!("/admin/{what}")).json(&body).send().await.expect("sent");
        assert!(response.status().is_success(), "admin {what} {body}: {}", response.status());
        let text = response.text().await.expect("text");
        if text.is_empty() { Value::Null } else { serde_json::from_str(&text).expect("JSON") }
    }

    /// Tokens of a new grant of this user, with all scopes.
    pub(crate) async fn tokens(&self, user: &str) -> Tokens {
        Tokens::of(&self.admin("mint", json!({"user": user})).await)
    }

    /// A code as consent would have brought it, with the challenge of [`VERIFIER`].
    pub(crate) async fn code(&self, user: &str) -> String {
        let mint = json!({"user": user, "redirect_uri": CALLBACK, "code_challenge": CHALLENGE});
        text(&self.admin("mint", mint).await, "code")
    }

    pub(crate) async fn redeem(&self, code: &str) -> Response {
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", VERIFIER),
        ];
        self.form("/token", &fields).send().await.expect("sent")
    }

    pub(crate) async fn refresh(&self, token: &str) -> Response {
        let fields = [("grant_type", "refresh_token"), ("refresh_token", token)];
        self.form("/token", &fields).send().await.expect("sent")
    }

    /// The status of a call that any good access token may make.
    pub(crate) async fn status_with(&self, access: &str) -> u16 {
        self.get("/api/me").bearer_auth(access).send().await.expect("sent").status().as_u16()
    }

    pub(crate) fn publish(&self, access: &str, text: &str) -> RequestBuilder {
        self.post("/api/posts").bearer_auth(access).json(&json!({"text": text}))
    }

    pub(crate) async fn posts_made(&self) -> usize {
        json_of(self.get("/admin/posts")).await["posts"].as_array().expect("posts").len()
    }

    pub(crate) async fn stats(&self) -> Value {
        json_of(self.get("/admin/stats")).await
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub(crate) struct Tokens {
    pub(crate) access: String,
    pub(crate) refresh: String,
}

impl Tokens {
    pub(crate) fn of(answer: &Value) -> Self {
        Self { access: text(answer, "access_token"), refresh: text(answer, "refresh_token") }
    }
}

pub(crate) fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_else(|| panic!("{name} in {value}")).to_owned()
}

pub(crate) async fn json_of(request: RequestBuilder) -> Value {
    request.send().await.expect("sent").json().await.expect("JSON")
}

/// The tokens of an answer that must be a good one.
pub(crate) async fn granted(response: Response) -> Tokens {
    assert_eq!(response.status(), 200);
    Tokens::of(&response.json().await.expect("JSON"))
}

/// Asserts a refusal by status and error code.
pub(crate) async fn refused(response: Response, status: u16, error: &str) {
    assert_eq!(response.status(), status);
    let body: Value = response.json().await.expect("JSON");
    assert_eq!(body["error"], error, "{body}");
}

/// Asks again until it is so, for ten seconds.
pub(crate) async fn eventually<F: Future<Output = bool>>(what: &str, mut so: impl FnMut() -> F) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !so().await {
        assert!(Instant::now() < deadline, "not within ten seconds: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
