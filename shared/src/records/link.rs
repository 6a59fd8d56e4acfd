//! The way to Redis: one shared connection, made when it is needed, checked, and thrown away when it is spoilt.
//!
//! A command fails within the response timeout, whatever happens. While Redis is away commands fail at once, and every
//! second or so one of them tries to connect again. WAIT and blocking commands must not use it.

use std::collections::HashMap;

use std::time::Duration;

use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster::{ClusterClient, ClusterClientBuilder};
use redis::cluster_async::ClusterConnection;
use redis::cluster_routing::{MultipleNodeRoutingInfo, RoutingInfo};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ErrorKind, FromRedisValue, IntoConnectionInfo, ServerErrorKind, Value,
};
use secrecy::ExposeSecret;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use super::config::{StoreConfig, StoreMode};
use super::locate::Locator;
use super::trouble::Trouble;
use super::{layout, meta};

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// A Lua script.
pub(super) struct Script {
    source: &'static str,
    hash: String,
}

impl Script {
    pub(super) fn new(source: &'static str) -> Self {
        Self { source, hash: redis::Script::new(source).get_hash().to_owned() }
    }

    /// By hash, or with its source. Not `redis::Script`, which loads it into every node of a cluster first, and fails
    /// when one of them is away.
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

pub(super) struct Link {
    servers: Servers,
    /// Host and port, for messages.
    at: String,
    config: StoreConfig,
    meta: Script,
    state: Mutex<State>,
}

enum Servers {
    Single(Box<Client>),
    Cluster(Box<ClusterClient>),
}

#[derive(Default)]
struct State {
    live: Option<Live>,
    made: u64,
    checked: bool,
    failed: Option<Failed>,
}

/// Why the last attempt to connect failed, and when the next is due.
struct Failed {
    trouble: Trouble,
    pause: Duration,
    again: Instant,
}

#[derive(Clone)]
struct Live {
    /// Tells this connection from those before and after it.
    number: u64,
    wire: Wire,
}

#[derive(Clone)]
enum Wire {
    Single(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Wire {
    async fn send(&mut self, cmd: &Cmd) -> redis::RedisResult<Value> {
        match self {
            Self::Single(connection) => connection.req_packed_command(cmd).await?,
            Self::Cluster(connection) => connection.req_packed_command(cmd).await?,
        }
        .extract_error()
    }
}

impl Link {
    pub(super) fn new(config: StoreConfig) -> Result<Self, Trouble> {
        let wrong = |what: &str| Trouble::Config(what.into());
        if config.shards == 0 {
            return Err(wrong("the number of shards is 0; 256 is the default"));
        }
        let mut nodes = Vec::new();
        for url in &config.urls {
            // The parser's error may quote the address, and with it the password.
            let info = url.expose_secret().into_connection_info();
            nodes.push(info.map_err(|_| wrong("an address is not of the form redis://user:password@host:port"))?);
        }
        let at = nodes.iter().map(|node| node.addr().to_string()).collect::<Vec<_>>().join(", ");
        let refused = |error: redis::RedisError| wrong(&format!("the client refuses it: {}", error.category()));
        let servers = match (config.mode, nodes.len()) {
            (_, 0) => return Err(wrong("no address of Redis is given")),
            (StoreMode::Single, 1) => Servers::Single(Box::new(Client::open(nodes.remove(0)).map_err(refused)?)),
            (StoreMode::Single, _) => return Err(wrong("a single Redis has one address; or is it a cluster?")),
            (StoreMode::Cluster, _) => {
                // The client follows the cluster's changes by itself, and sends again what failed on the way: a write
                // finds its own mark when it was done already.
                let builder = ClusterClientBuilder::new(nodes)
                    .connection_timeout(config.connect_timeout)
                    .response_timeout(config.response_timeout);
                Servers::Cluster(Box::new(builder.build().map_err(refused)?))
            }
        };
        let meta = Script::new(include_str!("scripts/meta.lua"));
        Ok(Self { servers, at, config, meta, state: Mutex::default() })
    }

    pub(super) fn response_timeout(&self) -> Duration {
        self.config.response_timeout
    }

    /// Sends one command and waits for its answer.
    pub(super) async fn query<T: FromRedisValue>(&self, locator: &Locator, cmd: &Cmd) -> Result<T, Trouble> {
        let answer = self.bounded(locator, async |wire| wire.send(cmd).await).await?;
        read(answer)
    }

    /// Runs a script. `keys` lie in one slot.
    pub(super) async fn run<T: FromRedisValue>(
        &self,
        locator: &Locator,
        script: &Script,
        keys: &[String],
        args: &[Vec<u8>],
    ) -> Result<T, Trouble> {
        read(self.bounded(locator, async |wire| evaluate(wire, script, keys, args).await).await?)
    }

    /// Asks every node the same.
    pub(super) async fn ask_all(&self, locator: &Locator, cmd: &Cmd) -> Result<Vec<Value>, Trouble> {
        let answer = self.bounded(locator, async |wire| match wire {
            Wire::Single(_) => wire.send(cmd).await.map(|value| Value::Array(vec![value])),
            Wire::Cluster(connection) => {
                let all = RoutingInfo::MultiNode((MultipleNodeRoutingInfo::AllNodes, None));
                connection.route_command(cmd.clone(), all).await
            }
        });
        Ok(match answer.await? {
            Value::Map(nodes) => nodes.into_iter().map(|(_, value)| value).collect(),
            Value::Array(nodes) => nodes,
            other => vec![other],
        })
    }

    async fn bounded(
        &self,
        locator: &Locator,
        act: impl AsyncFnOnce(&mut Wire) -> redis::RedisResult<Value>,
    ) -> Result<Value, Trouble> {
        let within = self.config.response_timeout;
        let deadline = Instant::now() + within;
        let slow = || Trouble::Unreachable { at: self.at.clone(), reason: format!("not connected within {within:?}") };
        let mut live = timeout(within, self.connected(locator)).await.map_err(|_| slow())??;
        let result = match tokio::time::timeout_at(deadline, act(&mut live.wire)).await {
            Ok(result) => result.map_err(|error| Trouble::of_command(&error, &self.at)),
            Err(_) => Err(Trouble::NoReply { at: self.at.clone(), reason: format!("nothing came within {within:?}") }),
        };
        if result.as_ref().is_err_and(Trouble::spoils_connection) {
            let mut state = self.state.lock().await;
            if state.live.as_ref().is_some_and(|now| now.number == live.number) {
                state.live = None;
            }
        }
        result
    }

    /// The shared connection. Whoever finds none makes it, and the others wait.
    async fn connected(&self, locator: &Locator) -> Result<Live, Trouble> {
        let mut state = self.state.lock().await;
        if let Some(live) = &state.live {
            return Ok(live.clone());
        }
        let mut pause = FIRST_PAUSE;
        if let Some(failed) = &state.failed {
            if Instant::now() < failed.again {
                return Err(failed.trouble.clone());
            }
            pause = (failed.pause * 2).min(LONGEST_PAUSE);
        }
        match self.connect(locator, state.checked).await {
            Ok(wire) => {
                if state.failed.take().is_some() {
                    tracing::info!(store.at = self.at, "Redis is reached again");
                }
                state.made += 1;
                state.checked = true;
                let live = Live { number: state.made, wire };
                state.live = Some(live.clone());
                Ok(live)
            }
            Err(trouble) => {
                if state.failed.is_none() {
                    tracing::warn!(store.at = self.at, reason = %trouble, "no connection to Redis");
                }
                state.failed = Some(Failed { trouble: trouble.clone(), pause, again: Instant::now() + pause });
                Err(trouble)
            }
        }
    }

    /// A new connection, to a store that is ours.
    ///
    /// A cluster is checked once: later its meta key may lie on the very node that is being replaced.
    async fn connect(&self, locator: &Locator, checked: bool) -> Result<Wire, Trouble> {
        let failed = |error: redis::RedisError| Trouble::of_connecting(&error, &self.at);
        let attempt = async {
            let mut wire = match &self.servers {
                Servers::Single(client) => {
                    // The link has its own limit, over everything that a command needs.
                    let config = AsyncConnectionConfig::new()
                        .set_connection_timeout(Some(self.config.connect_timeout))
                        .set_response_timeout(None);
                    Wire::Single(client.get_multiplexed_async_connection_with_config(&config).await.map_err(failed)?)
                }
                Servers::Cluster(client) => Wire::Cluster(client.get_async_connection().await.map_err(failed)?),
            };
            if checked && matches!(wire, Wire::Cluster(_)) {
                return Ok(wire);
            }
            let args: Vec<_> =
                meta::ours(locator).into_iter().flat_map(|(name, value)| [name.into(), value.into_bytes()]).collect();
            let answer = evaluate(&mut wire, &self.meta, &[layout::META.into()], &args).await;
            let answer = answer.map_err(|error| Trouble::of_checking(&error, &self.at))?;
            let stored: HashMap<String, String> = read(answer)?;
            meta::check(&stored, locator)?;
            Ok(wire)
        };
        let within = self.config.connect_timeout;
        let slow = || Trouble::Unreachable { at: self.at.clone(), reason: format!("not connected within {within:?}") };
        timeout(within, attempt).await.map_err(|_| slow())?
    }
}

async fn evaluate(wire: &mut Wire, script: &Script, keys: &[String], args: &[Vec<u8>]) -> redis::RedisResult<Value> {
    match wire.send(&script.call(true, keys, args)).await {
        Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
            wire.send(&script.call(false, keys, args)).await
        }
        result => result,
    }
}

fn read<T: FromRedisValue>(value: Value) -> Result<T, Trouble> {
    T::from_redis_value(value).map_err(|_| Trouble::Other("with a value of another type than asked for".into()))
}
