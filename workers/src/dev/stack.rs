//! The whole pipeline on one machine: private RabbitMQ and Redis, a keyring, the practice platform, workers and a
//! scheduler, each a child process behind a guard.

use std::fs::{self, File, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use sealpost_shared::clock::{Clock, SystemClock};
use sealpost_shared::keys::LocalKeys;
use tokio::time::{Instant, sleep};

use super::child::Guarded;
use super::folder::DevFolder;
use super::install::ensure_installed;
use super::screen::{Doing, line};
use super::servers::rabbitmq::{RabbitMq, RabbitMqOptions};
use super::servers::redis::{Redis, RedisOptions};
use super::servers::{Launcher, tail};

/// The id of the key that seals records.
pub(super) const KEY: &str = "tokens";

/// Our secret at the practice platform, which is practice only.
const PRACTICE_SECRET: &str = "sealpost-secret";

/// Our key at its gateway for text messages, too.
const SMS_KEY: &str = "sandbox-sms-key";

/// How long a program of ours may take to be ready.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// Everything that runs.
pub(super) struct Stack {
    folder: DevFolder,
    launcher: Launcher,
    rabbitmq: RabbitMq,
    redis: Redis,
    sandbox: Guarded,
    scheduler: Guarded,
    workers: Guarded,
    /// The practice platform's address.
    pub(super) practice: String,
    /// The workers' operations address.
    pub(super) operations: String,
}

impl Stack {
    /// Installs what is missing, and starts everything in a folder under `base`.
    pub(super) async fn start(base: &Path) -> Result<Self, String> {
        let doing = Doing::begin("servers installed");
        let installed = ensure_installed(base, &|text| line(&format!("  {text}"))).map_err(|e| e.to_string())?;
        doing.done("");
        let folder = DevFolder::take(base).map_err(|e| e.to_string())?;
        let guard = std::env::current_exe().map_err(|e| format!("cannot find this program's own file: {e}"))?;
        let launcher = Launcher { guard, installed, remove_up_to: None };

        let doing = Doing::begin("RabbitMQ");
        let rabbitmq = RabbitMq::start(&folder.path().join("rabbitmq"), &launcher, &RabbitMqOptions::default()).await;
        let rabbitmq = rabbitmq.map_err(|e| e.to_string())?;
        doing.done(&rabbitmq.url());

        let doing = Doing::begin("Redis");
        let redis = Redis::start(&folder.path().join("redis"), &launcher, &RedisOptions::default()).await;
        let redis = redis.map_err(|e| e.to_string())?;
        doing.done(&redis.url());

        let doing = Doing::begin("practice platform");
        let program = beside(&launcher.guard, "sealpost-sandbox")?;
        let mut command = Command::new(program);
        command.args(["--port", "0"]);
        let sandbox = child("sandbox", &launcher, &command, folder.path())?;
        let practice = told(&sandbox, "\"issuer\":\"", '"').await?;
        doing.done(&practice);

        let doing = Doing::begin("keyring and configuration");
        let config = configure(folder.path(), &rabbitmq.url(), &redis.url(), &practice)?;
        doing.done(&config.display().to_string());

        let doing = Doing::begin("workers");
        let workers = worker("workers", &launcher, &["work", "all"], &config, folder.path())?;
        let operations = ready(&workers).await?;
        doing.done(&format!("http://{operations}/metrics"));

        let doing = Doing::begin("scheduler");
        let scheduler = worker("scheduler", &launcher, &["schedule"], &config, folder.path())?;
        told(&scheduler, "next rotation at=", ' ').await?;
        doing.done("a rotation tick every night at 3:00 UTC");
        Ok(Self { folder, launcher, rabbitmq, redis, sandbox, scheduler, workers, practice, operations })
    }

    /// The broker's address.
    #[must_use]
    pub(super) fn broker_url(&self) -> String {
        self.rabbitmq.url()
    }

    /// The store's address.
    #[must_use]
    pub(super) fn store_url(&self) -> String {
        self.redis.url()
    }

    /// The configuration file.
    #[must_use]
    pub(super) fn config(&self) -> PathBuf {
        self.folder.path().join("sealpost.toml")
    }

    /// The keyring file.
    #[must_use]
    pub(super) fn keyring(&self) -> PathBuf {
        self.folder.path().join("keyring.json")
    }

    /// Adds an entry to the catalogue, the practice platform under another name.
    pub(super) fn add_provider(&self, name: &str) -> Result<(), String> {
        let file = self.folder.path().join("providers.toml");
        let add = |mut file: File| file.write_all(entry(name, &self.practice).as_bytes());
        File::options().append(true).open(&file).and_then(add).map_err(|e| format!("{}: {e}", file.display()))
    }

    /// Ends the workers as an operator would, with SIGTERM, and starts them again. Returns their exit code.
    pub(super) async fn restart_workers(&mut self) -> Result<Option<i32>, String> {
        let ended = self.workers.terminate().await.and_then(|status| status.code());
        self.workers = worker("workers-2", &self.launcher, &["work", "all"], &self.config(), self.folder.path())?;
        self.operations = ready(&self.workers).await?;
        Ok(ended)
    }

    /// Every process, by what it is.
    pub(super) fn processes(&self) -> impl Iterator<Item = (&'static str, &Guarded)> {
        [
            ("workers", &self.workers),
            ("scheduler", &self.scheduler),
            ("practice platform", &self.sandbox),
            ("RabbitMQ", self.rabbitmq.process()),
            ("Redis", self.redis.process()),
        ]
        .into_iter()
    }

    /// Ends everything, workers first.
    pub(super) async fn stop(&self) {
        for child in [&self.workers, &self.scheduler, &self.sandbox] {
            child.terminate().await;
        }
        self.redis.terminate().await;
        self.rabbitmq.terminate().await;
    }
}

fn configure(folder: &Path, broker: &str, store: &str, practice: &str) -> Result<PathBuf, String> {
    let write = |name: &str, text: &str| -> Result<PathBuf, String> {
        let path = folder.join(name);
        let problem = |e| format!("cannot write {}: {e}", path.display());
        fs::write(&path, text).map_err(problem)?;
        fs::set_permissions(&path, Permissions::from_mode(0o600)).map_err(problem)?;
        Ok(path)
    };
    let keyring = folder.join("keyring.json");
    LocalKeys::create(&keyring).map_err(|e| e.to_string())?;
    new_key_version(&keyring)?;
    write("broker.url", broker)?;
    write("store.url", store)?;
    write("practice.secret", PRACTICE_SECRET)?;
    write("providers.toml", &entry("practice", practice))?;
    write("sms.key", SMS_KEY)?;
    write("gateways.toml", &include_str!("stack/gateway.toml").replace("PRACTICE", practice))?;
    write("sealpost.toml", include_str!("stack/sealpost.toml"))
}

/// Adds a version to the key that seals records, and tells its name.
pub(super) fn new_key_version(keyring: &Path) -> Result<String, String> {
    let key = KEY.parse().map_err(|e| format!("{e}"))?;
    let version = LocalKeys::rotate(keyring, &key, SystemClock.now()).map_err(|e| e.to_string())?;
    Ok(version.to_string())
}

fn entry(name: &str, practice: &str) -> String {
    include_str!("stack/provider.toml").replace("NAME", name).replace("PRACTICE", practice)
}

fn beside(program: &Path, name: &str) -> Result<PathBuf, String> {
    let path = program.with_file_name(name);
    if path.exists() { Ok(path) } else { Err(format!("{} is missing; run `cargo build --bins`", path.display())) }
}

fn worker(name: &str, launcher: &Launcher, args: &[&str], config: &Path, folder: &Path) -> Result<Guarded, String> {
    let mut command = Command::new(&launcher.guard);
    command.args(args).arg("--config").arg(config);
    child(name, launcher, &command, folder)
}

fn child(name: &str, launcher: &Launcher, command: &Command, folder: &Path) -> Result<Guarded, String> {
    let log = folder.join(format!("{name}.log"));
    Guarded::spawn(name, &launcher.guard, command, &log, None).map_err(|e| e.to_string())
}

/// Waits until a worker works, and tells its operations address.
async fn ready(worker: &Guarded) -> Result<String, String> {
    let address = told(worker, "address=", ' ').await?;
    told(worker, "working", '\n').await?;
    Ok(address)
}

/// Waits until a program's log has this mark, and returns what follows up to `end`.
async fn told(program: &Guarded, mark: &str, end: char) -> Result<String, String> {
    let deadline = Instant::now() + READY_WITHIN;
    while program.has_exited().is_none() && Instant::now() < deadline {
        let log = fs::read_to_string(program.log()).unwrap_or_default();
        let rest = log.split_once(mark).map(|(_, rest)| rest);
        if let Some(found) = rest.and_then(|rest| rest.split_once([end, '\n'])) {
            return Ok(found.0.to_owned());
        }
        sleep(Duration::from_millis(20)).await;
    }
    Err(format!("{} did not start; the end of {}:\n{}", program.name(), program.log().display(), tail(program.log())))
}
