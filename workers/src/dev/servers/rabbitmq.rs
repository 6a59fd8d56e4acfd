//! A private RabbitMQ node with its own port mapper, cookie and data, on loopback only. User and password are
//! RabbitMQ's default, guest and guest: nothing outside this machine reaches it.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
};

use super::{ATTEMPTS, Launcher, free_ports};
use crate::dev::{DevError, child::Guarded};

mod cluster;
mod node;
pub use cluster::RabbitMqCluster;
use node::{Node, Ports, conf};

/// What a start may choose.
#[derive(Debug, Clone, Default)]
pub struct RabbitMqOptions {
    /// With the management plugin, whose HTTP API is then ready too.
    pub management: bool,
    /// With the Prometheus plugin.
    pub prometheus: bool,
    /// More lines for rabbitmq.conf; they win over ours.
    pub conf: Vec<String>,
}

/// A running node with its data in one folder. Dropping it ends it.
#[derive(Debug)]
pub struct RabbitMq {
    node: Node,
    // In this order: the port mapper, which the nodes of a cluster share, must outlive the node.
    server: Guarded,
    epmd: Arc<Guarded>,
}

impl RabbitMq {
    /// Starts a node with its data and its log (`rabbitmq.log`) in `folder`, and waits until it answers.
    ///
    /// # Errors
    /// If it ends or does not answer in time, with the end of its log.
    pub async fn start(folder: &Path, launcher: &Launcher, options: &RabbitMqOptions) -> Result<Self, DevError> {
        let doing = || DevError::io(format!("preparing the folder {}", folder.display()));
        let random = || getrandom::u64().map_err(|error| doing()(error.into()));
        prepare(folder, options, &format!("{:016x}{:016x}", random()?, random()?)).map_err(doing())?;
        let name = format!("sealpost-{:08x}", random()?);
        let mut tries = 1;
        loop {
            let [amqp, dist, epmd, management, prometheus] = free_ports()?;
            let ports = Ports { amqp, dist, epmd, management, prometheus };
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
                Ok((server, epmd)) => return Ok(Self { node, server, epmd: Arc::new(epmd) }),
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
        if self.epmd.has_exited().is_some() {
            self.epmd = Arc::new(self.node.map_ports().await?);
        }
        self.server = self.node.run().await?;
        Ok(())
    }

    /// SIGKILL, and waits until it is gone.
    pub async fn kill9(&self) {
        self.server.kill9();
        self.server.exited().await;
    }

    /// Ends it in order, and waits until it is gone; its port mapper too, if no other node needs it.
    pub async fn terminate(&self) {
        self.server.terminate().await;
        if Arc::strong_count(&self.epmd) == 1 {
            self.epmd.terminate().await;
        }
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

    /// The port of the Prometheus plugin, if it was started with it.
    #[must_use]
    pub fn prometheus_port(&self) -> u16 {
        self.node.ports.prometheus
    }

    /// Where its data and its log are.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.node.folder
    }
}

/// Makes a node's folder: nodes with one cookie let each other in.
fn prepare(folder: &Path, options: &RabbitMqOptions, cookie: &str) -> std::io::Result<()> {
    fs::create_dir_all(folder)?;
    let file = folder.join(".erlang.cookie");
    fs::write(&file, cookie)?;
    fs::set_permissions(&file, fs::Permissions::from_mode(0o400))?;
    let plugins = [("rabbitmq_management", options.management), ("rabbitmq_prometheus", options.prometheus)];
    let plugins: Vec<_> = plugins.iter().filter(|(_, wanted)| *wanted).map(|(name, _)| *name).collect();
    fs::write(folder.join("enabled_plugins"), format!("[{}].", plugins.join(",")))
}
