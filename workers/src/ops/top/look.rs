//! Looks at broker, store and workers, again and again. What does not answer is told, and the others are shown.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use sealpost_schemas::queues;
use sealpost_shared::broker::{DEAD_LETTERS, Depth, DepthGauge, TIERS, retries};
use sealpost_shared::clock::{Clock, SystemClock};
use sealpost_shared::config::Config;
use sealpost_shared::keys::SealingKeys;
use sealpost_shared::records::Store;
use tokio::time::timeout;

use super::rates::Measured;
use super::snapshot::{self, Queue, Snapshot, Sweep, Version};
use super::workers::{Worker, Workers};
use crate::ops::keys::rotations::shown;
use crate::ops::open;

/// How long broker and store may take.
const WITHIN: Duration = Duration::from_secs(5);

/// What looks, with its connections, and what it saw last.
pub(super) struct Looker {
    config: Config,
    workers: Workers,
    broker: Option<DepthGauge>,
    store: Option<(Store, SealingKeys)>,
    last: Option<Last>,
}

/// What the last look saw.
struct Last {
    at: Instant,
    workers: Vec<Worker>,
    /// How many messages were in each queue or with a worker.
    there: BTreeMap<&'static str, f64>,
}

/// The depth of everything.
struct Depths {
    queues: Vec<(Option<Depth>, Option<Depth>)>,
    delayed: u32,
    dead: u32,
}

impl Looker {
    /// With the workers at these addresses.
    ///
    /// # Errors
    /// In words, if one of them is no address.
    pub(super) fn new(config: Config, addresses: &[String]) -> Result<Self, String> {
        let workers = Workers::of(addresses, &config)?;
        Ok(Self { config, workers, broker: None, store: None, last: None })
    }

    /// Looks once. The first look has no rates.
    pub(super) async fn look(&mut self) -> Snapshot {
        let (config, store) = (&self.config, &mut self.store);
        let ((workers, measured), depths, sweep) = tokio::join!(
            Box::pin(self.workers.look()),
            within("the broker", Box::pin(depths(config, &mut self.broker))),
            within("the store", Box::pin(sweep(config, store))),
        );
        let now = Instant::now();
        let elapsed = self.last.as_ref().map_or(Duration::ZERO, |last| now.duration_since(last.at));
        let mut problems = Vec::new();
        let depths = depths.map_err(|problem| problems.push(problem)).ok();
        let sweep = sweep.map_err(|problem| problems.push(problem)).ok();
        let queues = self.queues(depths.as_ref(), (&workers, &measured), now);
        Snapshot {
            at: SystemClock.now(),
            interval_seconds: elapsed.as_secs_f64(),
            problems,
            workers,
            queues,
            delayed: depths.as_ref().map(|depths| depths.delayed),
            dead_letters: depths.as_ref().map(|depths| depths.dead),
            outcomes: snapshot::outcomes(&measured),
            failures: snapshot::failures(&measured),
            sweep: sweep.map(|sweep| Sweep { records_per_second: snapshot::rotated(&measured), ..sweep }),
            providers: snapshot::providers(&measured),
        }
    }

    fn queues(
        &mut self,
        depths: Option<&Depths>,
        (workers, measured): (&[Worker], &Measured),
        now: Instant,
    ) -> Vec<Queue> {
        // what a worker holds that came or went in between would look like messages that did
        let last = self.last.take().filter(|last| last.workers == workers);
        let mut queues = Vec::new();
        let mut there = BTreeMap::new();
        for (number, name) in queues::ALL.iter().enumerate() {
            let (first, again) = depths.map_or((None, None), |depths| depths.queues[number]);
            let mut queue = Queue {
                name,
                ready: first.map(|depth| depth.ready),
                retries: again.map(|depth| depth.ready),
                unacked: snapshot::unacked(name, measured),
                consumers: first.map(|depth| depth.consumers),
                in_per_second: None,
                out_per_second: snapshot::out(name, measured),
                waited_seconds: snapshot::waited(name, measured),
            };
            if let (Some(ready), Some(retries), Some(unacked)) = (queue.ready, queue.retries, queue.unacked) {
                let unacked = u32::try_from(unacked).unwrap_or(u32::MAX);
                let here = [ready, retries, unacked].map(f64::from).iter().sum::<f64>();
                there.insert(*name, here);
                let before = last.as_ref().and_then(|last| Some((last.at, *last.there.get(name)?)));
                queue.in_per_second = before.zip(queue.out_per_second).map(|((at, before), out)| {
                    // depth and counts are not of the very same moment
                    (out + (here - before) / now.duration_since(at).as_secs_f64().max(f64::EPSILON)).max(0.0)
                });
            }
            queues.push(queue);
        }
        self.last = Some(Last { at: now, workers: workers.to_vec(), there });
        queues
    }
}

async fn within<T>(what: &str, looking: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    let looked = timeout(WITHIN, looking).await;
    looked.unwrap_or_else(|_| Err(format!("{what} did not answer within {} s", WITHIN.as_secs())))
}

/// What fails is made anew at the next look.
async fn depths(config: &Config, broker: &mut Option<DepthGauge>) -> Result<Depths, String> {
    let mut gauge = match broker.take() {
        Some(gauge) => gauge,
        None => DepthGauge::connect(&open::broker_urls(config).await?).await.map_err(|error| error.to_string())?,
    };
    let names = queues::ALL.iter().flat_map(|queue| [(*queue).to_owned(), retries(queue)]);
    let tiers = TIERS.iter().map(|tier| tier.name.to_owned());
    let all: Vec<_> = names.chain(tiers).chain([DEAD_LETTERS.to_owned()]).collect();
    let depths = gauge.depths(&all).await?;
    *broker = Some(gauge);
    let (works, others) = depths.split_at(2 * queues::ALL.len());
    let (tiers, dead) = others.split_at(TIERS.len());
    let ready = |depths: &[Option<Depth>]| depths.iter().flatten().map(|depth| depth.ready).sum();
    let queues = works.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect();
    Ok(Depths { queues, delayed: ready(tiers), dead: ready(dead) })
}

/// No key's versions are listed at its source: that may be a vault, which would be asked without end.
async fn sweep(config: &Config, opened: &mut Option<(Store, SealingKeys)>) -> Result<Sweep, String> {
    let (store, keys) = match opened {
        Some(opened) => &*opened,
        None => &*opened.insert(open::store(config).await?),
    };
    let mut versions = Vec::new();
    for (key, holding) in store.holdings().await.map_err(|error| error.to_string())? {
        if holding.held > 0 {
            let latest = keys.is_newest(&key, None).await.map_err(|error| error.to_string())?;
            versions.push(Version { key: key.id, name: key.version, latest, held: holding.held });
        }
    }
    let older = versions.iter().filter(|version| !version.latest).map(|version| version.held).sum();
    let rotations = store.rotations().await.map_err(|error| error.to_string())?;
    let rotations = shown(rotations, (older, store.shards()), SystemClock.now());
    Ok(Sweep { versions, older, rotations, records_per_second: None })
}
