//! One worker process: connections, steps, operations port, and the way it ends.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use clap::ValueEnum;
use futures_util::future::try_join_all;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use reqwest::Client;
use sealpost_schemas::RotationMode;
use sealpost_shared::broker::{Broker, BrokerConfig};
use sealpost_shared::clock::SystemClock;
use sealpost_shared::config::{Config, Schedule};
use sealpost_shared::keys::{Keys, LocalKeys, SealingKeys};
use sealpost_shared::ledger::Ledger;
use sealpost_shared::records::{Store, StoreConfig, StoreMode, Trouble};
use sealpost_shared::tokens::{TokenCalls, TokenKeeper};
use sealpost_shared::{http, metrics};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::exchange::{self, Exchange};
use crate::ops_port::{self, Readiness};
use crate::providers::Catalogue;
use crate::publish::{self, Publish};
use crate::query::Query;
use crate::revoke::{self, Revoke, RevokeShard};
use crate::rotate::{Rotate, RotateShard};
use crate::runner::Runner;
use crate::{schedule, telemetry};

/// Between two looks at a store that is not there yet.
const PAUSE: Duration = Duration::from_secs(1);

/// Between two times of tidying up samples.
const UPKEEP: Duration = Duration::from_secs(5);

/// A step that a worker runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum StepName {
    /// Consent into connections.
    Exchange,
    /// Content into posts.
    Publish,
    /// Ticks into shards.
    Rotate,
    /// Shards sealed anew.
    RotateShard,
    /// Connections that end.
    Revoke,
    /// Those of a tenant, shard by shard.
    RevokeShard,
    /// How connections stand.
    Query,
    /// All of them.
    All,
}

impl StepName {
    fn chosen(self, chosen: &[Self]) -> bool {
        chosen.contains(&self) || chosen.contains(&Self::All)
    }
}

/// What every process of Sealpost has.
struct Process {
    config: Config,
    broker: Broker,
    store: Store,
    keys: SealingKeys,
    stop: CancellationToken,
}

impl Process {
    async fn start(config: Config) -> Result<Self, String> {
        let keys = sealing_keys(&config).await?;
        let store = Store::new(store_config(&config)?, keys.index_key()).map_err(|e| e.to_string())?;
        let broker = broker(&config)?;
        let stop = stop_signal()?;
        let process = Self { config, broker, store, keys, stop };
        process.serve().await?;
        Ok(process)
    }

    async fn serve(&self) -> Result<(), String> {
        let mut recorder = PrometheusBuilder::new();
        for (name, buckets) in metrics::HISTOGRAMS {
            recorder = recorder
                .set_buckets_for_metric(Matcher::Full((*name).into()), buckets)
                .map_err(|e| format!("metric {name}: {e}"))?;
        }
        let recorder = recorder.install_recorder().map_err(|e| format!("cannot begin to measure: {e}"))?;
        metrics::describe();
        tokio::spawn(upkeep(recorder.clone()));
        let ready = Ready { broker: self.broker.clone(), store: self.store.clone() };
        let address = ops_port::serve(self.config.ops.listen, recorder, Arc::new(ready)).await?;
        tracing::info!(%address, "operations port: /metrics /livez /readyz");
        Ok(())
    }

