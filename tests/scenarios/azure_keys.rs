//! Keys in a vault: the key source `azure` against the practice vault and tenant. What needs none of their back doors (faults,
//! counts, roles) runs against a real vault too, where environment variables name one; see `docs/azure.md`.

mod caching;
mod commands;
mod cost;
mod credentials;
mod refusals;
mod revocation;
mod rotation;
mod secrets;
mod unwell;
mod wire;

use base64::prelude::{BASE64_STANDARD, Engine};
use sealpost_shared::config::Config;
use sealpost_shared::ids;
use sealpost_shared::keys::{KeyError, KeySource, Keys, SealingKeys};
use sealpost_shared::records::{Record, Store, StoreConfig, StoreMode};
use sealpost_shared::seal::{KeyId, KeyRef};
use sealpost_tests::pipeline::{KEY, connection, text_of};
use sealpost_tests::{Azure, Pipeline, Setup};
use serde_json::json;

/// The vault.
const VAULT: &str = "sealpost";
/// The secret that holds the index key.
const INDEX: &str = "sealpost-index";

/// A pipeline whose keys are in a vault: an index key, and one version of the key that seals.
pub(crate) struct World {
    pub(crate) pipeline: Pipeline,
    azure: Azure,
    first: KeyRef,
    /// `keys.key`.
    key: String,
}

impl World {
    /// With these lines more in `[keys.azure]`.
    pub(crate) async fn start(more: &str) -> Self {
        Self::of(KEY, more).await
    }

    /// The same with this `keys.key`.
    async fn of(key: &str, more: &str) -> Self {
        if Azure::is_real_named() {
            println!(
                "not against SEALPOST_AZURE_VAULT: this needs back doors (faults, counts, roles) of the practice servers"
            );
        }
        Self::on(Azure::start(), key, more).await
    }

    /// The same in the vault that environment variables name, where they name one.
    async fn anywhere(key: &str, more: &str) -> Self {
        Self::on(Azure::anywhere(), key, more).await
    }

    async fn on(azure: impl Future<Output = Azure>, key: &str, more: &str) -> Self {
        let (pipeline, azure) = tokio::join!(Pipeline::start_with(Setup { shards: 4, ..Setup::default() }), azure);
        azure.new_version(VAULT, &azure.named(INDEX), &value(1)).await;
        let id = azure.named(KEY);
        let version = azure.new_version(VAULT, &id, &value(2)).await;
        let first = KeyRef { id: id.parse().unwrap(), version: version.parse().unwrap() };
        let key = azure.named(key);
        let world = Self { pipeline, azure, first, key };
        world.configure(&world.client_secret(), more);
        world
    }

    /// Writes the configuration anew, for what starts from now on.
    fn configure(&self, credential: &str, more: &str) {
        let text = text_of(&self.pipeline.config());
        let (before, rest) = text.split_once("[keys]").expect("the keys");
        let after = &rest[rest.find("[http]").expect("what follows")..];
        let (vault, index, ways) = (self.azure.vault_url(VAULT), self.azure.named(INDEX), self.azure.ways());
        let key = &self.key;
        let keys = format!(
            "[keys]\nsource = 'azure'\nkey = '{key}'\n[keys.azure]\nvault = '{vault}'\nindex_key = '{index}'\n\
             {ways}credential = {credential}\n{more}\n"
        );
        self.pipeline.write("vault.secret", &self.azure.places.client_secret);
        self.pipeline.write("sealpost.toml", &format!("{before}{keys}{after}"));
    }

    fn client_secret(&self) -> String {
        let places = &self.azure.places;
        format!(
            "{{ kind = 'client-secret', tenant_id = '{}', client_id = '{}', client_secret = {{ file = 'vault.secret' }} }}",
            places.tenant, places.client_id
        )
    }

    /// The key source as a new process has it.
    fn keys(&self) -> Keys {
        Keys::open(&Config::read(&self.pipeline.config()).unwrap().keys).unwrap()
    }

    /// How often secrets were read.
    async fn reads(&self) -> u64 {
        let (latest, version) = (self.azure.count(VAULT, "get-latest", ""), self.azure.count(VAULT, "get-version", ""));
        latest.await + version.await
    }

    async fn new_version(&self) -> KeyRef {
        let id = &self.first.id;
        let version = self.azure.new_version(VAULT, id.as_str(), &value(3)).await;
        KeyRef { id: id.clone(), version: version.parse().unwrap() }
    }

    async fn store(&self) -> Store {
        let config =
            StoreConfig { shards: 4, ..StoreConfig::new(StoreMode::Single, [self.pipeline.rig.redis_url().into()]) };
        Store::open(config, self.keys().index_key().await.unwrap()).await.unwrap()
    }

    async fn record(&self, user: &str) -> Record {
        self.record_of("acme", user).await
    }

    async fn record_of(&self, tenant: &str, user: &str) -> Record {
        let store = self.store().await;
        store.load(&store.locate(&connection(tenant, user))).await.unwrap().expect("a record")
    }

    /// How much is sealed under a version.
    async fn held(&self, key: &KeyRef) -> u64 {
        self.store().await.count_held_everywhere(key).await.unwrap()
    }

    /// A new version of a tenant's key.
    async fn new_version_of(&self, tenant: &str) -> KeyRef {
        let id = self.azure.named(&format!("tokens-{tenant}"));
        let version = self.azure.new_version(VAULT, &id, &BASE64_STANDARD.encode(uuid_bytes())).await;
        KeyRef { id: id.parse().unwrap(), version: version.parse().unwrap() }
    }

    /// Stores connections `user-0`, … of a tenant.
    async fn seed(&self, tenant: &str, users: usize) {
        let keys = SealingKeys::open(self.keys(), self.key.parse().unwrap()).await.unwrap();
        self.pipeline.seed_by(&self.pipeline.keeper_of(self.store().await, keys), tenant, users).await;
    }

    /// Switches a version off or on, by the back door.
    async fn enable(&self, key: &KeyRef, enabled: bool) {
        let change = json!({"vault": VAULT, "name": key.id, "version": key.version, "enabled": enabled});
        self.azure.admin(reqwest::Method::POST, "attributes", change).await;
    }
}

/// 32 bytes that differ each time.
fn uuid_bytes() -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[..16].copy_from_slice(ids::fresh().as_bytes());
    bytes[16..].copy_from_slice(ids::fresh().as_bytes());
    bytes
}

fn key_ref(version: &str) -> KeyRef {
    KeyRef { id: id(), version: version.parse().unwrap() }
}

fn id() -> KeyId {
    KEY.parse().unwrap()
}

/// A key's text: 32 times this byte.
fn value(byte: u8) -> String {
    BASE64_STANDARD.encode([byte; 32])
}

fn error<T>(result: Result<T, KeyError>) -> KeyError {
    result.err().unwrap_or_else(|| panic!("an error was expected"))
}
