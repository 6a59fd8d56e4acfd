//! The practice servers in the hands of the vendor's own clients: if these are content, so is Azure's contract.

use std::io::{BufRead, BufReader, Lines, Read, Write};
use std::process::{Child, ChildStdout, Command, Stdio};

use reqwest::Method;
use sealpost_tests::{
    Azure,
    machine::workspace,
    node,
    patience::{Limited, end, limited},
    python::python_venv,
};
use serde_json::json;

pub(super) const PYTHON: [&str; 2] = ["azure-keyvault-secrets==4.12.0", "azure-identity==1.27.0"];

const JAVASCRIPT: [&str; 2] = ["@azure/keyvault-secrets@4.12.0", "@azure/identity@4.14.1"];
const CREDENTIALS: [(&str, &str); 3] =
    [("secret", "by-secret"), ("identity", "by-identity"), ("workload", "by-workload")];

/// Runs a client of the vendor's through its steps; two requests of it are throttled when it has recovered its secret.
async fn content(azure: &Azure, mut command: Command, vault: &str, credential: &str) {
    let places = azure.folder.join("places.json");
    command.arg(places).args([vault, credential]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let (mut client, line) = tokio::task::spawn_blocking(move || {
        let mut child = command.spawn().unwrap();
        let (limit, mut lines) = (limited(&child), BufReader::new(child.stdout.take().unwrap()).lines());
        let line = lines.next();
        (Running { child, lines, _limit: limit }, line)
    })
    .await
    .unwrap();
    if !matches!(line, Some(Ok(line)) if line == "recovered") {
        client.says_that_it_is_done().await;
        panic!("it ended too soon");
    }
    let fired = azure.faults_fired().await;
    let throttled = json!({"at": "vault", "vault": vault, "kind": "status", "status": 429, "n": 2,
                           "headers": {"retry-after": "1"}});
    azure.fault(throttled).await;
    client.child.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
    client.says_that_it_is_done().await;
    assert_eq!(azure.faults_fired().await - fired, 2, "{credential}: a throttled request is made again");
    assert_eq!(azure.count(vault, "set", "dek").await, 3, "{credential}");
}

/// A client on its way through its steps.
struct Running {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    _limit: Limited,
}

impl Running {
    /// If it does not, shows what it complained of. How it ends is another matter: see [`end`].
    async fn says_that_it_is_done(mut self) {
        let wait = move || {
            let done = self.lines.any(|line| line.is_ok_and(|line| line == "done"));
            end(&mut self.child);
            let mut complaint = String::new();
            self.child.stderr.take().unwrap().read_to_string(&mut complaint).unwrap();
            assert!(done, "{complaint}");
        };
        tokio::task::spawn_blocking(wait).await.unwrap();
    }
}

#[tokio::test]
async fn the_vendors_python_client_is_content_with_each_credential() {
    let azure = Azure::start().await;
    azure.workload_token().await;
    let made = azure.admin(Method::POST, "certificates", json!({})).await;
    let both = ["certificate", "key"].map(|name| made[name].as_str().unwrap()).concat();
    std::fs::write(azure.folder.join("client.pem"), both).unwrap();
    let python = tokio::task::spawn_blocking(|| python_venv(&PYTHON)).await.unwrap();
    for (credential, vault) in CREDENTIALS.into_iter().chain([("certificate", "by-certificate")]) {
        let mut command = Command::new(&python);
        command.arg("-B").arg(workspace().join("tests/peers/azure-sdk.py"));
        content(&azure, command, vault, credential).await;
    }
}

#[tokio::test]
async fn the_vendors_javascript_client_is_content_with_each_credential() {
    let azure = Azure::start().await;
    azure.workload_token().await;
    for (credential, vault) in CREDENTIALS {
        let script = || node::script(22, &JAVASCRIPT, include_str!("../../peers/azure-sdk.mjs"));
        let mut command = tokio::task::spawn_blocking(script).await.unwrap();
        command.env("NODE_EXTRA_CA_CERTS", azure.ca());
        content(&azure, command, vault, credential).await;
    }
}

/// The vendor's Rust SDK, told of the managed identity as App Service tells it.
fn rust(azure: &Azure) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_azure-sdk"));
    command.env("IDENTITY_ENDPOINT", &azure.places.identity_endpoint);
    command.env("IDENTITY_HEADER", &azure.places.identity_header);
    command
}

#[tokio::test]
async fn the_vendors_rust_client_is_content_with_each_credential() {
    let azure = Azure::start().await;
    azure.workload_token().await;
    for (credential, vault) in CREDENTIALS {
        content(&azure, rust(&azure), vault, credential).await;
    }
}

#[tokio::test]
async fn the_vendors_rust_client_tells_why_its_credential_was_refused() {
    let azure = Azure::start().await;
    let mut command = rust(&azure);
    command.arg(azure.folder.join("places.json")).args(["by-secret", "refused"]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let _limited = limited(&child);
    let output = tokio::task::spawn_blocking(move || child.wait_with_output()).await.unwrap().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
