//! A server that one test has for itself, and may kill, stop and restart.

use std::{
    ffi::OsString,
    fs,
    ops::{Deref, DerefMut},
    path::{Path, PathBuf},
    time::Duration,
};

use sealpost::dev::{
    DevError,
    child::Guarded,
    servers::{
        Launcher,
        rabbitmq::{RabbitMq, RabbitMqCluster, RabbitMqOptions},
        redis::{Redis, RedisCluster, RedisOptions},
    },
};

use crate::{
    machine::{folder, launcher, remove_folder},
    until,
};

/// Servers are slow on a busy machine.
const LONG: Duration = Duration::from_mins(1);

/// A server of one test. Dropping it kills it and removes its folder.
#[derive(Debug)]
pub struct Own<S: Server> {
    server: S,
    folder: PathBuf,
}

/// What [`Own`] must know of a server.
pub trait Server {
    /// Its processes.
    fn processes(&self) -> Vec<&Guarded>;
}

impl Server for RabbitMq {
    fn processes(&self) -> Vec<&Guarded> {
        vec![self.process(), self.port_mapper()]
    }
}

impl Server for RabbitMqCluster {
    fn processes(&self) -> Vec<&Guarded> {
        Self::processes(self).collect()
    }
}

impl Server for Redis {
    fn processes(&self) -> Vec<&Guarded> {
        vec![self.process()]
    }
}

impl Server for RedisCluster {
    fn processes(&self) -> Vec<&Guarded> {
        self.nodes.iter().map(Redis::process).collect()
    }
}

impl Own<RabbitMq> {
    /// Starts a RabbitMQ; takes seconds.
    pub async fn rabbitmq(options: RabbitMqOptions) -> Self {
        start("rabbitmq", async |folder, launcher| RabbitMq::start(folder, launcher, &options).await).await
    }

    /// Waits until a quorum queue of the default virtual host would survive [`RabbitMq::kill9`]: in the first second
    /// of its life it does not (seen with 3.10.8 and 4.0.5: it never has a leader again), as its entry in Ra's table
    /// of names is written late.
    pub async fn settled(&self, queue: &str) {
        let name = format!("%2F_{queue}");
        // An Erlang atom: its length, its text.
        let entry = [&[u8::try_from(name.len()).expect("a short name")], name.as_bytes()].concat();
        until(&format!("{queue} is in the table of names"), LONG, async || {
            let tables = tables_of_names(self.folder());
            tables.iter().any(|table| table.windows(entry.len()).any(|part| part == entry))
        })
        .await;
    }
}

impl Own<RabbitMqCluster> {
    /// Starts a cluster of three nodes; takes a while.
    pub async fn rabbitmq_cluster() -> Self {
        start("rabbitmq-cluster", async |folder, launcher| RabbitMqCluster::start(folder, launcher).await).await
    }
}

impl Own<Redis> {
    /// Starts a Redis.
    pub async fn redis(options: RedisOptions) -> Self {
        start("redis", async |folder, launcher| Redis::start(folder, launcher, &options).await).await
    }
}

impl Own<RedisCluster> {
    /// Starts a Redis Cluster of three masters, with a replica each if wanted.
    pub async fn redis_cluster(replicas: bool) -> Self {
        start("cluster", async |folder, launcher| RedisCluster::start(folder, launcher, replicas).await).await
    }
}

/// The content of `mnesia/<node>/quorum/<node>/names.dets`.
fn tables_of_names(folder: &Path) -> Vec<Vec<u8>> {
    let nodes = fs::read_dir(folder.join("mnesia")).into_iter().flatten().flatten().map(|entry| entry.file_name());
    let path = |node: &OsString| folder.join("mnesia").join(node).join("quorum").join(node).join("names.dets");
    nodes.filter_map(|node| fs::read(path(&node)).ok()).collect()
}

async fn start<S: Server>(what: &str, start: impl AsyncFn(&Path, &Launcher) -> Result<S, DevError>) -> Own<S> {
    let launcher = tokio::task::spawn_blocking(launcher).await.expect("installed servers");
    let folder = folder(what);
    match start(&folder, launcher).await {
        Ok(server) => Own { server, folder },
        Err(error) => {
            let _ = fs::remove_dir_all(&folder);
            panic!("{error}")
        }
    }
}

impl<S: Server> Deref for Own<S> {
    type Target = S;
    fn deref(&self) -> &S {
        &self.server
    }
}

impl<S: Server> DerefMut for Own<S> {
    fn deref_mut(&mut self) -> &mut S {
        &mut self.server
    }
}

impl<S: Server> Drop for Own<S> {
    fn drop(&mut self) {
        // Its files are of no use to anybody, so that a crash is the fastest end.
        for process in self.server.processes() {
            process.kill9();
            process.wait();
        }
        remove_folder(&self.folder);
    }
}
