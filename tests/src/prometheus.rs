//! Prometheus, which others wrote, as a child process, and its `promtool`. Where the machine has none, Debian's package is
//! unpacked into `.sealpost/` when it is first wanted: nothing is installed, and no service starts.

use std::{
    fs,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::{Command, Output},
};

use reqwest::Client;
use sealpost::dev::child::Guarded;
use serde_json::Value;

use crate::{
    http,
    machine::{binaries, folder, remove_folder},
    peer::{installed, run},
    pipeline::SOON,
    until,
};

/// Seconds between two scrapes.
pub const SCRAPE: u32 = 1;

/// `apt-get download` needs no root, but an index of packages.
const UNPACK: &str = "apt-get download prometheus || { $0 apt-get update && apt-get download prometheus; }
dpkg-deb -x prometheus_*.deb . && rm prometheus_*.deb";

/// How often another port is tried.
const TRIES: usize = 5;

/// A running server of the test's own. Dropping it ends it.
#[derive(Debug)]
pub struct Prometheus {
    process: Guarded,
    folder: PathBuf,
    port: u16,
    http: Client,
}

/// What a server scrapes: host and port of workers and schedulers, and of a RabbitMQ's Prometheus plugin.
#[derive(Debug, Clone)]
pub struct Scraped {
    /// Operations ports.
    pub sealpost: Vec<String>,
    /// The plugin's port.
    pub rabbitmq: u16,
}

impl Prometheus {
    /// Starts one on a free port, and waits until it answers.
    pub async fn start(scraped: &Scraped) -> Self {
        let program = tokio::task::spawn_blocking(|| program("prometheus")).await.expect("an installed Prometheus");
        let folder = folder("prometheus");
        fs::write(folder.join("prometheus.yml"), configuration(scraped)).expect("a configuration");
        let http = http::client();
        for _ in 0..TRIES {
            let port = free_port();
            let process = spawn(&program, &folder, port);
            let url = format!("http://127.0.0.1:{port}/-/ready");
            until("Prometheus is ready, or ends", SOON, async || {
                let answer = http.get(&url).send().await;
                process.has_exited().is_some() || answer.is_ok_and(|answer| answer.status().is_success())
            })
            .await;
            // who took the port meanwhile may be another Prometheus
            if process.has_exited().is_none() {
                return Self { process, folder, port, http };
            }
        }
        panic!("Prometheus does not start: {}", fs::read_to_string(folder.join("prometheus.log")).unwrap_or_default())
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The series that a query brings now.
    ///
    /// # Errors
    /// What Prometheus says against the query.
    pub async fn query(&self, query: &str) -> Result<Vec<Value>, String> {
        let url = url::Url::parse_with_params(&format!("{}/api/v1/query", self.url()), [("query", query)]);
        let answer = self.http.get(url.expect("an address")).send().await.expect("an answer of Prometheus");
        let mut answer: Value = answer.json().await.expect("JSON");
        match answer["data"]["result"].take() {
            Value::Array(series) => Ok(series),
            _ => Err(format!("{query}: {}", answer["error"])),
        }
    }
}

/// Runs `promtool` in the folder of the dashboards. Blocks.
#[must_use]
pub fn promtool(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(program("promtool"));
    command.args(args).current_dir(folder).output().expect("promtool runs")
}

/// The machine's own, or the one that is unpacked here.
fn program(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file());
    found.unwrap_or_else(|| {
        let unpacked = installed("prometheus", &[], |folder| {
            let as_root = if rustix::process::geteuid().is_root() { "env" } else { "sudo" };
            run(Command::new("sh").args(["-ec", UNPACK, as_root]).current_dir(folder));
        });
        unpacked.join("usr/bin").join(name)
    })
}

fn configuration(scraped: &Scraped) -> String {
    format!(
        "global: {{scrape_interval: {SCRAPE}s}}\n\
         scrape_configs:\n\
         - job_name: sealpost\n  static_configs: [{{targets: {:?}}}]\n\
         - job_name: rabbitmq\n  metrics_path: /metrics/detailed\n  \
           params: {{family: [queue_coarse_metrics, queue_consumer_count]}}\n  \
           static_configs: [{{targets: ['127.0.0.1:{}']}}]\n",
        scraped.sealpost, scraped.rabbitmq
    )
}

fn spawn(program: &Path, folder: &Path, port: u16) -> Guarded {
    let mut command = Command::new(program);
    command.args(["--config.file=prometheus.yml", "--storage.tsdb.path=data"]).current_dir(folder);
    command.arg(format!("--web.listen-address=127.0.0.1:{port}"));
    let log = folder.join("prometheus.log");
    Guarded::spawn("prometheus", &binaries().sealpost, &command, &log, None).expect("Prometheus starts")
}

/// Free a moment ago: Prometheus does not tell which port it got.
fn free_port() -> u16 {
    let held = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    held.local_addr().expect("an address").port()
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        self.process.kill9();
        self.process.wait();
        remove_folder(&self.folder);
    }
}
