//! How to reach Redis.

use std::time::Duration;

use secrecy::SecretString;

/// One Redis server, or a Redis Cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StoreMode {
    /// One server (or one name that always leads to the writable one).
    #[default]
    Single,
    /// Redis Cluster; the addresses are some of its nodes.
    Cluster,
}

/// How to reach Redis, and how long to wait for it.
#[derive(Clone, Debug)]
pub struct StoreConfig {
    /// `redis://` or `rediss://` addresses, with user and password where there are. A single server has one.
    pub urls: Vec<SecretString>,
    /// One server or a cluster.
    pub mode: StoreMode,
    /// The number of logical shards, fixed when a store is first used.
    pub shards: u16,
    /// How long one command may take, a new connection included. The client's own default is 500 ms, which one slow
    /// flush to disk is enough to exceed. A write whose answer is lost is sent again: it may take three times as long.
    pub response_timeout: Duration,
    /// How long connecting may take.
    pub connect_timeout: Duration,
}

impl StoreConfig {
    /// The defaults: 256 shards, 3 s for a command, 2 s to connect.
    #[must_use]
    pub fn new(mode: StoreMode, urls: impl IntoIterator<Item = SecretString>) -> Self {
        Self {
            urls: urls.into_iter().collect(),
            mode,
            shards: 256,
            response_timeout: Duration::from_secs(3),
            connect_timeout: Duration::from_secs(2),
        }
    }
}
