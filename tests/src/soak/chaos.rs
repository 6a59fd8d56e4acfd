//! Strikes: each target's blows in their order, all targets beside each other.

use std::time::Duration;

use futures_util::future::join_all;
use sealpost::dev::servers::{rabbitmq::RabbitMq, redis::Redis};
use tokio::time::{Instant, sleep};

use super::{
    log::{Log, at, now},
    plan::{Blow, How, Target},
    world::World,
};
use crate::{Own, Worker, until};

/// A server is slow to start on a busy machine.
const LONG: Duration = Duration::from_mins(2);

/// The worker at one place, and its successors.
pub(super) struct Place {
    number: usize,
    incarnation: usize,
    pub(super) worker: Worker,
    /// Those that ended without being killed.
    pub(super) fallen: Vec<String>,
}

impl Place {
    pub(super) async fn start(world: &World, number: usize) -> Self {
        Self { number, incarnation: 1, worker: world.worker(&name(number, 1)).await, fallen: Vec::new() }
    }

    fn name(&self) -> String {
        name(self.number, self.incarnation)
    }

    async fn strike(&mut self, world: &World, log: &Log, start: Instant, blows: &[Blow]) {
        for blow in blows.iter().filter(|blow| blow.target == Target::Worker(self.number)) {
            at(start, blow.at).await;
            if !self.worker.lives() {
                self.fallen.push(format!("{} ended by itself:\n{}", self.name(), self.worker.log()));
            }
            let (name, from) = (self.name(), now());
            match blow.how {
                How::Stopped => {
                    self.worker.stop().await;
                    sleep(blow.lasts).await;
                    self.worker.go_on();
                }
                How::Killed => {
                    self.worker.kill9().await;
                    sleep(blow.lasts).await;
                    self.incarnation += 1;
                    self.worker = world.worker(&self.name()).await;
                }
            }
            log.struck(&name, blow.target, blow.how, from);
        }
    }

    /// Ends it in order; whether it did.
    pub(super) async fn end(mut self) -> Vec<String> {
        if self.worker.lives() {
            self.worker.terminate();
            let status = self.worker.ended().await;
            if !status.success() {
                self.fallen.push(format!("{} ended with {status}:\n{}", self.name(), self.worker.log()));
            }
        } else {
            self.fallen.push(format!("{} ended by itself:\n{}", self.name(), self.worker.log()));
        }
        self.fallen
    }
}

fn name(place: usize, incarnation: usize) -> String {
    format!("w{}.{incarnation}", place + 1)
}

/// Strikes as planned. Everything runs again when this returns.
pub(super) async fn strike(
    world: &World,
    places: &mut [Place],
    (broker, redis): (&mut Own<RabbitMq>, &mut Own<Redis>),
    log: &Log,
    (start, blows): (Instant, &[Blow]),
) {
    let workers = join_all(places.iter_mut().map(|place| place.strike(world, log, start, blows)));
    let on = |target: Target| blows.iter().filter(move |blow| blow.target == target);
    let brokers = async {
        for blow in on(Target::Broker) {
            at(start, blow.at).await;
            let from = now();
            broker.kill9().await;
            sleep(blow.lasts).await;
            broker.restart().await.expect("RabbitMQ starts again on its data");
            log.struck("broker", blow.target, blow.how, from);
        }
    };
    let stores = async {
        for blow in on(Target::Redis) {
            at(start, blow.at).await;
            let from = now();
            redis.kill9().await;
            sleep(blow.lasts).await;
            redis.restart().await.expect("Redis starts again on its data");
            log.struck("redis", blow.target, blow.how, from);
        }
    };
    tokio::join!(workers, brokers, stores);
}

/// Waits until no queue is young any more: RabbitMQ forgets one that it made just before it is killed.
pub(super) async fn settled(broker: &Own<RabbitMq>, queues: &[String]) {
    for queue in queues {
        let settled = broker.settled(queue);
        tokio::time::timeout(LONG, settled).await.expect("the queues are in RabbitMQ's table of names");
    }
    let began = Instant::now();
    until("the queues are two seconds old", LONG, async || began.elapsed() > Duration::from_secs(2)).await;
}
