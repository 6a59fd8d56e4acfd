//! A soak: thousands of jobs over connections whose access tokens live seconds, while workers are killed and stopped and
//! RabbitMQ and Redis are killed; then an account of every job, post and connection.
//!
//! The blows are planned ([`plan`]) and fall while the errands are sent; both are the same for the same seed. Each
//! worker process tells the platform its name, so that an answer that was lost can be laid at the door of the process
//! that it was given to, and of what happened to that process.

pub mod account;
mod audit;
mod chaos;
mod errands;
mod log;
mod mail;
pub mod plan;
mod screen;
mod seen;
mod told;
mod world;

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use sealpost::dev::servers::{rabbitmq::RabbitMqOptions, redis::RedisOptions};
use sealpost_schemas::queues;
use sealpost_shared::{
    broker::{DEAD_LETTERS, TIERS, retries},
    ids,
};
use serde_json::json;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};

pub use log::Struck;
pub use screen::Screen;

use self::{
    account::Account,
    audit::Evidence,
    chaos::Place,
    errands::{Errand, Errands, Job},
    log::Log,
    mail::{HEARD, Mail, RESULTS},
    plan::Blow,
    seen::{Seen, show, weather},
    told::Told,
    world::World,
};
use crate::{Own, Sandbox};

/// How long an access token lives, in seconds.
const LIFE: u32 = 5;

/// What is run.
#[derive(Debug, Clone)]
pub struct Soak {
    /// How many jobs.
    pub jobs: usize,
    /// Over how many connections.
    pub connections: usize,
    /// For how long jobs are sent.
    pub lasts: Duration,
    /// What falls meanwhile.
    pub blows: Vec<Blow>,
    /// Of the mix of jobs.
    pub seed: u64,
    /// How long the last answers may take once nothing falls any more: a job that was put off often waits for minutes.
    pub patience: Duration,
}

impl Soak {
    /// Runs it, and gives account. Panics only where the servers themselves do not start.
    pub async fn run(&self, screen: &mut Screen) -> Account {
        let life = LIFE.to_string();
        let short = ["--access-ttl", life.as_str()];
        let (mut broker, mut redis, sandbox) = tokio::join!(
            Own::rabbitmq(RabbitMqOptions::default()),
            Own::redis(RedisOptions::default()),
            Sandbox::start_with(&short),
        );
        let mut world = World::new(sandbox, broker.url(), redis.url());
        // a consent may wait for a worker for long
        world.sandbox.admin(reqwest::Method::POST, "settings", Some(json!({"code_ttl": 3600}))).await;
        let mut mail = Mail::new(&world.amqp_url);
        mail.declare().await;
        let (told, mut listening) = (Arc::<Told>::default(), JoinSet::new());
        for queue in [RESULTS, HEARD] {
            listening.spawn(mail::listen(world.amqp_url.clone(), queue, told.clone()));
        }
        let mut places = join_all((0..plan::WORKERS).map(|place| Place::start(&world, place))).await;
        for place in &places {
            place.worker.logged("working").await;
        }
        let mut seen = Seen { told, log: Log::default(), screen, asked: 0 };
        let first = self.connect(&world, &mut mail, &mut seen).await;
        chaos::settled(&broker, &all_queues()).await;

        let errands = Errands::new(self.seed, self.jobs, self.connections, self.lasts);
        let began = Instant::now();
        let striking = chaos::strike(&world, &mut places, (&mut broker, &mut redis), &seen.log, (began, &self.blows));
        seen.asked += errands.jobs.len() + errands.consents.len();
        let mut producer = Mail::new(&world.amqp_url);
        let sending = async {
            for (after, errand) in &errands.all {
                log::at(began, *after).await;
                errands::send(&world, &mut producer, *errand).await;
            }
        };
        let showing = show(&seen.told, &seen.log, seen.screen, seen.asked);
        tokio::select! {
            ((), ()) = async { tokio::join!(striking, sending) } => {}
            () = showing => {}
            () = weather(&world.sandbox, self.seed) => {}
        }
        seen.screen.line("no blow falls any more; the last answers are awaited");
        seen.answered(self.patience).await;

        let last = self.last_round(&world, &mut mail, &mut seen).await;
        let jobs = errands.jobs.into_iter().chain(last).collect();
        let consents = first.into_iter().chain(errands.consents).collect();
        let evidence =
            Evidence::gather(&world, &mut mail, (jobs, consents), self.connections, (&mut seen, self.patience)).await;
        let fallen = join_all(places.into_iter().map(Place::end)).await.concat();
        let account = account::of(self, &evidence, &fallen);
        world.kept = !account.holds();
        if world.kept {
            seen.screen.line(&format!("the workers' logs are in {}", world.folder.display()));
        }
        account
    }

    /// Has every user give consent, before anything falls.
    async fn connect(&self, world: &World, mail: &mut Mail, seen: &mut Seen<'_>) -> Vec<Job> {
        let consents: Vec<_> = (0..self.connections).map(|connection| Job { id: ids::fresh(), connection }).collect();
        for consent in &consents {
            errands::send(world, mail, Errand::Consent(*consent)).await;
        }
        seen.asked += consents.len();
        seen.answered(self.patience).await;
        seen.screen.line(&format!("{} accounts are connected", consents.len()));
        consents
    }

    /// One more job for each connection once every access token is too old, so that what was lost shows; and a last
    /// rotation.
    async fn last_round(&self, world: &World, mail: &mut Mail, seen: &mut Seen<'_>) -> Vec<Job> {
        sleep(Duration::from_secs(LIFE.into())).await;
        let jobs: Vec<_> = (0..self.connections).map(|connection| Job { id: ids::fresh(), connection }).collect();
        errands::send(world, mail, Errand::Rotation).await;
        for job in &jobs {
            errands::send(world, mail, Errand::Job(*job)).await;
        }
        seen.asked += jobs.len();
        seen.answered(self.patience).await;
        jobs
    }
}

fn all_queues() -> Vec<String> {
    let work = queues::ALL.iter().flat_map(|queue| [(*queue).to_owned(), retries(queue)]);
    let others = TIERS.iter().map(|tier| tier.name).chain([DEAD_LETTERS, RESULTS, HEARD]);
    work.chain(others.map(str::to_owned)).collect()
}
