//! Everything that workers need, and a producer's side of them: configuration, keyring, catalogue, the practice
//! platform, a queue for answers and one that hears every event.

mod messages;
mod setup;

use std::collections::BTreeMap;
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use futures_util::{StreamExt, stream};
use lapin::{
    BasicProperties, ExchangeKind,
    options::{ExchangeDeclareOptions, QueueBindOptions},
    types::FieldTable,
};
use sealpost_schemas::ExchangeRequest;
use sealpost_shared::pace::Paces;
use sealpost_shared::{
    clock::{Clock, SystemClock},
    ids,
    keys::{KeySource, Keys, LocalKeys, SealingKeys},
    oauth::TokenAnswer,
    records::{Store, StoreConfig, StoreMode},
    seal::{KeyRef, KeyVersion},
    secrets::Secrets,
    tokens::{Consented, TokenCalls, TokenKeeper},
    wire::WireKeys,
};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;

pub use messages::{attempt, connection, exchange_request, properties, publish_job, queue_of, rotation_tick, sealed};
pub use setup::Setup;

use crate::{Message, Rig, Sandbox, Worker, until};

/// Where the consents come back to.
pub const REDIRECT: &str = "http://127.0.0.1:7777/callback";
/// The key that seals records.
pub const KEY: &str = "tokens";
/// The key that producers seal to.
pub const WIRE: &str = "wire";
/// Where answers go.
pub const ANSWERS: &str = "answers";
/// What hears every event.
pub const EVENTS: &str = "heard";
/// Everything comes within this time, on a busy machine too.
pub const SOON: Duration = Duration::from_mins(1);

/// A pipeline without its workers, which the test starts.
#[derive(Debug)]
pub struct Pipeline {
    /// Broker, Redis and folder.
    pub rig: Rig,
    /// The platform that the provider `practice` is.
    pub sandbox: Sandbox,
    shards: u16,
    key: String,
    /// What came for somebody who did not ask yet.
    kept: Mutex<Vec<Message>>,
}

/// A consent that is ready to be exchanged.
#[derive(Debug, Clone)]
pub struct Consent {
    /// The code.
    pub code: String,
    /// Its verifier.
    pub verifier: String,
}

impl Consent {
    /// What the user of this name consented to at a platform.
    pub async fn at(platform: &Sandbox, user: &str) -> Self {
        let verifier = format!("{}{}", ids::fresh().simple(), ids::fresh().simple());
        let challenge = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(&verifier));
        Self { code: platform.mint_code(user, REDIRECT, Some(&challenge)).await, verifier }
    }
}

impl Pipeline {
    /// With the defaults.
    pub async fn start() -> Self {
        Self::start_with(Setup::default()).await
    }

    /// With a test's own choices.
    pub async fn start_with(setup: Setup) -> Self {
        let (rig, sandbox) = tokio::join!(Rig::start(), Sandbox::start());
        Self::of(rig, sandbox, setup).await
    }

    /// On servers that the test chose.
    pub async fn of(rig: Rig, sandbox: Sandbox, setup: Setup) -> Self {
        let pipeline = Self { rig, sandbox, shards: setup.shards, key: setup.key.clone(), kept: Mutex::default() };
        pipeline.configure(&setup);
        let keyring = pipeline.keyring();
        LocalKeys::create(&keyring).expect("a keyring");
        if !pipeline.key.contains('{') {
            pipeline.rotate_key();
        }
        pipeline.rotate_key_of(WIRE);
        pipeline.listen().await;
        pipeline
    }

    /// Writes one file of the configuration.
    pub fn write(&self, name: &str, text: &str) {
        let path = self.rig.folder().join(name);
        fs::write(&path, text).expect("a file of the configuration");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("a file for its owner only");
    }

