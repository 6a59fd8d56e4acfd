//! A store on a shared Redis or Redis Cluster, with names and keys of the test's own, and a look behind the store.

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use redis::{
    Client, FromRedisValue, aio::MultiplexedConnection, cluster::ClusterClient, cluster_async::ClusterConnection,
};
use sealpost::dev::servers::redis::RedisOptions;
use sealpost_schemas::{Connection, Name, ProviderId};
use sealpost_shared::{
    ids,
    keys::IndexKey,
    records::{
        Content, Custody, Device, Draft, Expected, Marker, Metadata, ReadyIf, Record, RecordId, Saved, Standing, Store,
        StoreConfig, StoreMode, Subject, TokenSet,
    },
    seal::{Key, KeyRef},
};
use sealpost_tests::Own;
use secrecy::SecretString;

/// Servers are slow on a busy machine.
pub(super) const LONG: Duration = Duration::from_mins(1);

/// Runs each test of the list once on a single Redis and once on a cluster.
macro_rules! on_both {
    ($($test:ident)+) => {
        mod single {
            $(#[tokio::test] async fn $test() { super::$test($crate::records::world::World::single().await).await; })+
        }
        mod cluster {
            $(#[tokio::test] async fn $test() { super::$test($crate::records::world::World::cluster().await).await; })+
        }
    };
}
pub(super) use on_both;

/// A key and its name.
pub(super) struct Named {
    pub(super) name: KeyRef,
    pub(super) key: Key,
}

pub(super) struct World {
    pub(super) config: StoreConfig,
    pub(super) store: Store,
    pub(super) raw: Raw,
    pub(super) old: Named,
    pub(super) new: Named,
    tenant: String,
}

/// A client of the test's own, which sees what the store made.
#[derive(Clone)]
pub(super) enum Raw {
    Single(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Raw {
    pub(super) async fn single(url: &str) -> Self {
        Self::Single(Client::open(url).unwrap().get_multiplexed_async_connection().await.unwrap())
    }

    pub(super) async fn ask<T: FromRedisValue>(&self, command: &[&str]) -> redis::RedisResult<T> {
        let mut cmd = redis::cmd(command[0]);
        cmd.arg(&command[1..]);
        self.send(&cmd).await
    }

    pub(super) async fn send<T: FromRedisValue>(&self, cmd: &redis::Cmd) -> redis::RedisResult<T> {
        match self.clone() {
            Self::Single(mut connection) => cmd.query_async(&mut connection).await,
            Self::Cluster(mut connection) => cmd.query_async(&mut connection).await,
        }
    }

    pub(super) async fn tell(&self, command: &[&str]) {
        let _: redis::Value = self.ask(command).await.unwrap();
    }

    pub(super) async fn hash(&self, id: &RecordId) -> HashMap<String, Vec<u8>> {
        self.ask(&["HGETALL", &record_key(id)]).await.unwrap()
    }
}

pub(super) fn record_key(id: &RecordId) -> String {
    format!("{{sp:{:03}}}:record:{}", id.shard, id.key)
}

pub(super) fn index_key() -> Arc<IndexKey> {
    Arc::new(IndexKey::from_bytes(&[7; IndexKey::LEN]))
}

pub(super) fn config(mode: StoreMode, urls: &[String]) -> StoreConfig {
    StoreConfig::new(mode, urls.iter().map(|url| SecretString::from(url.as_str())))
}

/// A single Redis, on which the store gives up soon.
pub(super) fn hasty(url: &str) -> StoreConfig {
    let timeout = Duration::from_millis(500);
    StoreConfig { response_timeout: timeout, connect_timeout: timeout, ..config(StoreMode::Single, &[url.into()]) }
}

/// The addresses of the servers that all tests share, which are for use and not for harm.
async fn shared(mode: StoreMode) -> &'static [String] {
    static SINGLE: OnceLock<Vec<String>> = OnceLock::new();
    static CLUSTER: OnceLock<Vec<String>> = OnceLock::new();
    let start = move || match mode {
        StoreMode::Single => {
            SINGLE.get_or_init(|| kept(Own::redis(RedisOptions::default()), |redis| vec![redis.url()]))
        }
        StoreMode::Cluster => CLUSTER.get_or_init(|| kept(Own::redis_cluster(false), |cluster| cluster.urls())),
    };
    tokio::task::spawn_blocking(start).await.unwrap()
}

/// Starts a server that no runtime of a test owns, and that its guard ends with this process. Blocks.
fn kept<S>(start: impl Future<Output = S>, urls: impl FnOnce(&S) -> Vec<String>) -> Vec<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let server = runtime.block_on(start);
    let urls = urls(&server);
    std::mem::forget((server, runtime));
    urls
}

impl World {
    pub(super) async fn single() -> Self {
        let urls = shared(StoreMode::Single).await;
        Self::on(config(StoreMode::Single, urls), Raw::single(&urls[0]).await)
    }

    pub(super) async fn cluster() -> Self {
        let urls = shared(StoreMode::Cluster).await;
        let client = ClusterClient::new(urls.to_vec()).unwrap();
        Self::on(config(StoreMode::Cluster, urls), Raw::Cluster(client.get_async_connection().await.unwrap()))
    }

    /// On a server of the test's own, or on the way to it.
    pub(super) fn on(config: StoreConfig, raw: Raw) -> Self {
        let id = ids::fresh().simple().to_string();
        let named = |version: &str| Named {
            name: KeyRef { id: format!("key-{id}").parse().unwrap(), version: version.parse().unwrap() },
            key: Key::random().unwrap(),
        };
        let store = Store::new(config.clone(), index_key()).unwrap();
        Self { config, store, raw, old: named("v1"), new: named("v2"), tenant: format!("tenant-{id}") }
    }

    pub(super) fn connection(&self, user: &str) -> Connection {
        let name = |text: &str| Name::new(text).unwrap();
        Connection {
            tenant: name(&self.tenant),
            user: name(user),
            provider: ProviderId::new("gitea").unwrap(),
            label: name("default"),
        }
    }

    pub(super) fn content(&self, user: &str) -> Content {
        Content {
            connection: self.connection(user),
            subject: Some(Subject { id: "17".into(), name: Some("ada".into()), replaced: false }),
            tokens: TokenSet {
                access_token: Some(SecretString::from("access-1")),
                refresh_token: Some(SecretString::from("refresh-1")),
                token_type: Some("Bearer".into()),
                id_token: None,
            },
            device: Device::default(),
        }
    }

    /// A draft under the old key version.
    pub(super) fn draft(&self, user: &str) -> Draft {
        self.draft_with(user, metadata())
    }

    pub(super) fn draft_with(&self, user: &str, metadata: Metadata) -> Draft {
        self.store.draft(&self.content(user), metadata, &self.old.name, &self.old.key).unwrap()
    }

    /// Saves a new record and reads it.
    pub(super) async fn saved(&self, user: &str) -> Record {
        let draft = self.draft(user);
        let saved = self.store.save(&draft, Expected::Absent).await.unwrap();
        assert!(matches!(saved, Saved::Written(_)), "{saved:?}");
        self.load(&draft.id()).await
    }

    /// What a connection's record must be: not expired now.
    pub(super) fn ready_if(&self, user: &str) -> ReadyIf {
        let record = self.store.locate(&self.connection(user));
        ReadyIf { record, now: time(0), skew: SignedDuration::from_secs(30) }
    }

    pub(super) async fn load(&self, id: &RecordId) -> Record {
        self.store.load(id).await.unwrap().expect("a record")
    }

    /// Re-seals under the new key version what was read, whatever is stored by now.
    pub(super) async fn reseal(&self, record: &Record) -> Saved {
        let sealed = record.seal_anew(&self.old.key, &self.new.name, &self.new.key).unwrap();
        self.store.reseal(record.id.shard, &self.new.name, &[(record.clone(), sealed)]).await.unwrap()[0]
    }
}

pub(super) fn time(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_760_000_000 + seconds).unwrap()
}

/// Metadata with something in every field.
pub(super) fn metadata() -> Metadata {
    Metadata {
        generation: ids::fresh(),
        standing: Standing::active(time(0)),
        custody: Custody::Vault,
        access_expires_at: Some(time(3600)),
        next_due: Some(time(7200)),
        scopes: vec!["write:issue".into(), "with space".into()],
        created_at: time(-5),
        refreshed_at: time(1),
        request: Some(ids::fresh()),
        marker: Some(Marker { attempt: ids::fresh(), at: time(2) }),
        superseded: vec![[1; 32], [2; 32]],
    }
}

/// The record's revision as a number.
pub(super) fn number(record: &Record) -> u64 {
    let text = format!("{:?}", record.revision);
    text.trim_matches(|c: char| !c.is_ascii_digit()).parse().unwrap()
}
