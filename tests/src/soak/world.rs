//! What the workers of a soak work on: folder, keyring, catalogue, one configuration a process.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};

use sealpost_schemas::{Connection, Name, Owner, ProviderId};
use sealpost_shared::{
    keys::{KeySource, LocalKeys},
    records::{Store, StoreConfig, StoreMode},
    seal::KeyVersion,
};

use crate::{
    Sandbox, Worker,
    machine::{folder, remove_folder},
    pipeline::KEY,
};

/// How long a call may take, in seconds: a lease lasts 8.5 s, a claim 12 s.
const LIMIT: u64 = 5;
/// Few, so that a rotation is not most of the messages.
const SHARDS: u16 = 32;

/// What the provider's entry says of a repeat, by the provider's name.
pub(super) const PROVIDERS: [&str; 3] = ["plain", "keyed", "findable"];

/// Servers' addresses, the platform, and the folder. Dropping it removes the folder, unless it was to be kept.
pub(super) struct World {
    pub(super) sandbox: Sandbox,
    pub(super) amqp_url: String,
    pub(super) redis_url: String,
    pub(super) folder: PathBuf,
    pub(super) kept: bool,
}

impl World {
    pub(super) fn new(sandbox: Sandbox, amqp_url: String, redis_url: String) -> Self {
        let world = Self { sandbox, amqp_url, redis_url, folder: folder("soak"), kept: false };
        LocalKeys::create(&world.keyring()).expect("a keyring");
        world.rotate_key();
        world.write("broker.url", &world.amqp_url);
        world.write("redis.url", &world.redis_url);
        world.write("client.secret", "sealpost-secret");
        world
    }

    fn keyring(&self) -> PathBuf {
        self.folder.join("keyring.json")
    }

    pub(super) fn rotate_key(&self) {
        let id = KEY.parse().expect("a key id");
        LocalKeys::rotate(&self.keyring(), &id, jiff::Timestamp::UNIX_EPOCH).expect("a new key version");
    }

    pub(super) async fn newest_version(&self) -> KeyVersion {
        let keys = LocalKeys::open(&self.keyring()).expect("the keyring");
        keys.latest(&KEY.parse().expect("a key id")).await.expect("a key").0
    }

    pub(super) async fn store(&self) -> Store {
        let keys = LocalKeys::open(&self.keyring()).expect("the keyring");
        let url = self.redis_url.as_str().into();
        let config = StoreConfig { shards: SHARDS, ..StoreConfig::new(StoreMode::Single, [url]) };
        Store::open(config, keys.index_key().await.expect("an index key")).await.expect("the store")
    }

    /// Starts a worker that tells the platform this name with every call that spends or makes something.
    pub(super) async fn worker(&self, name: &str) -> Worker {
        let config = self.configure(name);
        Worker::begin(&self.folder, &config, &["all"], &[("SEALPOST_LOG", "info,lapin=off")]).await
    }

    fn configure(&self, name: &str) -> PathBuf {
        let providers: String = PROVIDERS.into_iter().map(|provider| self.entry(provider, name)).collect();
        self.write(&format!("{name}.providers.toml"), &providers);
        let config = format!("{name}.toml");
        self.write(
            &config,
            &format!(
                "providers = '{name}.providers.toml'\n\
                 [broker]\nurl = {{ file = 'broker.url' }}\nprefetch = 32\n\
                 [store]\nurl = {{ file = 'redis.url' }}\nshards = {SHARDS}\n\
                 [wire]\nrequire_sealed = false\n\
                 [keys]\nfile = 'keyring.json'\nkey = '{KEY}'\n\
                 [http]\nlimit_seconds = {LIMIT}\n\
                 [ops]\nlisten = '127.0.0.1:0'\n"
            ),
        );
        self.folder.join(config)
    }

    fn entry(&self, provider: &str, worker: &str) -> String {
        let at = self.sandbox.issuer();
        let find = format!("find = {{ url = '{at}/api/posts', parameter = 'by_key', list = '/posts' }}\n");
        let api = |window: u32| {
            format!("[{provider}.api]\nidempotency_header = 'Idempotency-Key'\nidempotency_window = {window}\n")
        };
        let (find, api) = match provider {
            "keyed" => (String::new(), api(86400)),
            // the platform finds by key, which it then needs too; a repeat would be no proof
            "findable" => (find, api(0)),
            _ => (String::new(), String::new()),
        };
        format!(
            "[{provider}.oauth]\nissuer = '{at}'\nauthorize_url = '{at}/authorize'\n\
             token_url = '{at}/token?from={worker}'\nclient_id = 'sealpost'\n\
             client_secret = {{ file = 'client.secret' }}\nscopes = ['profile', 'posts.read', 'posts.write']\n\
             {api}[{provider}.publish.post]\nurl = '{at}/api/posts?from={worker}'\nbody = {{ text = '{{text}}' }}\n\
             remote_id = '/id'\nremote_url = '/url'\n{find}"
        )
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.folder.join(name);
        fs::write(&path, text).expect("a file of the configuration");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("a file for its owner only");
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if !self.kept && !std::thread::panicking() {
            remove_folder(&self.folder);
        }
    }
}

/// The platform's user of a connection.
pub(super) fn user(number: usize) -> String {
    format!("user-{number}")
}

/// A connection, by its number.
pub(super) fn connection(number: usize) -> Connection {
    let provider = ProviderId::new(PROVIDERS[number % PROVIDERS.len()]).expect("a provider's name");
    let name = |text: &str| Name::new(text).expect("a name");
    Connection::of(&owner(number), &provider, &name("default"))
}

/// Its owner.
pub(super) fn owner(number: usize) -> Owner {
    let name = |text: &str| Name::new(text).expect("a name");
    Owner { tenant: name("acme"), user: name(&user(number)) }
}
