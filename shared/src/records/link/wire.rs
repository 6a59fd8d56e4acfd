//! The redis crate's clients, single and cluster, behind one face.

use futures_util::future::try_join_all;
use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster::{ClusterClient, ClusterClientBuilder};
use redis::cluster_async::ClusterConnection;
use redis::cluster_routing::{MultipleNodeRoutingInfo, RoutingInfo};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ErrorKind, IntoConnectionInfo, RedisError, RedisResult, ServerErrorKind, Value,
};
use secrecy::ExposeSecret;

use super::super::config::{StoreConfig, StoreMode};
use super::super::trouble::Trouble;

/// A Lua script, and what it is called.
pub(in super::super) struct Script {
    pub(super) name: &'static str,
    source: &'static str,
    hash: String,
}

impl Script {
    pub(in super::super) fn new(name: &'static str, source: &'static str) -> Self {
        Self { name, source, hash: redis::Script::new(source).get_hash().to_owned() }
    }

    fn call(&self, by_hash: bool, keys: &[String], args: &[Vec<u8>]) -> Cmd {
        let mut cmd = if by_hash { redis::cmd("EVALSHA") } else { redis::cmd("EVAL") };
        if by_hash {
            cmd.arg(&self.hash)
        } else {
            cmd.arg(self.source)
        };
        cmd.arg(keys.len()).arg(keys).arg(args);
        cmd
    }
}

/// What a connection can be made to.
pub(super) enum Servers {
    Single(Box<Client>),
    Cluster(Box<ClusterClient>),
}

/// A connection. Its clones share it.
#[derive(Clone)]
pub(super) enum Wire {
    Single(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Servers {
    /// Reads the addresses; returns them without their passwords too.
    pub(super) fn new(config: &StoreConfig) -> Result<(Self, String), Trouble> {
        let wrong = |what: &str| Trouble::Config(what.into());
        let mut nodes = Vec::new();
        for url in &config.urls {
            // The parser's error may quote the address, and with it the password.
            let info = url.expose_secret().into_connection_info();
            nodes.push(info.map_err(|_| wrong("an address is not of the form redis://user:password@host:port"))?);
        }
        let at = nodes.iter().map(|node| node.addr().to_string()).collect::<Vec<_>>().join(", ");
        let refused = |error: RedisError| wrong(&format!("the client refuses it: {}", error.category()));
        let servers = match (config.mode, nodes.len()) {
            (_, 0) => return Err(wrong("no address of Redis is given")),
            (StoreMode::Single, 1) => Self::Single(Box::new(Client::open(nodes.remove(0)).map_err(refused)?)),
            (StoreMode::Single, _) => return Err(wrong("a single Redis has one address; or is it a cluster?")),
            (StoreMode::Cluster, _) => {
                // The client follows the cluster's changes by itself, and sends again what failed on the way: a write
                // finds its own mark when it was done already.
                // It waits for all of the addresses, so that one that hangs must not use up the link's whole limit.
                let builder = ClusterClientBuilder::new(nodes)
                    .connection_timeout(config.connect_timeout / 2)
                    .response_timeout(config.response_timeout);
                Self::Cluster(Box::new(builder.build().map_err(refused)?))
            }
        };
        Ok((servers, at))
    }

    pub(super) async fn connect(&self, config: &StoreConfig) -> RedisResult<Wire> {
        Ok(match self {
            Self::Single(client) => {
                // The link limits the time of answers itself, with everything else that a command needs.
                let limits = AsyncConnectionConfig::new()
                    .set_connection_timeout(Some(config.connect_timeout))
                    .set_response_timeout(None);
                Wire::Single(client.get_multiplexed_async_connection_with_config(&limits).await?)
            }
            Self::Cluster(client) => Wire::Cluster(client.get_async_connection().await?),
        })
    }
}

impl Wire {
    pub(super) fn is_cluster(&self) -> bool {
        matches!(self, Self::Cluster(_))
    }

    pub(super) async fn send(&mut self, cmd: &Cmd) -> RedisResult<Value> {
        match self {
            Self::Single(connection) => connection.req_packed_command(cmd).await?,
            Self::Cluster(connection) => connection.req_packed_command(cmd).await?,
        }
        .extract_error()
    }

    /// Sends many, each to the node that has its keys.
    pub(super) async fn send_each(&mut self, cmds: Vec<Cmd>) -> RedisResult<Value> {
        let answers = match self {
            Self::Single(connection) => {
                let number = cmds.len();
                let mut pipeline = redis::Pipeline::with_capacity(number);
                for cmd in cmds {
                    pipeline.add_command(cmd);
                }
                connection.req_packed_commands(&pipeline, 0, number).await?
            }
            // a pipeline of the cluster's client goes to one slot
            Self::Cluster(connection) => {
                try_join_all(cmds.iter().map(|cmd| {
                    let mut connection = connection.clone();
                    async move { connection.req_packed_command(cmd).await }
                }))
                .await?
            }
        };
        Value::Array(answers).extract_error()
    }

    /// Runs a script by its hash, and with its source where Redis does not know it yet. Not by `redis::Script`, which
    /// first loads it into every node of a cluster, and fails when one of them is away.
    pub(super) async fn run(&mut self, script: &Script, keys: &[String], args: &[Vec<u8>]) -> RedisResult<Value> {
        match self.send(&script.call(true, keys, args)).await {
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                self.send(&script.call(false, keys, args)).await
            }
            result => result,
        }
    }

    /// Asks every node the same.
    pub(super) async fn ask_all(&mut self, cmd: &Cmd) -> RedisResult<Value> {
        match self {
            Self::Single(_) => Ok(Value::Array(vec![self.send(cmd).await?])),
            Self::Cluster(connection) => {
                let all = RoutingInfo::MultiNode((MultipleNodeRoutingInfo::AllNodes, None));
                connection.route_command(cmd.clone(), all).await
            }
        }
    }
}
