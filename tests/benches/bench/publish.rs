//! The publish path: jobs that wait in a queue, until their results are in another.

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use lapin::options::{
    BasicPublishOptions, ConfirmSelectOptions, QueueBindOptions, QueueDeclareOptions, QueuePurgeOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel};
use sealpost_shared::seal::seal;
use sealpost_tests::pipeline::{EVENTS, publish_job};
use sealpost_tests::{Pipeline, Setup, Worker, until};

use crate::report::Run;
use crate::role::Role;
use crate::usage::{cpu_seconds, resident_mb};
use crate::{bare, run, say};

/// Where the workers' events go.
const RESULTS: &str = "results";
const LONG: Duration = Duration::from_mins(10);

/// Runs both in turn; also the memory of a worker that has nothing to do.
pub(crate) async fn compare(jobs: usize, runs: usize) -> (Vec<Run>, Vec<Run>, f64) {
    let mut stub = Role::start(&["stub"]);
    let platform = stub.says();
    let setup = Setup { platform: Some(platform.clone()), prefetch: bare::PREFETCH, ..Setup::default() };
    let pipeline = Pipeline::start_with(setup).await;
    let idle = idle(&pipeline).await;
    prepare(&pipeline, jobs).await;
    let (mut bare_runs, mut our_runs) = (Vec::new(), Vec::new());
    for number in 1..=runs {
        let bare = of_bare(&pipeline, &platform, jobs).await;
        let ours = of_ours(&pipeline, jobs).await;
        say(&format!(
            "publish, run {number} of {runs}: bare {:.0}/s {:.0} µs, ours {:.0}/s {:.0} µs",
            bare.per_second, bare.cpu_us, ours.per_second, ours.cpu_us
        ));
        bare_runs.push(bare);
        our_runs.push(ours);
    }
    (bare_runs, our_runs, idle)
}

async fn idle(pipeline: &Pipeline) -> f64 {
    let worker = pipeline.worker().await;
    worker.page("/metrics").await;
    resident_mb(worker.pid(), "VmRSS")
}

/// Records on both sides, and quorum queues for the results.
async fn prepare(pipeline: &Pipeline, jobs: usize) {
    say(&format!("preparing {jobs} connections"));
    pipeline.seed(jobs).await;
    let (key, name, place) = bare::sealing();
    let sealed = seal(&key, &name, &place, &[b'p'; bare::RECORD]).unwrap();
    let mut redis = bare::connect(&pipeline.rig.redis_url()).await;
    bare::never_rewrite(&mut redis).await;
    for from in (0..jobs).step_by(1000) {
        let mut pipe = redis::pipe();
        for number in from..(from + 1000).min(jobs) {
            pipe.set(format!("bare:{number}"), bare::record(1, &sealed)).ignore();
        }
        pipe.query_async::<()>(&mut redis).await.unwrap();
    }
    let channel = pipeline.rig.broker.channel().await;
    for queue in [RESULTS, bare::JOBS, bare::RESULTS] {
        let mut quorum = FieldTable::default();
        quorum.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
        channel.queue_declare(queue.into(), QueueDeclareOptions::durable(), quorum).await.unwrap();
    }
    // an event goes to one queue, as a bare result does
    let events = "sealpost.events";
    let (options, table) = (QueueBindOptions::default(), FieldTable::default());
    for (queue, topic) in [(RESULTS, "publish.#"), (bare::RESULTS, bare::TOPIC)] {
        channel.queue_bind(queue.into(), events.into(), topic.into(), options, table.clone()).await.unwrap();
    }
    channel.queue_unbind(EVENTS.into(), events.into(), "#".into(), table).await.unwrap();
}

async fn of_bare(pipeline: &Pipeline, platform: &str, jobs: usize) -> Run {
    fill(pipeline, bare::JOBS, jobs, job).await;
    let (amqp, redis, url) = (pipeline.rig.amqp_url(), pipeline.rig.redis_url(), format!("{platform}/api/posts"));
    let mut worker = Role::start(&["publish", amqp, &redis, &url]);
    assert_eq!(worker.says(), "ready");
    measured(pipeline, bare::RESULTS, worker.pid(), jobs).await
}

async fn of_ours(pipeline: &Pipeline, jobs: usize) -> Run {
    // the pipeline declares its queues when a worker starts
    fill(pipeline, "publish-jobs", jobs, job).await;
    let worker = Worker::start(pipeline.rig.folder(), &pipeline.config(), &["publish"], &[]).await;
    measured(pipeline, RESULTS, worker.pid(), jobs).await
}

/// The same for both.
fn job(number: usize) -> (Vec<u8>, BasicProperties) {
    let job = publish_job("acme", &format!("user-{number}"), &"x".repeat(100));
    let id = job["id"].as_str().unwrap().to_owned();
    let properties = BasicProperties::default()
        .with_type("publish-job.v1".into())
        .with_content_type("application/json".into())
        .with_message_id(id.into())
        .with_correlation_id(number.to_string().into());
    (serde_json::to_vec(&job).unwrap(), properties)
}

async fn fill(pipeline: &Pipeline, queue: &str, jobs: usize, message: impl Fn(usize) -> (Vec<u8>, BasicProperties)) {
    let channel = pipeline.rig.broker.channel().await;
    channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
    let mut open = futures_util::stream::FuturesUnordered::new();
    for number in 0..jobs {
        let (body, properties) = message(number);
        let (options, properties) = (BasicPublishOptions::default(), properties.with_delivery_mode(2));
        open.push(channel.basic_publish("".into(), queue.into(), options, &body, properties).await.unwrap());
        if open.len() > 500 {
            assert!(open.next().await.unwrap().unwrap().is_ack());
        }
    }
    while let Some(confirmed) = open.next().await {
        assert!(confirmed.unwrap().is_ack());
    }
}

/// What the process did between a tenth and nine tenths of the results: neither its start nor its end.
async fn measured(pipeline: &Pipeline, results: &str, pid: i32, jobs: usize) -> Run {
    let channel = pipeline.rig.broker.channel().await;
    let at_least = async |count: usize| {
        until(&format!("{count} results"), LONG, async || {
            let there = depth(&channel, results).await;
            (there >= count).then(|| (there, Instant::now(), cpu_seconds(pid)))
        })
        .await
    };
    let (from, began, cpu_before) = at_least(jobs / 10).await;
    let (to, ended, cpu_after) = at_least(jobs / 10 * 9).await;
    at_least(jobs).await;
    channel.queue_purge(results.into(), QueuePurgeOptions::default()).await.unwrap();
    #[expect(clippy::cast_precision_loss, reason = "some thousand jobs")]
    let done = (to - from) as f64;
    run(done, ended.duration_since(began).as_secs_f64(), cpu_after - cpu_before)
}

async fn depth(channel: &Channel, queue: &str) -> usize {
    let passive = QueueDeclareOptions::durable().passive();
    let found = channel.queue_declare(queue.into(), passive, FieldTable::default()).await.unwrap();
    usize::try_from(found.message_count()).unwrap()
}
