//! What there is in Redis, looked at without writing anything: for an operator before the first worker starts.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use redis::{FromRedisValue, RedisResult, Value};
use tokio::time::timeout;

use super::super::config::StoreConfig;
use super::super::durability::{self, Risk, SETTINGS};
use super::super::error::StoreError;
use super::super::layout;
use super::super::locate::Locator;
use super::super::meta::{self, Mismatch};
use super::super::trouble::Trouble;
use super::wire::{Servers, Wire};
use crate::keys::IndexKey;

/// What was found.
#[derive(Debug)]
pub struct Inspection {
    /// Host and port.
    pub at: String,
    /// The versions of its nodes; none where it does not tell.
    pub versions: BTreeSet<String>,
    /// Whether it is a replica, which takes no writes.
    pub is_replica: bool,
    /// Whether a store was made here, and how it differs from the configured one.
    pub store: Option<Result<(), Mismatch>>,
    /// What its settings put at risk.
    pub risks: Vec<Risk>,
}

/// Looks at Redis, over a connection of its own, on which nothing is written: the first worker fixes a new store to its
/// number of shards and index key.
///
/// # Errors
/// If Redis cannot be reached or does not answer.
pub async fn inspect(config: &StoreConfig, index_key: Arc<IndexKey>) -> Result<Inspection, StoreError> {
    let doing = |trouble| StoreError::new("look at Redis", trouble);
    let (servers, at) = Servers::new(config).map_err(doing)?;
    let not_within = |within| Trouble::Unreachable { at: at.clone(), reason: format!("not done within {within:?}") };
    let connecting = timeout(config.connect_timeout, servers.connect(config)).await;
    let connected = connecting.map_err(|_| doing(not_within(config.connect_timeout)))?;
    let mut wire = connected.map_err(|error| doing(Trouble::of_connecting(&error, &at)))?;
    let locator = Locator::new(index_key, config.shards);
    let looked = timeout(config.response_timeout * 3, look(&mut wire, &at, &locator)).await;
    looked.map_err(|_| doing(not_within(config.response_timeout * 3)))?.map_err(doing)
}

async fn look(wire: &mut Wire, at: &str, locator: &Locator) -> Result<Inspection, Trouble> {
    let said = |answer: RedisResult<Value>| answer.map_err(|error| Trouble::of_command(&error, at));
    let stored = said(wire.send(redis::cmd("HGETALL").arg(layout::META)).await)?;
    let stored: HashMap<String, String> = super::read(stored)?;
    let store = (!stored.is_empty()).then(|| meta::check(&stored, locator));
    let mut answers = Vec::new();
    for setting in SETTINGS {
        let answer = said(wire.ask_all(&durability::question(setting)).await);
        answers.push((setting, answer.map(super::of_nodes)));
    }
    // one that does not tell is no worse for it
    let about = said(wire.ask_all(&redis::cmd("INFO")).await).map(super::of_nodes).unwrap_or_default();
    let texts: Vec<_> = about.into_iter().filter_map(|text| String::from_redis_value(text).ok()).collect();
    let versions = texts.iter().filter_map(|text| field(text, "redis_version")).map(Into::into).collect();
    let is_replica = !wire.is_cluster() && texts.iter().any(|text| field(text, "role") == Some("slave"));
    Ok(Inspection { at: at.into(), versions, is_replica, store, risks: durability::risks(answers)? })
}

/// A field of Redis's INFO.
fn field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}
