//! What a test has for itself: a virtual host on the shared RabbitMQ, and a Redis server.

use std::path::{Path, PathBuf};

use sealpost::dev::servers::{
    rabbitmq::RabbitMq,
    redis::{Redis, RedisOptions},
};

use crate::{
    broker::Broker,
    machine::{folder, remove_folder, shared_rabbitmq},
    own::Own,
};

/// A test's own world; nothing in it is seen by another test. Dropping it removes all of it.
#[derive(Debug)]
pub struct Rig {
    /// The virtual host. A test that kills, stops or blocks the broker starts its own RabbitMQ instead.
    pub broker: Broker,
    /// The Redis server, which the test may kill, stop and restart.
    pub redis: Own<Redis>,
    folder: PathBuf,
}

impl Rig {
    /// Starts what is missing; the first one of a process builds the binaries and starts RabbitMQ.
    pub async fn start() -> Self {
        let rabbitmq = tokio::task::spawn_blocking(shared_rabbitmq).await.expect("the shared RabbitMQ");
        let redis = Own::redis(RedisOptions::default()).await;
        Self { broker: Broker::new_vhost(rabbitmq).await, redis, folder: folder("rig") }
    }

    /// A world on a RabbitMQ that the test started for itself.
    pub async fn on(rabbitmq: &RabbitMq) -> Self {
        Self::with(rabbitmq, RedisOptions::default()).await
    }

    /// The same with options for Redis.
    pub async fn with(rabbitmq: &RabbitMq, options: RedisOptions) -> Self {
        let redis = Own::redis(options).await;
        Self { broker: Broker::of(rabbitmq), redis, folder: folder("rig") }
    }

    /// The address of the test's virtual host.
    #[must_use]
    pub fn amqp_url(&self) -> &str {
        self.broker.url()
    }

    /// The address of the test's Redis.
    #[must_use]
    pub fn redis_url(&self) -> String {
        self.redis.url()
    }

    /// A folder for the test's own files.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        remove_folder(&self.folder);
    }
}
