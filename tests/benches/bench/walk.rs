//! The re-sealing walk of a rotation, beside a bare rewrite of as many records.

use std::time::{Duration, Instant};

use sealpost_tests::pipeline::{EVENTS, rotation_tick};
use sealpost_tests::{Pipeline, until};

use crate::report::Run;
use crate::role::Role;
use crate::usage::{cpu_seconds, resident_mb};
use crate::{bare, run, say};

const LONG: Duration = Duration::from_mins(20);

/// Runs both in turn; also the most memory that a walking worker had, at a tenth of the records and at all of them.
pub(crate) async fn compare(records: usize, runs: usize) -> (Vec<Run>, Vec<Run>, [f64; 2]) {
    let few = Pipeline::start().await;
    let (_, little) = of_ours(&few, records / 10, true).await;
    let pipeline = Pipeline::start().await;
    prepare(&pipeline, records).await;
    let (mut bare_runs, mut our_runs, mut most) = (Vec::new(), Vec::new(), 0.0_f64);
    for number in 1..=runs {
        let bare = of_bare(&pipeline, records);
        let (ours, memory) = of_ours(&pipeline, records, number == 1).await;
        say(&format!(
            "walk, run {number} of {runs}: bare {:.0}/s {:.0} µs, ours {:.0}/s {:.0} µs",
            bare.per_second, bare.cpu_us, ours.per_second, ours.cpu_us
        ));
        bare_runs.push(bare);
        our_runs.push(ours);
        most = most.max(memory);
    }
    (bare_runs, our_runs, [little, most])
}

async fn prepare(pipeline: &Pipeline, records: usize) {
    let mut redis = bare::connect(&pipeline.rig.redis_url()).await;
    bare::never_rewrite(&mut redis).await;
    for from in (0..records).step_by(1000) {
        let mut pipe = redis::pipe();
        for number in from..(from + 1000).min(records) {
            pipe.set(format!("bare:{number}"), bare::record(1, &[b'p'; bare::RECORD])).ignore();
        }
        pipe.query_async::<()>(&mut redis).await.unwrap();
    }
}

#[expect(clippy::cast_precision_loss, reason = "some hundred thousand records")]
fn of_bare(pipeline: &Pipeline, records: usize) -> Run {
    let mut worker = Role::start(&["rewrite", &pipeline.rig.redis_url(), &records.to_string()]);
    assert_eq!(worker.says(), "ready");
    let (began, before) = (Instant::now(), cpu_seconds(worker.pid()));
    worker.go();
    assert_eq!(worker.says(), "done");
    run(records as f64, began.elapsed().as_secs_f64(), cpu_seconds(worker.pid()) - before)
}

#[expect(clippy::cast_precision_loss, reason = "some hundred thousand records")]
async fn of_ours(pipeline: &Pipeline, records: usize, seed: bool) -> (Run, f64) {
    if seed {
        say(&format!("preparing {records} records"));
        pipeline.seed(records).await;
    }
    pipeline.rotate_key();
    let worker = pipeline.worker_with(&["rotate", "rotate-shard"], &[]).await;
    let (began, before) = (Instant::now(), cpu_seconds(worker.pid()));
    pipeline.send("rotation-tick.v1", &rotation_tick()).await;
    until("the rotation is done", LONG, async || {
        let done = !pipeline.events("rotation.done").await.is_empty();
        assert!(worker.lives(), "{}", worker.log());
        done
    })
    .await;
    let run = run(records as f64, began.elapsed().as_secs_f64(), cpu_seconds(worker.pid()) - before);
    pipeline.rig.broker.drain(EVENTS).await;
    let held = pipeline.held(&pipeline.newest_version().await).await;
    assert_eq!(held, records as u64, "every record is under the newest version");
    (run, resident_mb(worker.pid(), "VmHWM"))
}
