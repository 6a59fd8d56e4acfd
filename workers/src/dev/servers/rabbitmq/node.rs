//! One node's configuration, environment and boot.

use std::{path::PathBuf, process::Command, time::Duration};

use super::RabbitMqOptions;
use crate::dev::{
    DevError,
    child::Guarded,
    servers::{Launcher, ask, length, ready},
};

/// How long a node may take to answer; seconds on an idle machine.
const READY_WITHIN: Duration = Duration::from_mins(3);

#[derive(Debug)]
pub(super) struct Node {
    pub(super) launcher: Launcher,
    pub(super) folder: PathBuf,
    /// The node's name before `@localhost`.
    pub(super) name: String,
    pub(super) management: bool,
    pub(super) ports: Ports,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Ports {
    pub(super) amqp: u16,
    pub(super) dist: u16,
    pub(super) epmd: u16,
    pub(super) management: u16,
    pub(super) prometheus: u16,
}

pub(super) fn conf(ports: Ports, options: &RabbitMqOptions) -> String {
    let ours = ["log.file = false", "log.console = true", "log.console.level = info"];
    // A private broker must neither fill the machine nor stop because the machine is rather full.
    let limits = ["vm_memory_high_watermark.absolute = 1GB", "disk_free_limit.absolute = 100MB"];
    let mut lines: Vec<_> = ours.iter().chain(&limits).map(ToString::to_string).collect();
    if options.management {
        lines.push("management.tcp.ip = 127.0.0.1".into());
        lines.push(format!("management.tcp.port = {}", ports.management));
    }
    if options.prometheus {
        lines.push("prometheus.tcp.ip = 127.0.0.1".into());
        lines.push(format!("prometheus.tcp.port = {}", ports.prometheus));
    }
    lines.extend_from_slice(&options.conf);
    lines.join("\n") + "\n"
}

impl Node {
    /// Starts the port mapper and the node.
    pub(super) async fn boot(&self) -> Result<(Guarded, Guarded), DevError> {
        let epmd = self.map_ports().await?;
        Ok((self.run().await?, epmd))
    }

    /// Starts the port mapper.
    pub(super) async fn map_ports(&self) -> Result<Guarded, DevError> {
        let mut command = Command::new(&self.launcher.installed.epmd);
        command.args(["-port", &self.ports.epmd.to_string(), "-address", "127.0.0.1"]).current_dir(&self.folder);
        let log = self.folder.join("epmd.log");
        let from = length(&log);
        let epmd = Guarded::spawn("epmd", &self.launcher.guard, &command, &log, None)?;
        ready(&epmd, from, READY_WITHIN, || async { ask(self.ports.epmd, &[0, 1, b'n'], |_| false).await.is_some() })
            .await?;
        Ok(epmd)
    }

    /// Starts the node, whose port mapper is there.
    pub(super) async fn run(&self) -> Result<Guarded, DevError> {
        let mut command = Command::new(&self.launcher.installed.rabbitmq_server);
        self.environment(&mut command);
        // Makes the script exec the virtual machine, so that its pid is the one that we know.
        command.arg("-noinput").env("RABBITMQ_ALLOW_INPUT", "1");
        let log = self.folder.join("rabbitmq.log");
        let from = length(&log);
        let removal = self.launcher.removal(&self.folder);
        let server = Guarded::spawn("rabbitmq-server", &self.launcher.guard, &command, &log, removal)?;
        ready(&server, from, READY_WITHIN, || self.answers()).await?;
        Ok(server)
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

    pub(super) fn environment(&self, command: &mut Command) {
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
