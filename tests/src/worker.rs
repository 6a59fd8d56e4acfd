//! A worker process: the real binary on a configuration that the test wrote.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
};

use reqwest::Client;
use rustix::process::{Pid, Signal, kill_process};
use sealpost::dev::child::Guarded;

use crate::{
    freeze, http,
    machine::{binaries, unique},
    pipeline::{SOON, text_of},
    until,
};

/// A worker. Dropping it kills it; if the test fails, the end of its log is shown.
#[derive(Debug)]
pub struct Worker {
    process: Guarded,
    log: PathBuf,
    operations: String,
    http: Client,
}

impl Worker {
    /// Starts one and waits until it works.
    pub async fn start(folder: &Path, config: &Path, steps: &[&str], env: &[(&str, &str)]) -> Self {
        let worker = Self::begin(folder, config, steps, env).await;
        worker.logged("working").await;
        worker
    }

    /// Starts one and waits for its operations port only: its servers may be away.
    pub async fn begin(folder: &Path, config: &Path, steps: &[&str], env: &[(&str, &str)]) -> Self {
        let args: Vec<_> = ["work"].iter().chain(steps).copied().collect();
        Self::run(folder, config, &args, env).await
    }

    /// Starts a scheduler and waits for its operations port.
    pub async fn scheduler(folder: &Path, config: &Path) -> Self {
        Self::run(folder, config, &["schedule"], &[]).await
    }

    async fn run(folder: &Path, config: &Path, args: &[&str], env: &[(&str, &str)]) -> Self {
        let mut command = Command::new(&binaries().sealpost);
        command.args(args).arg("--config").arg(config).current_dir(folder);
        command.env("SEALPOST_LOG", "info").envs(env.iter().copied());
        let log = folder.join(unique("worker")).with_extension("log");
        let process = Guarded::spawn("a worker", &binaries().sealpost, &command, &log, None).expect("a worker");
        let mut worker = Self { process, log, operations: String::new(), http: http::client() };
        worker.operations = until("the worker tells its operations port", SOON, async || {
            assert!(worker.process.has_exited().is_none(), "the worker ended:\n{}", worker.log());
            let log = worker.log();
            let line = log.lines().find(|line| line.contains("operations port"))?;
            // in a log of text, or of JSON
            let address = line.split("address").nth(1)?.trim_start_matches(['=', '"', ':']);
            Some(format!("http://{}", address.split([' ', '"', '\n']).next()?))
        })
        .await;
        worker
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.process.pid()
    }

    /// Host and port of its operations port.
    #[must_use]
    pub fn operations(&self) -> &str {
        self.operations.trim_start_matches("http://")
    }

    /// What it logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        text_of(&self.log)
    }

    /// Waits until it logged this.
    pub async fn logged(&self, text: &str) {
        until(&format!("the worker logs {text:?}"), SOON, async || {
            assert!(self.process.has_exited().is_none(), "the worker ended:\n{}", self.log());
            self.log().contains(text)
        })
        .await;
    }

    /// A page of its operations port: status and text.
    pub async fn page(&self, path: &str) -> (u16, String) {
        let answer = self.http.get(format!("{}{path}", self.operations)).send().await.expect("an operations port");
        (answer.status().as_u16(), answer.text().await.expect("a text"))
    }

    /// Waits until a metric has at least this value: a message is counted only when it is acked, after its answer.
    pub async fn measured(&self, name: &str, labels: &[&str], least: u64) {
        assert_ne!(least, 0, "{name} is that from the beginning");
        let what = format!("{name} {labels:?} is at least {least}");
        until(&what, SOON, async || self.metric(name, labels).await >= least).await;
    }

    /// The sum of a counter's samples whose labels include these, as in `outcome="retried"`.
    pub async fn metric(&self, name: &str, labels: &[&str]) -> u64 {
        let (_, page) = self.page("/metrics").await;
        let samples = page.lines().filter(|line| {
            let rest = line.strip_prefix(name);
            rest.is_some_and(|rest| rest.starts_with(['{', ' '])) && labels.iter().all(|label| line.contains(label))
        });
        samples.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
    }

    /// SIGTERM; wait with [`Self::ended`].
    pub fn terminate(&self) {
        if self.process.has_exited().is_none() {
            let pid = Pid::from_raw(self.process.pid()).expect("a process id");
            kill_process(pid, Signal::TERM).expect("a signal to a running worker");
        }
    }

    /// SIGSTOP: it holds still, and its connections stay.
    pub async fn stop(&self) {
        freeze(&self.process).await;
    }

    /// SIGCONT.
    pub fn go_on(&self) {
        self.process.sigcont();
    }

    /// Waits until it ended.
    pub async fn ended(&self) -> ExitStatus {
        let ended = tokio::time::timeout(SOON, self.process.exited()).await;
        ended.expect("the worker ends in time").expect("an exit status")
    }

    /// SIGKILL, and waits for it.
    pub async fn kill9(&self) {
        self.process.kill9();
        self.ended().await;
    }

    /// Whether it still runs.
    #[must_use]
    pub fn lives(&self) -> bool {
        self.process.has_exited().is_none()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<_> = log.lines().collect();
            let end = lines[lines.len().saturating_sub(60)..].join("\n");
            let _ = writeln!(std::io::stderr(), "the end of the worker's log:\n{end}");
        }
        self.process.kill9();
        self.process.wait();
    }
}
