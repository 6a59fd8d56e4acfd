//! What the console looks at and acts on.

use std::sync::Arc;

use sealpost_schemas::{Connection, Name, ProviderId};
use sealpost_shared::broker::{Broker, BrokerConfig};
use sealpost_shared::keys::SealingKeys;
use sealpost_shared::records::Store;
use serde_json::Value;
use tokio::sync::Mutex;

use super::super::phone::Phone;
use super::super::play::Player;
use super::super::stack::Stack;

/// The stack, whose workers the console may start anew.
pub(in super::super) type SharedStack = Arc<Mutex<Stack>>;

/// Everything that runs, as the console sees it.
pub(super) struct World {
    pub(super) player: Arc<Player>,
    pub(super) broker: Broker,
    pub(super) store: Store,
    pub(super) keys: SealingKeys,
    pub(super) stack: SharedStack,
    /// A phone that keeps its tokens itself.
    pub(super) phone: Mutex<Phone>,
}

impl World {
    pub(super) async fn of(stack: &SharedStack, player: Arc<Player>) -> Result<Self, String> {
        let (broker_url, keys, store) = {
            let stack = stack.lock().await;
            let keys = stack.keys().await?;
            let store = stack.store(&keys).await?;
            (stack.broker_url(), keys, store)
        };
        let broker = BrokerConfig { urls: vec![broker_url.into()], ..BrokerConfig::default() };
        let broker = Broker::start(&broker).map_err(|e| e.to_string())?;
        broker.connected().await.map_err(|e| e.to_string())?;
        let phone = Mutex::new(Phone::new()?);
        Ok(Self { player, broker, store, keys, stack: Arc::clone(stack), phone })
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