    /// The configuration file.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.rig.folder().join("sealpost.toml")
    }

    /// The keyring's file.
    #[must_use]
    pub fn keyring(&self) -> PathBuf {
        self.rig.folder().join("keyring.json")
    }

    /// Makes a new version of the key, which is the newest from now on.
    pub fn rotate_key(&self) -> KeyVersion {
        self.rotate_key_of(KEY).version
    }

    /// The same of another key, which may be new itself.
    pub fn rotate_key_of(&self, id: &str) -> KeyRef {
        let id = id.parse().expect("a key id");
        let version = LocalKeys::rotate(&self.keyring(), &id, jiff::Timestamp::UNIX_EPOCH).expect("a new key version");
        KeyRef { id, version }
    }

    /// The newest version of the key.
    pub async fn newest_version(&self) -> KeyVersion {
        let keys = LocalKeys::open(&self.keyring()).expect("the keyring");
        keys.latest(&KEY.parse().expect("a key id")).await.expect("a key").0
    }

    /// Starts a worker with all steps.
    pub async fn worker(&self) -> Worker {
        Worker::start(self.rig.folder(), &self.config(), &["all"], &[]).await
    }

    /// Starts a worker with all steps, whose servers may be away.
    pub async fn waiting_worker(&self) -> Worker {
        Worker::begin(self.rig.folder(), &self.config(), &["all"], &[]).await
    }

    /// Starts a worker with these steps and environment.
    pub async fn worker_with(&self, steps: &[&str], env: &[(&str, &str)]) -> Worker {
        Worker::start(self.rig.folder(), &self.config(), steps, env).await
    }

    /// Starts a scheduler that publishes no tick for a long time.
    pub async fn scheduler(&self) -> Worker {
        self.write("schedule.toml", &format!("{}[schedule]\nrewrap = '0 0 29 2 *'\n", text_of(&self.config())));
        Worker::scheduler(self.rig.folder(), &self.rig.folder().join("schedule.toml")).await
    }

    /// The store as workers see it.
    pub async fn store(&self) -> Store {
        let keys = LocalKeys::open(&self.keyring()).expect("the keyring");
        let config =
            StoreConfig { shards: self.shards, ..StoreConfig::new(StoreMode::Single, [self.rig.redis_url().into()]) };
        Store::open(config, keys.index_key().await.expect("an index key")).await.expect("the store")
    }

    /// How many things are sealed under this version, in all shards.
    pub async fn held(&self, version: &KeyVersion) -> u64 {
        self.held_under(&KeyRef { id: KEY.parse().expect("a key id"), version: version.clone() }).await
    }

    /// The same of another key.
    pub async fn held_under(&self, key: &KeyRef) -> u64 {
        let (store, mut held) = (self.store().await, 0);
        for shard in 0..self.shards {
            held += store.count_held(shard, key).await.expect("a count");
        }
        held
    }

    /// A token keeper as workers have one.
    pub async fn keeper(&self) -> TokenKeeper {
        self.keeper_of(self.store().await, self.sealing_keys().await)
    }

    /// The same with other keys.
    pub fn keeper_of(&self, store: Store, keys: SealingKeys) -> TokenKeeper {
        let limit = Duration::from_secs(20);
        let http = sealpost_shared::http::client(limit).expect("an HTTP client");
        let paces = Paces::new(store.clone(), http, limit, BTreeMap::new());
        let calls = TokenCalls { paces, limit, clock: Arc::new(SystemClock), secrets: Secrets::default() };
        TokenKeeper::new(store, keys, calls)
    }

    /// The keys as workers have them.
    pub async fn sealing_keys(&self) -> SealingKeys {
        let keys = Keys::Local(LocalKeys::open(&self.keyring()).expect("the keyring"));
        SealingKeys::open(keys, self.key.parse().expect("a key template")).await.expect("an index key")
    }

    /// Stores connections of users `user-0`, `user-1`, … of tenant `acme` with made-up tokens, as an exchange does.
    pub async fn seed(&self, users: usize) {
        self.seed_for("acme", users).await;
    }

    /// The same for any tenant.
    pub async fn seed_for(&self, tenant: &str, users: usize) {
        self.seed_by(&self.keeper().await, tenant, users).await;
    }

    /// The same by this keeper.
    pub async fn seed_by(&self, keeper: &TokenKeeper, tenant: &str, users: usize) {
        let now = SystemClock.now();
        let one = async |user: usize| {
            let tokens = TokenAnswer {
                access_token: format!("access-{user}").into(),
                refresh_token: Some(format!("refresh-{user}").into()),
                token_type: None,
                expires_at: None,
                keep_access_token: true,
                scopes: None,
                id_token: None,
            };
            let place = keeper.prepare(&connection(tenant, &format!("user-{user}"))).await;
            let place = place.map_err(|failure| failure.message).expect("a place");
            let stored = keeper.store_consent(&place, &Consented::new(ids::fresh(), &tokens, &[], now)).await;
            stored.map_err(|failure| failure.message).expect("a stored record");
        };
        stream::iter(0..users).for_each_concurrent(64, one).await;
    }

    async fn listen(&self) {
        let broker = &self.rig.broker;
        broker.declare(ANSWERS, FieldTable::default()).await;
        broker.declare(EVENTS, FieldTable::default()).await;
        let channel = broker.channel().await;
        let durable = ExchangeDeclareOptions { durable: true, ..Default::default() };
        let table = FieldTable::default;
        let exchange = "sealpost.events";
        channel.exchange_declare(exchange.into(), ExchangeKind::Topic, durable, table()).await.expect("the exchange");
        let options = QueueBindOptions::default();
        channel.queue_bind(EVENTS.into(), exchange.into(), "#".into(), options, table()).await.expect("a binding");
    }

    /// The message with its secrets sealed to the newest key, as a producer sends it.
    pub async fn sealed(&self, type_name: &str, body: &Value) -> Value {
        let keys = WireKeys::new(self.sealing_keys().await.source().clone(), WIRE.parse().expect("a key id"));
        messages::sealed(type_name, body, &keys.newest().await.expect("a key"))
    }

    /// A request to exchange something, with its secrets opened as a worker does it.
    pub async fn opened(&self, request: &Value) -> Value {
        let keys = WireKeys::new(self.sealing_keys().await.source().clone(), WIRE.parse().expect("a key id"));
        let mut opened: ExchangeRequest = serde_json::from_value(request.clone()).expect("a request");
        let done = keys.open(&mut opened, || Ok(request.clone())).await;
        done.map_err(|failure| failure.message).expect("secrets that open");
        serde_json::to_value(opened).expect("JSON")
    }

    /// Publishes a message as a producer does, in JSON, and returns its correlation id.
    pub async fn send(&self, type_name: &str, body: &Value) -> String {
        let id = body["id"].as_str().expect("an id");
        let bytes = serde_json::to_vec(body).expect("JSON");
        self.send_raw(type_name, &bytes, properties(type_name, id)).await
    }

    /// Publishes any bytes to the queue of that type of message, or to its retries if a header says which attempt it is,
    /// and returns the correlation id.
    pub async fn send_raw(&self, type_name: &str, body: &[u8], properties: BasicProperties) -> String {
        let correlation = format!("correlation-{}", ids::fresh());
        let properties = properties.with_correlation_id(correlation.as_str().into());
        let headers = properties.headers().as_ref();
        let again = headers.is_some_and(|headers| headers.inner().contains_key("sealpost-attempt"));
        let queue = format!("{}{}", queue_of(type_name), if again { ".retries" } else { "" });
        self.rig.broker.publish_raw(&queue, body, properties).await;
        correlation
    }

    /// Waits for the answer with this correlation id.
    pub async fn answer(&self, correlation: &str) -> Message {
        let asked = |message: &Message| {
            message.properties.correlation_id().as_ref().is_some_and(|id| id.as_str() == correlation)
        };
        self.take(ANSWERS, &format!("an answer to {correlation}"), asked).await
    }

    /// Waits for the first event under this topic that nobody took yet.
    pub async fn event(&self, topic: &str) -> Message {
        self.take(EVENTS, &format!("an event {topic}"), |message| {
            message.exchange == "sealpost.events" && message.routing_key == topic
        })
        .await
    }

    /// Every event so far under this topic that nobody took yet.
    pub async fn events(&self, topic: &str) -> Vec<Message> {
        let mut kept = self.kept.lock().await;
        kept.extend(self.rig.broker.drain(EVENTS).await);
        let (those, others) = kept.drain(..).partition(|message| message.routing_key == topic);
        *kept = others;
        those
    }

    async fn take(&self, queue: &str, what: &str, wanted: impl Fn(&Message) -> bool) -> Message {
        until(what, SOON, async || {
            let mut kept = self.kept.lock().await;
            if let Some(at) = kept.iter().position(&wanted) {
                return Some(kept.remove(at));
            }
            kept.extend(self.rig.broker.drain(queue).await);
            let at = kept.iter().position(&wanted)?;
            Some(kept.remove(at))
        })
        .await
    }

    /// Sends a message and waits for its answer's body.
    pub async fn ask(&self, type_name: &str, body: &Value) -> Value {
        let correlation = self.send(type_name, body).await;
        self.answer(&correlation).await.json()
    }

    /// The next dead letter.
    pub async fn dead_letter(&self) -> Message {
        self.rig.broker.next("dead-letters", SOON).await
    }

    /// The consent of a user of the platform.
    pub async fn consent(&self, user: &str) -> Consent {
        Consent::at(&self.sandbox, user).await
    }

    /// Has the platform's user of this name connected, as tenant `acme`'s user of the same name.
    pub async fn connect(&self, user: &str) {
        let request = exchange_request("acme", user, &self.consent(user).await);
        let answer = self.ask("exchange-request.v1", &request).await;
        assert_eq!(answer["outcome"], "stored", "{answer}");
    }
}

/// A file of the test's folder, as text.
#[must_use]
pub fn text_of(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}
