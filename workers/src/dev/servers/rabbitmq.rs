//! A private RabbitMQ node with its own port mapper, cookie and data, on loopback only. User and password are
//! RabbitMQ's default, guest and guest: nothing outside this machine reaches it.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use super::{ATTEMPTS, Launcher, ask, free_ports, length, ready};
use crate::dev::{DevError, child::Guarded, install::Installed};

/// How long a node may take to answer; seconds on an idle machine.
const READY_WITHIN: Duration = Duration::from_mins(3);

/// What a start may choose.
#[derive(Debug, Clone, Default)]
pub struct RabbitMqOptions {
    /// With the management plugin, whose HTTP API is then ready too.
    pub management: bool,
    /// More lines for rabbitmq.conf; they win over ours.
    pub conf: Vec<String>,
}

/// A running node with its data in one folder. Dropping it ends it.
#[derive(Debug)]
pub struct RabbitMq {
    node: Node,
    // In this order: the port mapper must outlive the node.
    server: Guarded,
    epmd: Guarded,
}

#[derive(Debug)]
struct Node {
    launcher: Launcher,
    folder: PathBuf,
    /// The node's name before `@localhost`.
    name: String,
    management: bool,
    ports: Ports,
}

#[derive(Debug, Clone, Copy)]
struct Ports {
    amqp: u16,
    dist: u16,
    epmd: u16,
    management: u16,
}

impl RabbitMq {
    /// Starts a node with its data and its log (`rabbitmq.log`) in `folder`, and waits until it answers.
    ///
    /// # Errors
    /// If it ends or does not answer in time, with the end of its log.
    pub async fn start(folder: &Path, launcher: &Launcher, options: &RabbitMqOptions) -> Result<Self, DevError> {
        let doing = || DevError::io(format!("preparing the folder {}", folder.display()));
        fs::create_dir_all(folder).map_err(doing())?;
        let random = || getrandom::u64().map_err(|error| doing()(error.into()));
        let cookie = folder.join(".erlang.cookie");
        fs::write(&cookie, format!("{:016x}{:016x}", random()?, random()?)).map_err(doing())?;
        fs::set_permissions(&cookie, fs::Permissions::from_mode(0o400)).map_err(doing())?;
        let plugins = if options.management { "[rabbitmq_management]." } else { "[]." };
        fs::write(folder.join("enabled_plugins"), plugins).map_err(doing())?;
        let name = format!("sealpost-{:08x}", random()?);
        let mut tries = 1;
        loop {
            let [amqp, dist, epmd, management] = free_ports()?;
            let ports = Ports { amqp, dist, epmd, management };
            fs::write(folder.join("rabbitmq.conf"), conf(ports, options)).map_err(doing())?;
            let node = Node {
                launcher: launcher.clone(),
                folder: folder.into(),
                name: name.clone(),
                management: options.management,
                ports,
            };
            match node.boot().await {
                Err(DevError::AddressInUse { .. }) if tries < ATTEMPTS => tries += 1,
                Err(error) => return Err(error),
                Ok((server, epmd)) => return Ok(Self { node, server, epmd }),
            }
        }
    }

    /// Starts it again on the same ports with the same data, after [`Self::kill9`] or [`Self::terminate`]; a running
    /// one is terminated first.
    ///
    /// # Errors
    /// As for [`Self::start`].
    pub async fn restart(&mut self) -> Result<(), DevError> {
        self.terminate().await;
        (self.server, self.epmd) = self.node.boot().await?;
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
        self.epmd.terminate().await;
    }

    /// Runs `rabbitmqctl` against this node and returns what it prints. Takes about a second.
    ///
    /// # Errors
    /// If it cannot be run or fails, with what it printed.
    pub async fn ctl(&self, args: &[&str]) -> Result<String, DevError> {
        let mut command = Command::new(&self.node.launcher.installed.rabbitmqctl);
        self.node.environment(&mut command);
        command.args(args).stdin(Stdio::null());
        let line = format!("rabbitmqctl {}", args.join(" "));
        let output = tokio::process::Command::from(command).kill_on_drop(true).output().await;
        let output = output.map_err(DevError::io(format!("running {line}")))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(DevError::Command {
            command: line,
            status: output.status.to_string(),
            output: String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned(),
        })
    }

    /// The process, to stop and continue it.
    #[must_use]
    pub fn process(&self) -> &Guarded {
        &self.server
    }

    /// The node's port mapper.
    #[must_use]
    pub fn port_mapper(&self) -> &Guarded {
        &self.epmd
    }

    /// Its AMQP port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.node.ports.amqp
    }

    /// The address of its default virtual host.
    #[must_use]
    pub fn url(&self) -> String {
        self.url_of("%2f")
    }

    /// The address of a virtual host, whose name must need no escaping.
    #[must_use]
    pub fn url_of(&self, vhost: &str) -> String {
        format!("amqp://guest:guest@127.0.0.1:{}/{vhost}", self.node.ports.amqp)
    }

    /// The address of the management plugin's HTTP API and page, if it was started with it.
    #[must_use]
    pub fn management_url(&self) -> Option<String> {
        self.node.management.then(|| format!("http://127.0.0.1:{}", self.node.ports.management))
    }

    /// Where its data and its log are.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.node.folder
    }
}

