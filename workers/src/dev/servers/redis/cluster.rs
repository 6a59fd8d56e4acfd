//! A private Redis Cluster: three masters, with a replica each or without.

use std::{path::Path, process::Stdio};

use tokio::{
    process::Command,
    time::{Instant, sleep},
};

use super::{ATTEMPTS, Launcher, READY_WITHIN, Redis, free_ports, said};
use crate::dev::{
    DevError,
    servers::{ASK_EVERY, tail},
};

const MASTERS: usize = 3;

/// A running cluster. Dropping it ends it.
#[derive(Debug)]
pub struct RedisCluster {
    /// The nodes; which of them are masters changes over the cluster's life.
    pub nodes: Vec<Redis>,
}

impl RedisCluster {
    /// Starts three masters, and with `replicas` a replica of each, every one in its own folder in `folder`, and waits
    /// until every node calls the cluster whole and every replica follows. A dead master is replaced after about 2 s.
    ///
    /// # Errors
    /// If a node ends or the cluster is not whole within a minute.
    pub async fn start(folder: &Path, launcher: &Launcher, replicas: bool) -> Result<Self, DevError> {
        let per_master = usize::from(replicas);
        let mut nodes = Vec::new();
        for number in 1..=MASTERS * (1 + per_master) {
            nodes.push(start_node(&folder.join(format!("node-{number}")), launcher).await?);
        }
        let cluster = Self { nodes };
        cluster.join(launcher, per_master).await?;
        let deadline = Instant::now() + READY_WITHIN;
        for node in &cluster.nodes {
            while !whole(node, cluster.nodes.len(), per_master).await {
                if Instant::now() > deadline {
                    let (name, log) = ("the Redis Cluster".into(), node.process().log().to_owned());
                    let tail = tail(&log);
                    return Err(DevError::NotReady { name, within: READY_WITHIN, log, tail });
                }
                sleep(ASK_EVERY).await;
            }
        }
        Ok(cluster)
    }

    /// The nodes' addresses.
    #[must_use]
    pub fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(Redis::url).collect()
    }

    async fn join(&self, launcher: &Launcher, per_master: usize) -> Result<(), DevError> {
        let mut command = Command::new(&launcher.installed.redis_cli);
        command.args(["--cluster", "create"]).args(self.nodes.iter().map(|node| format!("127.0.0.1:{}", node.port)));
        command.args(["--cluster-replicas", &per_master.to_string(), "--cluster-yes"]);
        let doing = DevError::io("running redis-cli --cluster create");
        let output = command.stdin(Stdio::null()).kill_on_drop(true).output().await.map_err(doing)?;
        if output.status.success() {
            return Ok(());
        }
        Err(DevError::Command {
            command: "redis-cli --cluster create".into(),
            status: output.status.to_string(),
            output: String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned(),
        })
    }
}

async fn start_node(folder: &Path, launcher: &Launcher) -> Result<Redis, DevError> {
    let mut tries = 1;
    loop {
        let [port, bus]: [u16; 2] = free_ports()?;
        let args = ["--cluster-enabled", "yes", "--cluster-port", &bus.to_string(), "--cluster-node-timeout", "1000"]
            // Otherwise a replica waits 5 s for others to come.
            .into_iter()
            .chain(["--repl-diskless-sync-delay", "0"])
            .map(str::to_owned)
            .collect();
        match Redis::start_on(port, folder, launcher, args).await {
            Err(DevError::AddressInUse { .. }) if tries < ATTEMPTS => tries += 1,
            result => return result,
        }
    }
}

/// Whether this node sees all nodes and all slots, and its replication is complete.
async fn whole(node: &Redis, nodes: usize, per_master: usize) -> bool {
    let info = said(node.port, "CLUSTER INFO").await;
    let follows = said(node.port, "INFO replication").await;
    info.contains("cluster_state:ok")
        && info.contains(&format!("cluster_known_nodes:{nodes}\r\n"))
        && if follows.contains("role:master") {
            follows.contains(&format!("connected_slaves:{per_master}\r\n"))
        } else {
            follows.contains("master_link_status:up")
        }
}
