//! A private RabbitMQ cluster: three nodes that share a port mapper and a cookie.

use std::{path::Path, sync::Arc};

use futures_util::future::try_join_all;

use super::{ATTEMPTS, Launcher, Node, Ports, RabbitMq, RabbitMqOptions, conf, free_ports, prepare};
use crate::dev::{DevError, child::Guarded};

const NODES: usize = 3;

/// A running cluster. Dropping it ends it.
#[derive(Debug)]
pub struct RabbitMqCluster {
    /// The nodes.
    pub nodes: Vec<RabbitMq>,
}

impl RabbitMqCluster {
    /// Starts three nodes, each in its own folder in `folder`, and waits until every one has the others for its peers. A
    /// node that is cut off from the others stops, as RabbitMQ's documentation advises ("Clustering and Network Partitions").
    ///
    /// # Errors
    /// If a node ends or does not answer in time, with the end of its log.
    pub async fn start(folder: &Path, launcher: &Launcher) -> Result<Self, DevError> {
        let mut tries = 1;
        loop {
            match start(folder, launcher).await {
                Err(DevError::AddressInUse { .. }) if tries < ATTEMPTS => tries += 1,
                Err(error) => return Err(error),
                Ok(nodes) => break Ok(Self { nodes }),
            }
        }
    }

    /// The addresses of the default virtual host, node by node.
    #[must_use]
    pub fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(RabbitMq::url).collect()
    }

    /// The processes, the port mapper last.
    pub fn processes(&self) -> impl Iterator<Item = &Guarded> {
        let mapper = self.nodes.first().map(RabbitMq::port_mapper);
        self.nodes.iter().map(RabbitMq::process).chain(mapper)
    }
}

async fn start(folder: &Path, launcher: &Launcher) -> Result<Vec<RabbitMq>, DevError> {
    let doing = || DevError::io(format!("preparing the folder {}", folder.display()));
    let random = || getrandom::u64().map_err(|error| doing()(error.into()));
    let (name, cookie) = (format!("sealpost-{:08x}", random()?), format!("{:016x}{:016x}", random()?, random()?));
    let [epmd] = free_ports()?;
    let mut nodes = Vec::new();
    // the first is there before the others, which join it: nodes that begin together may not meet
    let peers: Vec<_> = [format!("cluster_formation.classic_config.nodes.1 = {name}-1@localhost")]
        .into_iter()
        .chain(["cluster_formation.peer_discovery_backend = classic_config".into()])
        // With the default, 60, the nodes wait 45 to 75 s for one that hangs, and declare nothing meanwhile.
        .chain(["cluster_partition_handling = pause_minority", "net_ticktime = 8"].map(str::to_owned))
        .collect();
    for number in 1..=NODES {
        let folder = folder.join(format!("node-{number}"));
        let [amqp, dist, management, prometheus] = free_ports()?;
        let ports = Ports { amqp, dist, epmd, management, prometheus };
        let options = RabbitMqOptions { conf: peers.clone(), ..RabbitMqOptions::default() };
        prepare(&folder, &options, &cookie).map_err(doing())?;
        std::fs::write(folder.join("rabbitmq.conf"), conf(ports, &options)).map_err(doing())?;
        let (launcher, name) = (launcher.clone(), format!("{name}-{number}"));
        nodes.push(Node { launcher, folder, name, management: false, ports });
    }
    let Some(first) = nodes.first() else { return Ok(Vec::new()) };
    let epmd = Arc::new(first.map_ports().await?);
    let mut servers = vec![first.run().await?];
    servers.extend(try_join_all(nodes.iter().skip(1).map(Node::run)).await?);
    let nodes = nodes.into_iter().zip(servers).map(|(node, server)| RabbitMq { node, server, epmd: Arc::clone(&epmd) });
    let nodes: Vec<_> = nodes.collect();
    for node in &nodes {
        node.ctl(&["await_online_nodes", &NODES.to_string()]).await?;
    }
    Ok(nodes)
}
