//! The way to Redis: one shared connection, made when it is needed, checked, and thrown away when it is spoilt.
//!
//! A command fails within the response timeout, whatever happens. While Redis is away commands fail at once, and every
//! second or so one of them tries to connect again. WAIT and blocking commands must not use it.

mod inspect;
mod wire;

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use redis::{Arg, Cmd, FromRedisValue, RedisResult, Value};
use tokio::time::{Instant, timeout, timeout_at};
use tracing::Instrument;

pub use self::inspect::{Inspection, inspect};
pub(super) use self::wire::Script;
use self::wire::{Servers, Wire};
use super::config::StoreConfig;
use super::locate::Locator;
use super::trouble::Trouble;
use super::{layout, meta};
use crate::trace;

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

pub(super) struct Link {
    config: StoreConfig,
    locator: Locator,
    servers: Servers,
    /// Host and port, for messages.
    at: String,
    meta: Script,
    /// The name of the store that was met first, if it has one.
    seen: OnceLock<Option<String>>,
    live: Mutex<Option<Live>>,
    /// Held by the one that connects.
    attempts: tokio::sync::Mutex<Attempts>,
}

#[derive(Clone)]
struct Live {
    /// Tells this connection from those before and after it.
    number: u64,
    wire: Wire,
}

#[derive(Default)]
struct Attempts {
    made: u64,
    failed: Option<Failed>,
}

/// Why the last attempt to connect failed, and when the next is due.
struct Failed {
    trouble: Trouble,
    pause: Duration,
    again: Instant,
}

impl Link {
    pub(super) fn new(config: StoreConfig, locator: Locator) -> Result<Self, Trouble> {
        if config.shards == 0 {
            return Err(Trouble::Config("the number of shards is 0; 256 is the default".into()));
        }
        let (servers, at) = Servers::new(&config)?;
        let meta = Script::new("meta", include_str!("scripts/meta.lua"));
        Ok(Self {
            config,
            locator,
            servers,
            at,
            meta,
            seen: OnceLock::new(),
            live: Mutex::default(),
            attempts: tokio::sync::Mutex::default(),
        })
    }

    pub(super) fn response_timeout(&self) -> Duration {
        self.config.response_timeout
    }

    /// Sends one command and waits for its answer.
    pub(super) async fn query<T: FromRedisValue>(&self, cmd: &Cmd) -> Result<T, Trouble> {
        read(self.bounded(name(cmd), async |wire| wire.send(cmd).await).await?)
    }

    /// Runs a script. `keys` lie in one slot.
    pub(super) async fn run<T: FromRedisValue>(
        &self,
        script: &Script,
        keys: &[String],
        args: &[Vec<u8>],
    ) -> Result<T, Trouble> {
        read(self.bounded(script.name, async |wire| wire.run(script, keys, args).await).await?)
    }

    /// Sends many commands at once and waits for all answers, in their order. Their keys may lie in any slots.
    pub(super) async fn query_each<T: FromRedisValue>(&self, cmds: Vec<Cmd>) -> Result<Vec<T>, Trouble> {
        // an empty batch is none that Redis would take
        if cmds.is_empty() {
            return Ok(Vec::new());
        }
        read(self.bounded("pipeline", async |wire| wire.send_each(cmds).await).await?)
    }

    /// Asks every node the same.
    pub(super) async fn ask_all(&self, cmd: &Cmd) -> Result<Vec<Value>, Trouble> {
        self.bounded(name(cmd), async |wire| wire.ask_all(cmd).await).await.map(of_nodes)
    }

    async fn bounded(
        &self,
        name: &str,
        act: impl AsyncFnOnce(&mut Wire) -> RedisResult<Value>,
    ) -> Result<Value, Trouble> {
        let span = trace::redis(name);
        let result = self.within_limits(act).instrument(span.clone()).await;
        if let Err(trouble) = &result {
            trace::failed(&span, trouble);
        }
        result
    }

