//! One worker process: its steps, and the way it ends.

mod process;

use std::path::Path;
use std::sync::Arc;

use clap::ValueEnum;
use futures_util::future::try_join_all;
use reqwest::Client;
use sealpost_schemas::RotationMode;
use sealpost_shared::broker::{Broker, BrokerConfig};
use sealpost_shared::clock::{Clock, SystemClock};
use sealpost_shared::config::{Config, Schedule, SecretSource, Urls};
use sealpost_shared::keys::{Keys, SealingKeys};
use sealpost_shared::ledger::Ledger;
use sealpost_shared::pace::Paces;
use sealpost_shared::records::{StoreConfig, StoreMode};
use sealpost_shared::secrets::{SecretError, Secrets};
use sealpost_shared::tokens::{TokenCalls, TokenKeeper};
use sealpost_shared::wire::WireKeys;
use secrecy::SecretString;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::process::Process;
use crate::exchange::{self, Exchange};
use crate::notify::{self, Means, Notify};
use crate::places::Places;
use crate::providers::Catalogue;
use crate::publish::{self, Publish};
use crate::query::Query;
use crate::revoke::{self, Revoke, RevokeShard};
use crate::rotate::{self, Rotate, RotateShard};
use crate::runner::Runner;
use crate::{schedule, telemetry};

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
    /// Text messages about how jobs ended.
    Notify,
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

/// The key source of the configuration.
pub(crate) fn keys(config: &Config) -> Result<Keys, String> {
    Keys::open(&config.keys)
}

/// The key that producers seal to.
pub(crate) fn wire_keys(config: &Config, source: &Keys) -> WireKeys {
    WireKeys::new(source.clone(), config.keys.wire.clone())
}

/// The keys of the configuration's tenants.
pub(crate) async fn sealing_keys(config: &Config) -> Result<SealingKeys, String> {
    SealingKeys::open(keys(config)?, config.keys.key.clone()).await.map_err(|e| e.to_string())
}

/// What reads these secrets of the configuration. The key source is opened only where one is in a vault.
pub(crate) fn secrets<'a>(
    config: &Config,
    sources: impl IntoIterator<Item = &'a SecretSource>,
) -> Result<Secrets, String> {
    if sources.into_iter().any(|source| matches!(source, SecretSource::Vault(_))) {
        return keys(config).map(|keys| Secrets::of(&keys));
    }
    Ok(Secrets::default())
}

/// These addresses, each as it is now.
pub(crate) async fn texts(secrets: &Secrets, urls: &Urls) -> Result<Vec<SecretString>, SecretError> {
    let mut texts = Vec::new();
    for url in urls.all() {
        texts.push(secrets.read(url).await?.text);
    }
    Ok(texts)
}

/// How the configuration reaches Redis, at these addresses.
pub(crate) fn store_config(config: &Config, urls: Vec<SecretString>) -> StoreConfig {
    let mode = if config.store.cluster { StoreMode::Cluster } else { StoreMode::Single };
    StoreConfig { shards: config.store.shards, ..StoreConfig::new(mode, urls) }
}

/// The broker of the configuration at these addresses, which connects in the background.
pub(crate) fn broker(config: &Config, urls: Vec<SecretString>) -> Result<Broker, String> {
    let (prefetch, users) = (config.broker.prefetch, config.broker.users.clone());
    let broker = BrokerConfig { urls, prefetch, users, ..BrokerConfig::default() };
    Broker::start(&broker).map_err(|e| e.to_string())
}

/// Runs these steps until SIGTERM or Ctrl-C, and finishes what is in flight.
///
/// # Errors
/// In words, for what an operator must mend before it can start.
pub async fn work(config: &Path, steps: &[StepName]) -> Result<(), String> {
    let config = Config::read(config)?;
    let traces = telemetry::start(&config)?;
    let ended = run(config, steps).await;
    traces.end().await;
    ended
}

