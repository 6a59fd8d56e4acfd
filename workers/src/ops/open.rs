//! What commands open: the same parts as workers', but a server that is away is an error soon.

use std::time::Duration;

use sealpost_shared::broker::Broker;
use sealpost_shared::clock::SystemClock;
use sealpost_shared::config::{Config, Urls};
use sealpost_shared::keys::SealingKeys;
use sealpost_shared::ledger::Ledger;
use sealpost_shared::records::Store;
use secrecy::SecretString;
use tokio::time::timeout;

use crate::worker;

/// How long a command waits for the broker, for each of its addresses.
const WITHIN: Duration = Duration::from_secs(10);

/// Connects to the broker.
pub(super) async fn broker(config: &Config) -> Result<Broker, String> {
    let urls = broker_urls(config).await?;
    // time for each to be tried
    let within = WITHIN * u32::try_from(urls.len()).unwrap_or(u32::MAX);
    let broker = worker::broker(config, urls)?;
    let connected = timeout(within, broker.connected()).await.map_err(|_| {
        let why = broker.ready().err().unwrap_or_else(|| "it is too slow".into());
        format!("no connection to the broker within {} s ({why}); does RabbitMQ run there?", within.as_secs())
    })?;
    connected.map_err(|error| error.to_string())?;
    Ok(broker)
}

/// Opens the store, and the keys that open what it holds.
pub(super) async fn store(config: &Config) -> Result<(Store, SealingKeys), String> {
    let keys = worker::sealing_keys(config).await?;
    let store = worker::store_config(config, urls(config, ("store.url", &config.store.url)).await?);
    let store = Store::open(store, keys.index_key()).await.map_err(|error| error.to_string())?;
    Ok((store, keys))
}

/// Where the broker is.
pub(super) async fn broker_urls(config: &Config) -> Result<Vec<SecretString>, String> {
    urls(config, ("broker.url", &config.broker.url)).await
}

async fn urls(config: &Config, (key, urls): (&str, &Urls)) -> Result<Vec<SecretString>, String> {
    let secrets = worker::secrets(config, urls.all())?;
    worker::texts(&secrets, urls).await.map_err(|why| format!("{key}: {why}"))
}

/// The ledgers of every kind of message.
pub(super) struct Ledgers {
    store: Store,
    keys: SealingKeys,
    limit: Duration,
}

impl Ledgers {
    pub(super) async fn open(config: &Config) -> Result<Self, String> {
        let (store, keys) = store(config).await?;
        Ok(Self { store, keys, limit: config.http.limit() })
    }

    pub(super) fn of(&self, kind: &'static str) -> Ledger<SystemClock> {
        Ledger::new(kind, self.store.clone(), self.keys.clone(), SystemClock, self.limit)
    }
}