    async fn within_limits(&self, act: impl AsyncFnOnce(&mut Wire) -> RedisResult<Value>) -> Result<Value, Trouble> {
        let within = self.config.response_timeout;
        let deadline = Instant::now() + within;
        let connected = timeout_at(deadline, self.connected()).await;
        let mut live = connected.map_err(|_| self.not_connected_within(within))??;
        let result = match timeout_at(deadline, act(&mut live.wire)).await {
            Ok(result) => result.map_err(|error| Trouble::of_command(&error, &self.at)),
            Err(_) => Err(Trouble::NoReply { at: self.at.clone(), reason: format!("nothing came within {within:?}") }),
        };
        if result.as_ref().is_err_and(Trouble::spoils_connection) {
            // What others have under way on it goes on.
            self.live().take_if(|now| now.number == live.number);
        }
        result
    }

    fn live(&self) -> MutexGuard<'_, Option<Live>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The shared connection. Whoever finds none makes it, and the others wait.
    async fn connected(&self) -> Result<Live, Trouble> {
        if let Some(live) = &*self.live() {
            return Ok(live.clone());
        }
        let mut attempts = self.attempts.lock().await;
        if let Some(live) = &*self.live() {
            return Ok(live.clone());
        }
        let pause = match &attempts.failed {
            Some(failed) if Instant::now() < failed.again => return Err(failed.trouble.clone()),
            Some(failed) => (failed.pause * 2).min(LONGEST_PAUSE),
            None => FIRST_PAUSE,
        };
        let within = self.config.connect_timeout;
        let result = timeout(within, self.connect(attempts.made == 0)).await;
        match result.unwrap_or_else(|_| Err(self.not_connected_within(within))) {
            Ok(wire) => {
                if attempts.failed.take().is_some() {
                    tracing::info!(store.at = self.at, "Redis is reached again");
                }
                attempts.made += 1;
                let live = Live { number: attempts.made, wire };
                *self.live() = Some(live.clone());
                Ok(live)
            }
            Err(trouble) => {
                if attempts.failed.is_none() {
                    tracing::warn!(store.at = self.at, reason = %trouble, "no connection to Redis");
                }
                attempts.failed = Some(Failed { trouble: trouble.clone(), pause, again: Instant::now() + pause });
                Err(trouble)
            }
        }
    }

    /// A new connection, to a store that is ours.
    ///
    /// A cluster is checked once: later its meta key may lie on the very node that is being replaced.
    async fn connect(&self, first: bool) -> Result<Wire, Trouble> {
        let wire = self.servers.connect(&self.config).await;
        let mut wire = wire.map_err(|error| Trouble::of_connecting(&error, &self.at))?;
        if first || !wire.is_cluster() {
            let seen = self.seen.get();
            let new = if seen.is_none() { meta::new(&self.locator) } else { Vec::new() };
            let args: Vec<_> = new.into_iter().flat_map(|(name, value)| [name.into(), value.into_bytes()]).collect();
            let answer = wire.run(&self.meta, &[layout::META.into()], &args).await;
            let stored: HashMap<String, String> =
                read(answer.map_err(|error| Trouble::of_checking(&error, &self.at))?)?;
            if seen.is_some_and(|seen| stored.is_empty() || meta::name(&stored) != seen.as_ref()) {
                return Err(meta::Mismatch::Replaced.into());
            }
            meta::check(&stored, &self.locator)?;
            self.seen.get_or_init(|| meta::name(&stored).cloned());
        }
        Ok(wire)
    }

    fn not_connected_within(&self, within: Duration) -> Trouble {
        Trouble::Unreachable { at: self.at.clone(), reason: format!("not connected within {within:?}") }
    }
}

/// The name of a command.
fn name(cmd: &Cmd) -> &str {
    let name = cmd.args_iter().next();
    name.and_then(|name| if let Arg::Simple(name) = name { std::str::from_utf8(name).ok() } else { None })
        .unwrap_or_default()
}

/// The answers of all nodes.
fn of_nodes(answer: Value) -> Vec<Value> {
    match answer {
        Value::Map(nodes) => nodes.into_iter().map(|(_, value)| value).collect(),
        Value::Array(nodes) => nodes,
        other => vec![other],
    }
}

fn read<T: FromRedisValue>(value: Value) -> Result<T, Trouble> {
    T::from_redis_value(value).map_err(|_| Trouble::Other("with a value of another type than asked for".into()))
}
