//! What a test has for itself: a virtual host on the shared RabbitMQ, and a Redis server.

use std::{fs, path::PathBuf};

use sealpost::dev::servers::redis::{Redis, RedisOptions};

use crate::{
    broker::Broker,
    machine::{folder, launcher, shared_rabbitmq},
};

/// A test's own world; nothing in it is seen by another test. Dropping it removes all of it.
#[derive(Debug)]
pub struct Rig {
    /// The virtual host. A test that kills, stops or blocks the broker starts its own RabbitMQ instead.
    pub broker: Broker,
    /// The Redis server, which the test may kill, stop and restart.
    pub redis: Redis,
    folder: PathBuf,
}

impl Rig {
    /// Starts what is missing; the first one of a process builds the binaries and starts RabbitMQ.
    pub async fn start() -> Self {
        let (launcher, rabbitmq) =
            tokio::task::spawn_blocking(|| (launcher(), shared_rabbitmq())).await.expect("the shared servers");
        let folder = folder("rig");
        let redis = Redis::start(&folder.join("redis"), launcher, &RedisOptions::default()).await;
        let redis = redis.unwrap_or_else(|error| panic!("{error}"));
        Self { broker: Broker::new_vhost(rabbitmq).await, redis, folder }
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
    pub fn folder(&self) -> PathBuf {
        let folder = self.folder.join("files");
        fs::create_dir_all(&folder).expect("a folder for the test's files");
        folder
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        // Its files are of no use to anybody, so that a crash is the fastest end.
        let redis = self.redis.process();
        redis.kill9();
        redis.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}
