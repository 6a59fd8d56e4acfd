//! The whole pipeline on one machine: private RabbitMQ and Redis, a keyring or the practice vault, the practice platform,
//! workers and a scheduler, each a child process behind a guard.

use std::collections::BTreeSet;
use std::fs::{self, File, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use sealpost_shared::clock::{Clock, SystemClock};
use sealpost_shared::config::Config;
use sealpost_shared::keys::{KeyChanges, Keys, SealingKeys};
use sealpost_shared::records::Store;
use sealpost_shared::seal::KeyRef;
use sealpost_shared::wire::WireKeys;
use tokio::time::{Instant, sleep};

use super::azure::PracticeAzure;
use super::child::Guarded;
use super::folder::DevFolder;
use super::install::ensure_installed;
use super::screen::{Doing, line};
use super::servers::rabbitmq::{RabbitMq, RabbitMqOptions};
use super::servers::redis::{Redis, RedisOptions};
use super::servers::{Launcher, free_ports, tail};
use crate::worker;

/// Our secret at the practice platform, which is practice only.
const PRACTICE_SECRET: &str = "sealpost-secret";

/// Our key at its gateway for text messages, too.
const SMS_KEY: &str = "sandbox-sms-key";

/// The scheduler's configuration: the workers', but for the port.
const SCHEDULER: &str = "scheduler.toml";

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
    /// With `--azure`.
    pub(super) azure: Option<PracticeAzure>,
    /// The practice platform's address.
    pub(super) practice: String,
    /// The workers' operations address.
    pub(super) operations: String,
}

impl Stack {
    /// Installs what is missing, and starts everything in a folder under `base`; with `azure`, keys are in the practice
    /// vault.
    pub(super) async fn start(base: &Path, azure: bool) -> Result<Self, String> {
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
        let mut command = Command::new(&program);
        command.args(["--port", "0"]);
        let sandbox = child("sandbox", &launcher, &command, folder.path())?;
        let practice = told(&sandbox, "\"issuer\":\"", '"').await?;
        doing.done(&practice);

        let azure = if azure { Some(practice_azure(&launcher, &program, folder.path()).await?) } else { None };
        let doing = Doing::begin("keys and configuration");
        let config = configure(folder.path(), [&rabbitmq.url(), &redis.url(), &practice], azure.as_ref())?;
        first_key(&config).await?;
        doing.done(&config.display().to_string());

        let doing = Doing::begin("workers");
        let workers = ours("workers", &launcher, &["work", "all"], &config, folder.path())?;
        let operations = ready(&workers).await?;
        doing.done(&format!("http://{operations}/metrics"));

        let doing = Doing::begin("scheduler");
        let scheduler = &config.with_file_name(SCHEDULER);
        let scheduler = ours("scheduler", &launcher, &["schedule"], scheduler, folder.path())?;
        told(&scheduler, "next rotation at=", ' ').await?;
        doing.done("a rotation tick every night at 3:00 UTC");
        Ok(Self { folder, launcher, rabbitmq, redis, sandbox, scheduler, workers, azure, practice, operations })
    }

    /// The broker's address.
    #[must_use]
    pub(super) fn broker_url(&self) -> String {
        self.rabbitmq.url()
    }

    /// The configuration file.
    #[must_use]
    pub(super) fn config(&self) -> PathBuf {
        self.folder.path().join("sealpost.toml")
    }

    /// The keys as workers have them.
    pub(super) async fn keys(&self) -> Result<SealingKeys, String> {
        worker::sealing_keys(&Config::read(&self.config())?).await
    }

    /// The key that producers seal to.
    pub(super) fn wire_keys(&self) -> Result<WireKeys, String> {
        let config = Config::read(&self.config())?;
        Ok(worker::wire_keys(&config, &worker::keys(&config)?))
    }

    /// The store as workers have it.
    pub(super) async fn store(&self, keys: &SealingKeys) -> Result<Store, String> {
        let config = worker::store_config(&Config::read(&self.config())?, vec![self.redis.url().into()]);
        Store::open(config, keys.index_key()).await.map_err(|e| e.to_string())
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
        self.workers = ours("workers-2", &self.launcher, &["work", "all"], &self.config(), self.folder.path())?;
        self.operations = ready(&self.workers).await?;
        Ok(ended)
    }

