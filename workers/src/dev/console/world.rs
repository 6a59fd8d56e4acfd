//! What the console looks at and acts on.

use std::path::PathBuf;
use std::sync::Arc;

use sealpost_schemas::{Connection, Name, ProviderId};
use sealpost_shared::broker::{Broker, BrokerConfig};
use sealpost_shared::keys::{KeySource, LocalKeys};
use sealpost_shared::records::{Store, StoreConfig, StoreMode};
use secrecy::SecretString;
use serde_json::Value;
use tokio::sync::Mutex;

use super::super::play::Player;
use super::super::stack::Stack;

/// The stack, whose workers the console may start anew.
pub(in super::super) type SharedStack = Arc<Mutex<Stack>>;

/// Everything that runs, as the console sees it.
pub(super) struct World {
    pub(super) player: Arc<Player>,
    pub(super) broker: Broker,
    pub(super) store: Store,
    pub(super) keys: LocalKeys,
    pub(super) keyring: PathBuf,
    pub(super) stack: SharedStack,
}

impl World {
    pub(super) async fn of(stack: &SharedStack, player: Arc<Player>, keyring: PathBuf) -> Result<Self, String> {
        let (broker_url, store_url) = {
            let stack = stack.lock().await;
            (stack.broker_url(), stack.store_url())
        };
        let keys = LocalKeys::open(&keyring).map_err(|e| e.to_string())?;
        let index_key = keys.index_key().await.map_err(|e| e.to_string())?;
        let config = StoreConfig::new(StoreMode::Single, [SecretString::from(store_url)]);
        let store = Store::open(config, index_key).await.map_err(|e| e.to_string())?;
        let broker = BrokerConfig { urls: vec![broker_url.into()], ..BrokerConfig::default() };
        let broker = Broker::start(&broker).map_err(|e| e.to_string())?;
        broker.connected().await.map_err(|e| e.to_string())?;
        Ok(Self { player, broker, store, keys, keyring, stack: Arc::clone(stack) })
    }

    /// The practice platform's address.
    pub(super) fn practice(&self) -> &str {
        self.player.practice()
    }

    /// Tells the practice platform something by its back door.
    pub(super) async fn platform(&self, what: &str, body: &Value) -> Result<(), String> {
        self.player.tell_platform(what, body).await
    }
}

/// The practice platform's name in the catalogue.
pub(super) const PRACTICE: &str = "practice";

/// The connection of one of the users here.
pub(super) fn connection(user: &str) -> Result<Connection, String> {
    let name = |text: &str| Name::new(text).ok_or("a user's name has 1 to 256 bytes, and no control characters");
    let provider = ProviderId::new(PRACTICE).ok_or("no provider")?;
    Ok(Connection { tenant: name("acme")?, user: name(user)?, provider, label: name("default")? })
}
