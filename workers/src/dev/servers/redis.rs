//! A private Redis server whose writes are on disk before they are answered, on loopback only.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use super::{ATTEMPTS, Launcher, ask, free_ports, length, ready};
use crate::dev::{DevError, child::Guarded};

mod cluster;
pub use cluster::RedisCluster;

/// How long a server may take to answer.
const READY_WITHIN: Duration = Duration::from_mins(1);

/// What a start may choose.
#[derive(Debug, Clone, Default)]
pub struct RedisOptions {
    /// More arguments, `--maxmemory`, `64mb` and so on; they win over ours.
    pub args: Vec<String>,
}

/// A running Redis server with its data in one folder. Dropping it ends it.
#[derive(Debug)]
pub struct Redis {
    launcher: Launcher,
    folder: PathBuf,
    port: u16,
    args: Vec<String>,
    server: Guarded,
}

impl Redis {
    /// Starts a server with its data and its log (`redis.log`) in `folder`, and waits until it answers.
    ///
    /// # Errors
    /// If it ends or does not answer within a minute, with the end of its log.
    pub async fn start(folder: &Path, launcher: &Launcher, options: &RedisOptions) -> Result<Self, DevError> {
        let mut tries = 1;
        loop {
            let [port] = free_ports()?;
            match Self::start_on(port, folder, launcher, options.args.clone()).await {
                Err(DevError::AddressInUse { .. }) if tries < ATTEMPTS => tries += 1,
                result => return result,
            }
        }
    }

    async fn start_on(port: u16, folder: &Path, launcher: &Launcher, args: Vec<String>) -> Result<Self, DevError> {
        fs::create_dir_all(folder).map_err(DevError::io(format!("making the folder {}", folder.display())))?;
        let server = boot(port, folder, launcher, &args).await?;
        Ok(Self { launcher: launcher.clone(), folder: folder.into(), port, args, server })
    }

    /// Starts it again on the same port with the same data, after [`Self::kill9`] or [`Self::terminate`]; a running one
    /// is terminated first.
    ///
    /// # Errors
    /// As for [`Self::start`].
    pub async fn restart(&mut self) -> Result<(), DevError> {
        self.terminate().await;
        self.server = boot(self.port, &self.folder, &self.launcher, &self.args).await?;
        Ok(())
    }

    /// SIGKILL, and waits until it is gone.
    pub async fn kill9(&self) {
        self.server.kill9();
        self.server.exited().await;
    }

    /// Ends it in order, and waits until it is gone.
    pub async fn terminate(&self) {
        self.server.terminate().await;
    }

    /// The process, to stop and continue it.
    #[must_use]
    pub fn process(&self) -> &Guarded {
        &self.server
    }

    /// Its port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its address, `redis://127.0.0.1:…`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Where its data and its log are.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

async fn boot(port: u16, folder: &Path, launcher: &Launcher, more: &[String]) -> Result<Guarded, DevError> {
    let log = folder.join("redis.log");
    let from = length(&log);
    let mut command = Command::new(&launcher.installed.redis_server);
    command
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--daemonize", "no", "--save", ""])
        .args(["--appendonly", "yes", "--appendfsync", "always"])
        .arg("--dir")
        .arg(folder)
        .args(more)
        .current_dir(folder);
    let server = Guarded::spawn("redis-server", &launcher.guard, &command, &log, launcher.removal(folder))?;
    let pid = server.pid();
    ready(&server, from, READY_WITHIN, || answers(port, pid)).await?;
    Ok(server)
}

/// Whether the server on the port is this process and has loaded its data. One that wants a password is up, too.
async fn answers(port: u16, pid: i32) -> bool {
    let loaded = said(port, "PING").await;
    if loaded.starts_with("-NOAUTH") {
        return true;
    }
    let whose = format!("process_id:{pid}\r\n");
    loaded.starts_with("+PONG") && said(port, "INFO server").await.contains(&whose)
}

/// What the server on the port answers to a command that it answers with one line or one bulk string.
async fn said(port: u16, command: &str) -> String {
    let request = format!("{command}\r\n");
    let answer = ask(port, request.as_bytes(), |answer| {
        let Some(end) = answer.windows(2).position(|pair| pair == b"\r\n") else { return false };
        let length = answer.strip_prefix(b"$").and_then(|_| std::str::from_utf8(&answer[1..end]).ok()?.parse().ok());
        length.is_none_or(|length: usize| answer.len() >= end + 2 + length + 2)
    });
    String::from_utf8_lossy(&answer.await.unwrap_or_default()).into_owned()
}