    /// Waits until broker and store are there, or until the process is to stop; both are rebuilt on their own whenever
    /// they are lost after that.
    async fn connected(&self) -> Result<(), String> {
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

/// The key source of the configuration.
pub(crate) fn keys(config: &Config) -> Result<Keys, String> {
    LocalKeys::open(&config.keys.file).map(Keys::Local).map_err(|e| e.to_string())
}

/// The keys of the configuration's tenants.
pub(crate) async fn sealing_keys(config: &Config) -> Result<SealingKeys, String> {
    SealingKeys::open(keys(config)?, config.keys.key.clone()).await.map_err(|e| e.to_string())
}

/// How the configuration reaches Redis.
pub(crate) fn store_config(config: &Config) -> Result<StoreConfig, String> {
    let mode = if config.store.cluster { StoreMode::Cluster } else { StoreMode::Single };
    let url = config.store.url.read().map_err(|why| format!("store.url: {why}"))?;
    Ok(StoreConfig { shards: config.store.shards, ..StoreConfig::new(mode, [url]) })
}

/// The broker of the configuration, which connects in the background.
pub(crate) fn broker(config: &Config) -> Result<Broker, String> {
    let url = config.broker.url.read().map_err(|why| format!("broker.url: {why}"))?;
    let (prefetch, users) = (config.broker.prefetch, config.broker.users.clone());
    let broker = BrokerConfig { urls: vec![url], prefetch, users, ..BrokerConfig::default() };
    Broker::start(&broker).map_err(|e| e.to_string())
}

/// Runs these steps until SIGTERM or Ctrl-C, and finishes what is in flight.
///
/// # Errors
/// In words, for what an operator must mend before it can start.
pub async fn work(config: &Path, steps: &[StepName]) -> Result<(), String> {
    telemetry::start();
    let config = Config::read(config)?;
    // what only a person can mend comes before anything is connected
    let catalogue = Arc::new(Catalogue::read(&config.providers)?);
    for (provider, problem) in catalogue.unreadable_secrets() {
        tracing::warn!(%provider, problem, "its token calls will fail");
    }
    let process = Process::start(config).await?;
    let http: Client =
        http::client(process.config.http.limit()).map_err(|e| format!("cannot make an HTTP client: {e}"))?;
    process.connected().await?;
    let Process { config, broker, store, keys, stop } = process;
    let (grace, replies) = (config.ops.grace(), config.broker.reply_prefixes.into());
    let runner = Runner { broker: broker.clone(), clock: SystemClock, stop: stop.clone(), grace, replies };
    let ledger = |kind| Ledger::new(kind, store.clone(), keys.clone(), SystemClock, config.http.limit());
    let (publish_ledger, exchange_ledger) = (ledger(publish::LEDGER), ledger(exchange::LEDGER));
    let calls = TokenCalls { http: http.clone(), limit: config.http.limit(), clock: Arc::new(SystemClock) };
    let keeper = Arc::new(TokenKeeper::new(store.clone(), keys, calls));
    let running = TaskTracker::new();
    if StepName::Exchange.chosen(steps) {
        let step = Exchange {
            keeper: keeper.clone(),
            ledger: exchange_ledger,
            catalogue: catalogue.clone(),
            http: http.clone(),
        };
        running.spawn(runner.clone().work(step));
    }
    if StepName::Publish.chosen(steps) {
        running.spawn(runner.clone().work(Publish {
            keeper: keeper.clone(),
            ledger: publish_ledger,
            catalogue: catalogue.clone(),
            http,
        }));
    }
    if StepName::Rotate.chosen(steps) {
        running.spawn(runner.clone().work(Rotate { keeper: keeper.clone() }));
    }
    if StepName::RotateShard.chosen(steps) {
        running.spawn(runner.clone().work(RotateShard { keeper: keeper.clone(), catalogue: catalogue.clone() }));
    }
    if StepName::Revoke.chosen(steps) {
        let step = Revoke { keeper: keeper.clone(), catalogue: catalogue.clone() };
        running.spawn(runner.clone().work(step));
        running.spawn(revoke::sweep(keeper.clone(), catalogue.clone(), stop));
    }
    if StepName::RevokeShard.chosen(steps) {
        running.spawn(runner.clone().work(RevokeShard { keeper: keeper.clone(), catalogue }));
    }
    if StepName::Query.chosen(steps) {
        running.spawn(runner.work(Query { keeper }));
    }
    tracing::info!(?steps, "working");
    running.close();
    running.wait().await;
    broker.close().await;
    tracing::info!("stopped");
    Ok(())
}

/// Publishes rotation ticks on schedule until SIGTERM or Ctrl-C.
///
/// # Errors
/// In words, for what an operator must mend before it can start.
pub async fn schedule(config: &Path) -> Result<(), String> {
    telemetry::start();
    let config = Config::read(config)?;
    let Schedule { rewrap, refresh } = config.schedule.clone();
    let wanted = [(RotationMode::Rewrap, rewrap), (RotationMode::Refresh, refresh)];
    let wanted: Vec<_> = wanted.into_iter().filter_map(|(mode, cron)| Some((mode, cron?))).collect();
    if wanted.is_empty() {
        return Err("neither schedule.rewrap nor schedule.refresh is set, so there is nothing to schedule".into());
    }
    for (mode, cron) in &wanted {
        schedule::parsed(*mode, cron)?;
    }
    let process = Process::start(config).await?;
    process.connected().await?;
    let ticks =
        wanted.iter().map(|(mode, cron)| schedule::ticks((*mode, cron), &process.broker, &SystemClock, &process.stop));
    let ended = tokio::select! {
        ended = try_join_all(ticks) => ended,
        never = schedule::measure(&process.store, &process.keys) => match never {},
    };
    process.broker.close().await;
    ended.map(|_| ())
}

struct Ready {
    broker: Broker,
    store: Store,
}

impl Readiness for Ready {
    async fn check(&self) -> Result<(), String> {
        self.broker.ready()?;
        self.store.ready().await.map_err(|e| e.to_string())
    }
}

/// Samples of histograms pile up until they are rendered; nobody may ever ask for that.
async fn upkeep(recorder: PrometheusHandle) {
    loop {
        tokio::time::sleep(UPKEEP).await;
        recorder.run_upkeep();
    }
}

/// Cancelled by SIGTERM or Ctrl-C.
///
/// # Errors
/// If the signals cannot be listened to.
pub fn stop_signal() -> Result<CancellationToken, String> {
    let problem = |e| format!("cannot listen for signals: {e}");
    let mut terminate = signal(SignalKind::terminate()).map_err(problem)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(problem)?;
    let stop = CancellationToken::new();
    let token = stop.clone();
    tokio::spawn(async move {
        tokio::select! { _ = terminate.recv() => {} _ = interrupt.recv() => {} }
        tracing::info!("stopping: what is in flight is finished first");
        token.cancel();
    });
    Ok(stop)
}
