//! The binary as a person runs it: arguments, environment, stdin; what it said, and how it ended.

use std::process::{Output, Stdio};

use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};

use crate::{Pipeline, machine::binaries, patience::PATIENCE};

/// What the practice platform's secrets begin with: refresh tokens, access tokens, codes.
const SECRETS: [&str; 3] = ["spr_", "spa_", "spc_"];

/// What a command came to. No secret of the platform may be in what it says.
#[derive(Debug)]
pub struct Said {
    /// Whether it ended with exit code 0.
    pub good: bool,
    /// The result.
    pub stdout: String,
    /// All else.
    pub stderr: String,
}

impl Said {
    /// The result, as one JSON document.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {} {}", self.stdout, self.stderr))
    }

    /// The result, as a JSON document a line.
    #[must_use]
    pub fn json_lines(&self) -> Vec<Value> {
        let read = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        self.stdout.lines().map(read).collect()
    }

    /// The row of a table that has all of these in it.
    #[must_use]
    pub fn row(&self, parts: &[&str]) -> Option<&str> {
        self.stdout.lines().find(|line| parts.iter().all(|part| line.contains(part)))
    }
}

/// Starts a command on the pipeline's configuration. What it is given stands on its stdin.
pub async fn begin(pipeline: &Pipeline, args: &[&str], env: &[(&str, &str)], stdin: &str) -> Child {
    let mut command = Command::new(&binaries().sealpost);
    command.args(args).env("SEALPOST_CONFIG", pipeline.config()).envs(env.iter().copied());
    command.current_dir(pipeline.rig.folder()).kill_on_drop(true);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("a command");
    let mut input = child.stdin.take().expect("a stdin");
    // one that does not read its stdin may be gone by now
    let _ = input.write_all(stdin.as_bytes()).await;
    child
}

/// Waits for its end.
pub async fn end(child: Child) -> Said {
    let output = tokio::time::timeout(PATIENCE, child.wait_with_output()).await;
    let Output { status, stdout, stderr } = output.expect("an end in time").expect("an end");
    let [stdout, stderr] = [stdout, stderr].map(|bytes| String::from_utf8(bytes).expect("text"));
    for secret in SECRETS {
        assert!(!stdout.contains(secret) && !stderr.contains(secret), "{stdout}{stderr}");
    }
    Said { good: status.success(), stdout, stderr }
}

/// Runs a command to its end.
pub async fn run(pipeline: &Pipeline, args: &[&str]) -> Said {
    end(begin(pipeline, args, &[], "").await).await
}
