//! Back-pressure: a provider is called no more often than it allows, left alone while it does not answer, and holds up nobody
//! else's jobs.

mod breaker;
mod breakers;
mod limits;
mod line;
mod slow;
mod sweep;
mod turns;

use std::time::Duration;

use futures_util::{StreamExt, stream};
use reqwest::Method;
use sealpost_tests::pipeline::{publish_job, text_of};
use sealpost_tests::{Pipeline, Sandbox};
use serde_json::Value;

/// Sends so many jobs of one user; what they are answered under.
async fn send_jobs(pipeline: &Pipeline, provider: &str, jobs: usize) -> Vec<String> {
    let one = async |number| {
        let mut job = publish_job("acme", "ada", &format!("post {number}"));
        job["provider"] = provider.into();
        pipeline.send("publish-job.v1", &job).await
    };
    stream::iter(0..jobs).map(one).buffered(32).collect().await
}

async fn all_published(pipeline: &Pipeline, correlations: &[String]) {
    for correlation in correlations {
        let answer = pipeline.answer(correlation).await.json();
        assert_eq!(answer["outcome"], "published", "{answer}");
    }
}

/// Adds this to the catalogue.
fn add_to_catalogue(pipeline: &Pipeline, toml: &str) {
    let catalogue = text_of(&pipeline.rig.folder().join("providers.toml"));
    pipeline.write("providers.toml", &format!("{catalogue}{toml}"));
}

async fn switch_faults_off(sandbox: &Sandbox) {
    sandbox.admin(Method::DELETE, "faults", None).await;
}

async fn fired(sandbox: &Sandbox) -> Value {
    sandbox.stats().await["faults_fired"].clone()
}

/// One command of Redis.
async fn redis(pipeline: &Pipeline, command: &[&str]) -> Option<String> {
    let client = redis::Client::open(pipeline.rig.redis_url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    redis::cmd(command[0]).arg(&command[1..]).query_async(&mut connection).await.unwrap()
}

const fn seconds(number: u64) -> Duration {
    Duration::from_secs(number)
}
