//! A command on a terminal of its own, as a person sees it.

use std::process::Stdio;
use std::sync::{Arc, Mutex};

use sealpost_tests::patience::PATIENCE;
use sealpost_tests::pipeline::SOON;
use sealpost_tests::{Pipeline, until};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, Command};

/// A terminal, by util-linux's `script`.
pub(super) struct Terminal {
    script: Child,
    keys: ChildStdin,
    shown: Arc<Mutex<String>>,
}

impl Terminal {
    /// Runs a line of a shell on one.
    pub(super) fn begin(pipeline: &Pipeline, line: &str) -> Self {
        let mut script = Command::new("script");
        script
            .args(["-qec", line, "/dev/null"])
            .env("SEALPOST_CONFIG", pipeline.config())
            .env("TERM", "xterm-256color");
        script.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut script = script.spawn().unwrap();
        let (keys, mut stdout) = (script.stdin.take().unwrap(), script.stdout.take().unwrap());
        let shown = Arc::<Mutex<String>>::default();
        let all = Arc::clone(&shown);
        tokio::spawn(async move {
            let mut bytes = Vec::new();
            while stdout.read_buf(&mut bytes).await.is_ok_and(|read| read > 0) {
                *all.lock().unwrap() = String::from_utf8_lossy(&bytes).into_owned();
            }
        });
        Self { script, keys, shown }
    }

    /// Everything that was written to it, with what steers it.
    pub(super) fn shown(&self) -> String {
        self.shown.lock().unwrap().clone()
    }

    /// Waits until this stands there.
    pub(super) async fn shows(&self, text: &str) {
        until(&format!("{text:?} is on the terminal"), SOON, async || self.shown().contains(text)).await;
    }

    /// Types.
    pub(super) async fn types(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).await.unwrap();
        self.keys.flush().await.unwrap();
    }

    /// Waits for the end of the line, and returns everything that was shown.
    pub(super) async fn ended(mut self) -> String {
        tokio::time::timeout(PATIENCE, self.script.wait()).await.unwrap().unwrap();
        self.shown()
    }
}
