//! A Redis, a platform, and token keepers, each as alone as a worker process.

use std::collections::BTreeMap;
use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf, sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use sealpost::dev::servers::redis::{Redis, RedisOptions};
use sealpost_schemas::{Answer, Connection, FailureReport, ProviderId};
use sealpost_shared::pace::{Endpoint, Line, Paces, Pass};
use sealpost_shared::{
    clock::{Clock, SystemClock},
    failure::Failure,
    http, ids,
    keys::{KeySource, Keys, LocalKeys, SealingKeys},
    oauth::{OAuthProvider, TokenAnswer},
    records::{Content, Record, Store, StoreConfig, StoreMode},
    secrets::Secrets,
    tokens::{Access, Consented, TokenCalls, TokenKeeper},
};
use sealpost_tests::{
    Own, Sandbox,
    machine::{folder, remove_folder},
    pipeline::{KEY, connection},
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

/// How long a token call may take, where a test waits for it to be over.
pub(super) const HASTY: Duration = Duration::from_secs(2);
/// Where no test does.
pub(super) const PATIENT: Duration = Duration::from_secs(20);

pub(super) struct World {
    pub(super) redis: Own<Redis>,
    pub(super) sandbox: Sandbox,
    folder: PathBuf,
}

impl World {
    pub(super) async fn start() -> Self {
        let (redis, sandbox) = tokio::join!(Own::redis(RedisOptions::default()), Sandbox::start());
        let world = Self { redis, sandbox, folder: folder("keeper") };
        LocalKeys::create(&world.keyring()).unwrap();
        world.rotate_key();
        world.secret("client.secret");
        world
    }

    /// A file of the world's own, which need not be there yet.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// A file with the client secret of every platform.
    pub(super) fn secret(&self, name: &str) {
        let secret = self.file(name);
        fs::write(&secret, "sealpost-secret").unwrap();
        fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    }

    pub(super) fn keyring(&self) -> PathBuf {
        self.folder.join("keyring.json")
    }

    pub(super) fn rotate_key(&self) {
        LocalKeys::rotate(&self.keyring(), &KEY.parse().unwrap(), Timestamp::UNIX_EPOCH).unwrap();
    }

    pub(super) fn keys(&self) -> Keys {
        Keys::Local(LocalKeys::open(&self.keyring()).unwrap())
    }

    /// The right to one token call of a provider.
    pub(super) async fn pass(&self, provider: &str) -> Pass {
        let (store, http) = (self.keeper(PATIENT).await.store().clone(), http::client(PATIENT).unwrap());
        let paces = Paces::new(store, http, PATIENT, BTreeMap::new());
        let pass = paces.pass(&ProviderId::new(provider).unwrap(), Endpoint::Token, Line::Beside).await;
        pass.map_err(|failure| failure.message).unwrap()
    }

    /// A keeper with connections of its own.
    pub(super) async fn keeper(&self, limit: Duration) -> Arc<TokenKeeper> {
        self.keeper_at(&self.redis.url(), limit, Arc::new(SystemClock)).await
    }

    /// One that reaches Redis on another way, and has another clock.
    pub(super) async fn keeper_at(&self, redis: &str, limit: Duration, clock: Arc<dyn Clock>) -> Arc<TokenKeeper> {
        self.keeper_config().keeper_at(redis, limit, clock).await
    }

    pub(super) fn keeper_config(&self) -> KeeperConfig {
        KeeperConfig { keyring: self.keyring() }
    }

    /// The practice platform's entry, with these lines more.
    pub(super) fn provider(&self, lines: &str) -> OAuthProvider {
        self.provider_at(self.sandbox.issuer(), lines)
    }

    /// The entry of one that is elsewhere.
    pub(super) fn provider_at(&self, issuer: &str, lines: &str) -> OAuthProvider {
        let secret = self.folder.join("client.secret");
        let entry = format!(
            "authorize_url = '{issuer}/authorize'\ntoken_url = '{issuer}/token'\nclient_id = 'sealpost'\n\
             client_secret = {{ file = '{}' }}\nscopes = ['profile', 'posts.read', 'posts.write']\n{lines}",
            secret.display()
        );
        toml::from_str(&entry).unwrap()
    }

    /// Another client secret than the platform's.
    pub(super) fn forget_the_secret(&self) {
        fs::write(self.folder.join("client.secret"), "wrong").unwrap();
    }

    /// Tokens of the platform for a user; the access token counts as expired.
    pub(super) async fn tokens(&self, user: &str) -> TokenAnswer {
        read(&self.sandbox.mint_tokens(user).await)
    }

    /// Stores a connection with what a platform gave; the access token counts as expired.
    pub(super) async fn expired_with(&self, user: &str, minted: &Value) -> Connection {
        self.store(user, &read(minted)).await;
        connection("acme", user)
    }

    /// Stores what a consent brought.
    pub(super) async fn store(&self, user: &str, tokens: &TokenAnswer) {
        let keeper = self.keeper(PATIENT).await;
        let place = keeper.prepare(&connection("acme", user)).await.map_err(|failure| words(&failure)).unwrap();
        let scopes = ["posts.read".to_owned(), "posts.write".to_owned()];
        let now = SystemClock.now();
        Box::pin(keeper.store_consent(&place, &Consented::new(ids::fresh(), tokens, &scopes, now)))
            .await
            .map_err(|failure| words(&failure))
            .unwrap();
    }

    /// A connection of this user whose access token has expired.
    pub(super) async fn expired(&self, user: &str) -> Connection {
        self.store(user, &self.tokens(user).await).await;
        connection("acme", user)
    }

    pub(super) async fn record(&self, user: &str) -> Record {
        let store = self.keeper(PATIENT).await;
        let store = store.store();
        store.load(&store.locate(&connection("acme", user))).await.unwrap().expect("a record")
    }

    pub(super) async fn content(&self, user: &str) -> Content {
        let record = self.record(user).await;
        record.open(&self.keys().get(record.key()).await.unwrap()).unwrap()
    }

    /// Whether somebody has the lease of this user's connection.
    pub(super) async fn is_leased(&self, user: &str) -> bool {
        let id = self.record(user).await.id;
        let key = format!("{{sp:{:03}}}:lease:{}", id.shard, id.key);
        let client = redis::Client::open(self.redis.url()).unwrap();
        redis::AsyncCommands::exists(&mut client.get_multiplexed_async_connection().await.unwrap(), key).await.unwrap()
    }

    /// Token calls of grant `refresh_token`, by outcome.
    pub(super) async fn refreshes(&self) -> Value {
        self.sandbox.stats().await["token"]["refresh_token"].clone()
    }

    /// How many spent refresh tokens came again.
    pub(super) async fn reuses(&self) -> u64 {
        self.sandbox.stats().await["refresh_reuses"].as_u64().unwrap()
    }

    /// Switches a fault of the token endpoint on.
    pub(super) async fn fault(&self, mut fault: Value) {
        fault["path"] = "/token".into();
        self.sandbox.fault(fault).await;
    }

    /// The platform ends what a refresh token is of (RFC 7009).
    pub(super) async fn ends(&self, token: &SecretString) {
        let request = http::client(PATIENT).unwrap().post(format!("{}/revoke", self.sandbox.issuer()));
        let request = request.basic_auth("sealpost", Some("sealpost-secret")).form(&[("token", token.expose_secret())]);
        assert!(request.send().await.unwrap().status().is_success());
    }

    /// Whether the platform takes an access token.
    pub(super) async fn is_taken(&self, token: &str) -> bool {
        let url = format!("{}/api/posts", self.sandbox.issuer());
        let request = http::client(PATIENT).unwrap().request(Method::POST, url);
        request.bearer_auth(token).json(&json!({"text": "taken"})).send().await.unwrap().status().is_success()
    }
}

/// What a keeper is made from, wherever it is made.
pub(super) struct KeeperConfig {
    keyring: PathBuf,
}

impl KeeperConfig {
    pub(super) async fn keeper_at(&self, redis: &str, limit: Duration, clock: Arc<dyn Clock>) -> Arc<TokenKeeper> {
        let keys = Keys::Local(LocalKeys::open(&self.keyring).unwrap());
        let keys = SealingKeys::open(keys, KEY.parse().unwrap()).await.unwrap();
        let config = StoreConfig::new(StoreMode::Single, [SecretString::from(redis)]);
        let store = Store::open(config, keys.index_key()).await.unwrap();
        let paces = Paces::new(store.clone(), http::client(limit).unwrap(), limit, BTreeMap::new());
        let calls = TokenCalls { paces, limit, clock, secrets: Secrets::default() };
        Arc::new(TokenKeeper::new(store, keys, calls))
    }
}

impl Drop for World {
    fn drop(&mut self) {
        remove_folder(&self.folder);
    }
}

fn read(minted: &Value) -> TokenAnswer {
    let token = |field: &str| SecretString::from(minted[field].as_str().unwrap());
    TokenAnswer {
        access_token: token("access_token"),
        refresh_token: Some(token("refresh_token")),
        token_type: Some("Bearer".into()),
        expires_at: Some(SystemClock.now() - SignedDuration::from_secs(5)),
        keep_access_token: true,
        scopes: None,
        id_token: None,
    }
}

pub(super) fn words(failure: &Failure) -> String {
    format!("{:?} {}: {}", failure.verdict, failure.code, failure.message)
}

/// What was granted: the token, and the topics of the events.
pub(super) fn granted(result: Result<Access, Failure>) -> (String, Vec<&'static str>) {
    match result.map_err(|failure| words(&failure)).unwrap() {
        Access::Granted { token, events, .. } => (token.expose_secret().into(), topics(&events)),
        Access::Refused { report, .. } => panic!("refused: {report:?}"),
    }
}

/// What was refused: why, and the topics of the events.
pub(super) fn refused(result: Result<Access, Failure>) -> (FailureReport, Vec<&'static str>) {
    match result.map_err(|failure| words(&failure)).unwrap() {
        Access::Refused { report, events } => (report, topics(&events)),
        Access::Granted { .. } => panic!("granted"),
    }
}

/// What went wrong.
pub(super) fn failed(result: Result<Access, Failure>) -> Failure {
    match result {
        Err(failure) => failure,
        Ok(Access::Granted { .. }) => panic!("granted"),
        Ok(Access::Refused { report, .. }) => panic!("refused: {report:?}"),
    }
}

fn topics(events: &[Answer]) -> Vec<&'static str> {
    events.iter().map(|event| event.topic).collect()
}