fn conf(ports: Ports, options: &RabbitMqOptions) -> String {
    let ours = ["log.file = false", "log.console = true", "log.console.level = info"];
    // A private broker must neither fill the machine nor stop because the machine is rather full.
    let limits = ["vm_memory_high_watermark.absolute = 1GB", "disk_free_limit.absolute = 100MB"];
    let mut lines: Vec<_> = ours.iter().chain(&limits).map(ToString::to_string).collect();
    if options.management {
        lines.push("management.tcp.ip = 127.0.0.1".into());
        lines.push(format!("management.tcp.port = {}", ports.management));
    }
    lines.extend_from_slice(&options.conf);
    lines.join("\n") + "\n"
}

impl Node {
    async fn boot(&self) -> Result<(Guarded, Guarded), DevError> {
        let Installed { rabbitmq_server, epmd, .. } = &self.launcher.installed;
        let mut command = Command::new(epmd);
        command.args(["-port", &self.ports.epmd.to_string(), "-address", "127.0.0.1"]).current_dir(&self.folder);
        let log = self.folder.join("epmd.log");
        let from = length(&log);
        let epmd = Guarded::spawn("epmd", &self.launcher.guard, &command, &log, None)?;
        ready(&epmd, from, READY_WITHIN, || async { ask(self.ports.epmd, &[0, 1, b'n'], |_| false).await.is_some() })
            .await?;

        let mut command = Command::new(rabbitmq_server);
        self.environment(&mut command);
        // Makes the script exec the virtual machine, so that its pid is the one that we know.
        command.arg("-noinput").env("RABBITMQ_ALLOW_INPUT", "1");
        let log = self.folder.join("rabbitmq.log");
        let from = length(&log);
        let removal = self.launcher.removal(&self.folder);
        let server = Guarded::spawn("rabbitmq-server", &self.launcher.guard, &command, &log, removal)?;
        ready(&server, from, READY_WITHIN, || self.answers()).await?;
        Ok((server, epmd))
    }

    /// The node answers a protocol header with its Connection.Start, which carries its name; and the management API
    /// answers.
    async fn answers(&self) -> bool {
        let start = ask(self.ports.amqp, b"AMQP\0\0\x09\x01", |answer| {
            let length = answer.get(3..7).and_then(|bytes| bytes.try_into().ok()).map(u32::from_be_bytes);
            length.is_some_and(|length| answer.len() > 7 + length as usize)
        });
        let start = start.await.unwrap_or_default();
        let ours = start.first() == Some(&1) && contains(&start, self.name.as_bytes());
        if !self.management || !ours {
            return ours;
        }
        // guest:guest
        let request = b"GET /api/overview HTTP/1.0\r\nauthorization: Basic Z3Vlc3Q6Z3Vlc3Q=\r\n\r\n";
        let answer = ask(self.ports.management, request, |_| false).await.unwrap_or_default();
        contains(answer.split(|byte| *byte == b'\n').next().unwrap_or_default(), b" 200")
    }

    fn environment(&self, command: &mut Command) {
        let folder = &self.folder;
        let at = |name: &str| folder.join(name);
        command
            .current_dir(folder)
            .env("HOME", folder)
            .env("LC_ALL", "C.UTF-8")
            .env("ERL_EPMD_PORT", self.ports.epmd.to_string())
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            // Otherwise any Erlang program that misses the port mapper starts one as a daemon, which stays.
            .env("ERL_AFLAGS", "-start_epmd false")
            .env("ERL_CRASH_DUMP", at("erl_crash.dump"))
            .env("RABBITMQ_NODENAME", format!("{}@localhost", self.name))
            .env("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1")
            .env("RABBITMQ_NODE_PORT", self.ports.amqp.to_string())
            .env("RABBITMQ_DIST_PORT", self.ports.dist.to_string())
            .env("RABBITMQ_BASE", folder)
            .env("RABBITMQ_MNESIA_BASE", at("mnesia"))
            .env("RABBITMQ_LOG_BASE", at("log"))
            .env("RABBITMQ_SCHEMA_DIR", at("schema"))
            .env("RABBITMQ_GENERATED_CONFIG_DIR", at("config"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", at("enabled_plugins"))
            .env("RABBITMQ_CONF_ENV_FILE", "/dev/null")
            .env("RABBITMQ_CONFIG_FILE", at("rabbitmq"))
            .env("RABBITMQ_ADVANCED_CONFIG_FILE", at("advanced"))
            // No busy waiting: the machine is shared with what is being developed or tested.
            .env(
                "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
                "-kernel inet_dist_use_interface {127,0,0,1} +sbwt none +sbwtdcpu none +sbwtdio none",
            )
            .env("RABBITMQ_CTL_ERL_ARGS", "-dist_listen false");
    }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
