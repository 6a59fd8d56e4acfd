//! Workers that die at each point of a step. Each run prints a table (what the provider saw, what ledger and record say,
//! what the producer was told); every line is asserted.
//!
//! The points are made from outside: a proxy that stops at a command of Redis or at the ack, and a provider that hangs.

mod consent;
mod exchange;
mod gate;
mod publish;

use redis::Commands;
use sealpost_tests::breakpoint::{Breakpoint, Side, Then};
use sealpost_tests::pipeline::SOON;
use sealpost_tests::{Pipeline, Worker, until};
use serde_json::{Value, json};

use self::gate::Gate;

/// Where the worker dies.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Point {
    /// At the n-th command to Redis.
    Redis(u32, Side),
    /// While the provider is asked, before or after it does what it is asked.
    Call(&'static str),
    /// When everything is told, and the ack is not sent.
    Ack,
}

/// A worker that runs up to its point, and no further.
pub(crate) struct Victim {
    worker: Worker,
    point: Point,
    redis: Option<Breakpoint>,
    broker: Gate,
}

impl Victim {
    /// A worker of this step. Redis must know the scripts by now, so that each is one command; the provider is called
    /// at `path`.
    pub(crate) async fn of(pipeline: &Pipeline, step: &str, path: &str, point: Point) -> Self {
        let redis = match point {
            Point::Redis(_, side) => Some(Breakpoint::to_port(pipeline.rig.redis.port(), side, Then::Hold).await),
            _ => None,
        };
        let broker = Gate::to(pipeline).await;
        pipeline.write("redis.url", &redis.as_ref().map_or_else(|| pipeline.rig.redis_url(), Breakpoint::url));
        pipeline.write("broker.url", &broker.url);
        let worker = pipeline.worker_with(&[step], &[]).await;
        match (point, &redis) {
            (Point::Redis(number, _), Some(redis)) => redis.arm(number),
            (Point::Call(when), _) => {
                pipeline.sandbox.fault(json!({"path": path, "kind": "hang", "when": when})).await;
            }
            _ => {}
        }
        pipeline.write("redis.url", &pipeline.rig.redis_url());
        pipeline.write("broker.url", pipeline.rig.amqp_url());
        Self { worker, point, redis, broker }
    }

    /// Kills it at its point; also what it told until then.
    pub(crate) async fn dies(self, pipeline: &Pipeline, correlation: &str) -> Vec<Value> {
        let mut told = Vec::new();
        match (self.point, &self.redis) {
            (_, Some(redis)) => redis.reached().await,
            (Point::Ack, _) => {
                self.broker.reached().await;
                told.push(pipeline.answer(correlation).await.json());
            }
            _ => {
                until("the provider is asked", SOON, async || pipeline.sandbox.stats().await["faults_fired"] == 1)
                    .await;
            }
        }
        self.worker.kill9().await;
        told
    }
}

/// Ends a worker that is to leave nothing for the next one: what it did is acked.
pub(crate) async fn finish(worker: &Worker) {
    worker.terminate();
    assert!(worker.ended().await.success());
}

fn keys(pipeline: &Pipeline, pattern: &str) -> Vec<String> {
    redis::Client::open(pipeline.rig.redis_url()).unwrap().get_connection().unwrap().keys(pattern).unwrap()
}

pub(crate) fn entries(pipeline: &Pipeline) -> Vec<String> {
    keys(pipeline, "*:ledger:*")
}

fn records(pipeline: &Pipeline) -> Vec<String> {
    keys(pipeline, "*:record:*")
}

/// How the entry stands that is not one of these.
pub(crate) fn state_of_another(pipeline: &Pipeline, known: &[String]) -> String {
    let entry = entries(pipeline).into_iter().find(|key| !known.contains(key));
    entry.map_or_else(|| "nothing".into(), |key| field(pipeline, &key, "state"))
}

/// How the record stands that is not one of these.
fn standing_of_another(pipeline: &Pipeline, known: &[String]) -> String {
    let record = records(pipeline).into_iter().find(|key| !known.contains(key));
    record.map_or_else(|| "none".into(), |key| field(pipeline, &key, "standing"))
}

fn field(pipeline: &Pipeline, key: &str, field: &str) -> String {
    redis::Client::open(pipeline.rig.redis_url()).unwrap().get_connection().unwrap().hget(key, field).unwrap()
}
