//! What every process of Sealpost has: the way to broker, store and keys, and its operations port.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use sealpost_shared::broker::Broker;
use sealpost_shared::config::{Config, Urls};
use sealpost_shared::keys::{KeySource, Keys, SealingKeys};
use sealpost_shared::metrics;
use sealpost_shared::records::{Store, Trouble};
use sealpost_shared::secrets::{SecretError, Secrets};
use sealpost_shared::wire::WireKeys;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::{broker, keys, stop_signal, store_config, texts, wire_keys};
use crate::ops_port::{self, Readiness};

/// Between two looks at a store that is not there yet.
const PAUSE: Duration = Duration::from_secs(1);

/// Between two times of tidying up samples.
const UPKEEP: Duration = Duration::from_secs(5);

/// What every process of Sealpost has.
pub(super) struct Process {
    pub(super) config: Config,
    pub(super) broker: Broker,
    pub(super) store: Store,
    pub(super) keys: SealingKeys,
    pub(super) secrets: Secrets,
    pub(super) stop: CancellationToken,
}

impl Process {
    /// Opens everything; `None`: the process was to stop before the key source gave what that needs.
    pub(super) async fn start(config: Config) -> Result<Option<Self>, String> {
        let keys = keys(&config)?;
        let (secrets, stop) = (Secrets::of(&keys), stop_signal()?);
        let (opened, store) = (Arc::default(), Arc::default());
        let ready = Ready {
            broker: Arc::clone(&opened),
            keys: keys.clone(),
            wire: wire_keys(&config, &keys),
            store: Arc::clone(&store),
        };
        serve(&config, ready).await?;
        let read = async |key: &str, urls: &Urls| {
            let read = awaited(&stop, async || texts(&secrets, urls).await).await;
            read.map_err(|why| format!("{key}: {why}"))
        };
        let Some(broker_urls) = read("broker.url", &config.broker.url).await? else { return Ok(None) };
        let started = broker(&config, broker_urls)?;
        let broker = opened.get_or_init(|| started).clone();
        let Some(store_urls) = read("store.url", &config.store.url).await? else { return Ok(None) };
        let index_key = awaited(&stop, async || Ok(keys.index_key().await?)).await?;
        let Some(index_key) = index_key else { return Ok(None) };
        let opened =
            Store::new(store_config(&config, store_urls), Arc::clone(&index_key)).map_err(|e| e.to_string())?;
        let keys = SealingKeys::new(keys, config.keys.key.clone(), index_key);
        let store = store.get_or_init(|| opened).clone();
        Ok(Some(Self { config, broker, store, keys, secrets, stop }))
    }

    /// Waits until broker and store are there, or until the process is to stop; both are rebuilt on their own whenever
    /// they are lost after that.
    pub(super) async fn connected(&self) -> Result<(), String> {
        match self.stop.run_until_cancelled(self.broker.connected()).await {
            Some(connected) => connected.map_err(|e| e.to_string())?,
            None => return Ok(()),
        }
        while let Err(error) = self.store.ready().await {
            if let Trouble::Config(_) | Trouble::Mismatch(_) = error.trouble {
                return Err(error.to_string());
            }
            tracing::warn!(%error, "waiting for the store");
            if self.stop.run_until_cancelled(tokio::time::sleep(PAUSE)).await.is_none() {
                return Ok(());
            }
        }
        for warning in self.store.durability().await.unwrap_or_default() {
            tracing::warn!(warning, "durability");
        }
        Ok(())
    }
}

/// Begins to serve the operations port.
async fn serve(config: &Config, ready: Ready) -> Result<(), String> {
    let mut recorder = PrometheusBuilder::new();
    for (name, buckets) in metrics::HISTOGRAMS {
        recorder = recorder
            .set_buckets_for_metric(Matcher::Full((*name).into()), buckets)
            .map_err(|e| format!("metric {name}: {e}"))?;
    }
    let recorder = recorder.install_recorder().map_err(|e| format!("cannot begin to measure: {e}"))?;
    metrics::describe();
    tokio::spawn(upkeep(recorder.clone()));
    let address = ops_port::serve(config.ops.listen, recorder, Arc::new(ready)).await?;
    tracing::info!(%address, "operations port: /metrics /livez /readyz /jwks");
    Ok(())
}

/// What is read of the key source, waited for while that is away; `None`: the process is to stop.
async fn awaited<T>(
    stop: &CancellationToken,
    read: impl AsyncFn() -> Result<T, SecretError>,
) -> Result<Option<T>, String> {
    loop {
        match read().await {
            Ok(read) => return Ok(Some(read)),
            Err(error) if error.is_outage() => tracing::warn!(%error, "waiting for the key source"),
            Err(error) => return Err(error.to_string()),
        }
        if stop.run_until_cancelled(tokio::time::sleep(PAUSE)).await.is_none() {
            return Ok(None);
        }
    }
}

struct Ready {
    /// Empty while its address is waited for, where that is in a vault.
    broker: Arc<OnceLock<Broker>>,
    keys: Keys,
    wire: WireKeys,
    /// Empty while its address or the index key is waited for.
    store: Arc<OnceLock<Store>>,
}

impl Readiness for Ready {
    async fn check(&self) -> Result<(), String> {
        let waiting = "waiting for the key source";
        self.broker.get().ok_or(waiting)?.ready()?;
        let store = self.store.get().ok_or(waiting)?;
        self.keys.ready()?;
        store.ready().await.map_err(|e| e.to_string())
    }

    async fn jwks(&self) -> Result<Value, String> {
        self.wire.jwks().await.map_err(|e| e.to_string())
    }
}

/// Samples of histograms pile up until they are rendered; nobody may ever ask for that.
async fn upkeep(recorder: PrometheusHandle) {
    loop {
        tokio::time::sleep(UPKEEP).await;
        recorder.run_upkeep();
    }
}