async fn run(config: Config, steps: &[StepName]) -> Result<(), String> {
    // what only a person can mend comes before anything is connected
    let catalogue = Arc::new(Catalogue::of(&config)?);
    let http: Client = config.http.client(config.http.limit())?;
    let Some(process) = Process::start(config).await? else { return Ok(()) };
    for (provider, problem) in catalogue.unreadable_secrets(&process.secrets, SystemClock.now()).await {
        tracing::warn!(%provider, problem, "its token calls will fail");
    }
    let means = process
        .config
        .notify
        .as_ref()
        .map(|notify| Means::read(notify, &process.config.keys))
        .transpose()?
        .map(Arc::new);
    if let Some(means) = &means
        && let Some(problem) = means.unreadable_secret(&process.secrets).await
    {
        tracing::warn!(problem, "no notice will be sent");
    }
    if means.is_none() && steps.contains(&StepName::Notify) {
        return Err("the configuration has no [notify], which says what sends notices".into());
    }
    process.connected().await?;
    let Process { config, broker, store, keys, secrets, stop } = process;
    let (grace, replies) = (config.ops.grace(), config.broker.reply_prefixes.clone().into());
    let runner = Runner {
        broker: broker.clone(),
        clock: SystemClock,
        stop: stop.clone(),
        grace,
        replies,
        notices: means.is_some(),
        wire: wire_keys(&config, keys.source()),
        require_sealed: config.wire.require_sealed,
    };
    if !runner.require_sealed {
        tracing::warn!("wire.require_sealed is false: secrets in messages need not be sealed");
    }
    let ledger = |kind| Ledger::new(kind, store.clone(), keys.clone(), SystemClock, config.http.limit());
    let (publish_ledger, exchange_ledger) = (ledger(publish::LEDGER), ledger(exchange::LEDGER));
    let (notice_ledger, notice_secrets) = (ledger(notify::LEDGER), secrets.clone());
    let limits = catalogue.all().filter_map(|(id, provider)| Some((id.clone(), provider.limits?))).collect();
    let paces = Paces::new(store.clone(), http.clone(), config.http.limit(), limits);
    let providers: Vec<_> = catalogue.all().map(|(id, _)| id.clone()).collect();
    let share = || Places::new(providers.clone(), config.broker.prefetch);
    let calls = TokenCalls { paces: paces.clone(), limit: config.http.limit(), clock: Arc::new(SystemClock), secrets };
    let keeper = Arc::new(TokenKeeper::new(store.clone(), keys, calls).parking_for(config.device.parked()));
    let running = TaskTracker::new();
    running.spawn(paces.clone().watch(providers.clone(), stop.clone()));
    if StepName::Exchange.chosen(steps) {
        let step = Exchange {
            keeper: keeper.clone(),
            ledger: exchange_ledger,
            catalogue: catalogue.clone(),
            paces: paces.clone(),
            places: share(),
            require_sealed: config.wire.require_sealed,
        };
        running.spawn(runner.clone().work(step));
    }
    if StepName::Publish.chosen(steps) {
        running.spawn(runner.clone().work(Publish {
            keeper: keeper.clone(),
            ledger: publish_ledger,
            catalogue: catalogue.clone(),
            paces: paces.clone(),
            places: share(),
            notices: means.is_some(),
        }));
    }
    if let Some(means) = means.filter(|_| StepName::Notify.chosen(steps)) {
        running.spawn(runner.clone().work(Notify { ledger: notice_ledger, means, http, secrets: notice_secrets }));
    }
    if StepName::Rotate.chosen(steps) {
        running.spawn(runner.clone().work(Rotate { keeper: keeper.clone() }));
        running.spawn(rotate::sweep_parks(keeper.clone(), broker.clone(), stop.clone()));
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
    let config = Config::read(config)?;
    let traces = telemetry::start(&config)?;
    let ended = tick(config).await;
    traces.end().await;
    ended
}

async fn tick(config: Config) -> Result<(), String> {
    let Schedule { rewrap, refresh } = config.schedule.clone();
    let wanted = [(RotationMode::Rewrap, rewrap), (RotationMode::Refresh, refresh)];
    let wanted: Vec<_> = wanted.into_iter().filter_map(|(mode, cron)| Some((mode, cron?))).collect();
    if wanted.is_empty() {
        return Err("neither schedule.rewrap nor schedule.refresh is set, so there is nothing to schedule".into());
    }
    for (mode, cron) in &wanted {
        schedule::parsed(*mode, cron)?;
    }
    let Some(process) = Process::start(config).await? else { return Ok(()) };
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