    /// Every process, by what it is.
    pub(super) fn processes(&self) -> impl Iterator<Item = (&'static str, &Guarded)> {
        let azure = self.azure.as_ref().map(|azure| ("practice vault and tenant", &azure.process));
        [
            ("workers", &self.workers),
            ("scheduler", &self.scheduler),
            ("practice platform", &self.sandbox),
            ("RabbitMQ", self.rabbitmq.process()),
            ("Redis", self.redis.process()),
        ]
        .into_iter()
        .chain(azure)
    }

    /// Ends everything, workers first.
    pub(super) async fn stop(&self) {
        let azure = self.azure.as_ref().map(|azure| &azure.process);
        for child in [&self.workers, &self.scheduler, &self.sandbox].into_iter().chain(azure) {
            child.terminate().await;
        }
        self.redis.terminate().await;
        self.rabbitmq.terminate().await;
    }
}

/// Starts the practice vault and tenant.
async fn practice_azure(launcher: &Launcher, program: &Path, folder: &Path) -> Result<PracticeAzure, String> {
    let doing = Doing::begin("practice vault and tenant");
    let at = folder.join("azure");
    let process = child("azure", launcher, &PracticeAzure::command(program, &at), folder)?;
    told(&process, "\"ready\":true", '\n').await?;
    let azure = PracticeAzure::of(process, &at)?;
    doing.done(&azure.vault());
    Ok(azure)
}

fn configure(
    folder: &Path,
    [broker, store, practice]: [&str; 3],
    azure: Option<&PracticeAzure>,
) -> Result<PathBuf, String> {
    let write = |name: &str, text: &str| -> Result<PathBuf, String> {
        let path = folder.join(name);
        let problem = |e| format!("cannot write {}: {e}", path.display());
        fs::write(&path, text).map_err(problem)?;
        fs::set_permissions(&path, Permissions::from_mode(0o600)).map_err(problem)?;
        Ok(path)
    };
    write("broker.url", broker)?;
    write("store.url", store)?;
    write("practice.secret", PRACTICE_SECRET)?;
    let (mut keys, mut entries) = (include_str!("stack/local.toml").to_owned(), entry("practice", practice));
    if let Some(azure) = azure {
        write("azure.secret", azure.client_secret())?;
        keys = azure.section();
        entries += &azure.entry();
    }
    write("providers.toml", &entries)?;
    write("sms.key", SMS_KEY)?;
    write("gateways.toml", &include_str!("stack/gateway.toml").replace("PRACTICE", practice))?;
    let config = |port: u16| {
        let text = include_str!("stack/sealpost.toml").replace("PORT", &port.to_string());
        format!("{text}\n{keys}")
    };
    // the scheduler is on the same machine, and nobody asks it anything
    write(SCHEDULER, &config(0))?;
    // workers that are started anew are where they were
    let [port] = free_ports().map_err(|e| e.to_string())?;
    write("sealpost.toml", &config(port))
}

/// Makes what the key source lacks; the keys of tenants are made when they are needed.
async fn first_key(config: &Path) -> Result<(), String> {
    let settings = Config::read(config)?.keys;
    let keys = Keys::prepare(&settings).await?;
    if let Some(id) = settings.key.shared() {
        keys.rotate(id, SystemClock.now()).await.map_err(|e| e.to_string())?;
    }
    keys.rotate(&settings.wire, SystemClock.now()).await.map_err(|e| e.to_string())?;
    Ok(())
}

/// Adds a version to every key that is in use, and tells their names.
pub(super) async fn new_key_versions(keys: &SealingKeys, store: &Store) -> Result<Vec<KeyRef>, String> {
    let held = store.holdings().await.map_err(|e| e.to_string())?;
    let in_use: BTreeSet<_> = held.into_keys().map(|key| key.id).chain(keys.template().shared().cloned()).collect();
    let mut added = Vec::new();
    for id in in_use {
        let version = keys.source().rotate(&id, SystemClock.now()).await.map_err(|e| e.to_string())?;
        added.push(KeyRef { id, version });
    }
    Ok(added)
}

fn entry(name: &str, practice: &str) -> String {
    include_str!("stack/provider.toml").replace("NAME", name).replace("PRACTICE", practice)
}

fn beside(program: &Path, name: &str) -> Result<PathBuf, String> {
    let path = program.with_file_name(name);
    if path.exists() { Ok(path) } else { Err(format!("{} is missing; run `cargo build --bins`", path.display())) }
}

fn ours(name: &str, launcher: &Launcher, args: &[&str], config: &Path, folder: &Path) -> Result<Guarded, String> {
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
