//! A worker that dies at each point of a notice. Each run prints a line: what the phone got, and what became of the notice.

use std::fmt::Write;

use futures_util::{StreamExt, stream};
use sealpost_tests::breakpoint::{Breakpoint, Side, Then};
use sealpost_tests::until;
use serde_json::json;

use super::{GATEWAY, KEYS, SOON, notice, noticed, pipeline, texts};

/// Where the worker dies.
#[derive(Clone, Copy, Debug)]
enum Point {
    /// At the n-th command to Redis: begin, sending, settle.
    Redis(u32, Side),
    /// While the gateway is asked, before or after it sends.
    Call(&'static str),
}

/// The point; messages and outcome at a plain gateway; the same at one that knows keys.
type Line = (&'static str, Point, (usize, &'static str), (usize, &'static str));

const TABLE: [Line; 8] = [
    ("before the claim", Point::Redis(1, Side::Before), (1, "sent"), (1, "sent")),
    ("after the claim", Point::Redis(1, Side::After), (1, "sent"), (1, "sent")),
    ("before the mark", Point::Redis(2, Side::Before), (1, "sent"), (1, "sent")),
    ("marked, not sent", Point::Redis(2, Side::After), (0, "unknown"), (1, "sent")),
    ("in the call, not sent", Point::Call("before"), (0, "unknown"), (1, "sent")),
    ("in the call, sent", Point::Call("after"), (1, "unknown"), (1, "sent")),
    ("sent, before it is written", Point::Redis(3, Side::Before), (1, "unknown"), (1, "sent")),
    ("written, before the ack", Point::Redis(3, Side::After), (1, "sent"), (1, "sent")),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wherever_a_worker_dies_nobody_is_told_twice() {
    let cases = ["", KEYS].into_iter().flat_map(|keys| TABLE.into_iter().map(move |line| (keys, line)));
    let cases: Vec<_> = cases.collect();
    let became: Vec<_> =
        stream::iter(cases.clone()).map(|(keys, line)| interrupted(keys, line.1)).buffered(4).collect().await;
    let (mut table, mut wrong) = (String::new(), Vec::new());
    for ((keys, (name, _, plain, with_keys)), became) in cases.into_iter().zip(became) {
        let (entry, expected) = if keys.is_empty() { ("plain", plain) } else { ("keys", with_keys) };
        writeln!(table, "{entry:6} {name:28} {} messages, {}", became.0, became.1).unwrap();
        if became != expected {
            wrong.push(format!("{entry} {name}: {became:?}, expected {expected:?}"));
        }
    }
    println!("{table}");
    assert!(wrong.is_empty(), "{table}\n{}", wrong.join("\n"));
}

/// Kills a worker at a point, and has another one end the notice.
async fn interrupted(keys: &str, point: Point) -> (usize, &'static str) {
    let pipeline = pipeline(keys).await;
    let first = pipeline.worker_with(&["notify"], &[]).await;
    // so that Redis knows the scripts
    pipeline.send("notice.v1", &notice("en", "published")).await;
    texts(&pipeline, 1).await;
    first.terminate();
    assert!(first.ended().await.success());

    let redis = match point {
        Point::Redis(_, side) => Some(Breakpoint::to_port(pipeline.rig.redis.port(), side, Then::Hold).await),
        Point::Call(_) => None,
    };
    pipeline.write("redis.url", &redis.as_ref().map_or_else(|| pipeline.rig.redis_url(), Breakpoint::url));
    let victim = pipeline.worker_with(&["notify"], &[]).await;
    pipeline.write("redis.url", &pipeline.rig.redis_url());
    match (point, &redis) {
        (Point::Redis(number, _), Some(redis)) => redis.arm(number),
        (Point::Call(when), _) => {
            pipeline.sandbox.fault(json!({"path": GATEWAY, "kind": "hang", "when": when})).await;
        }
        _ => {}
    }
    pipeline.send("notice.v1", &notice("en", "published")).await;
    if let Some(redis) = &redis {
        redis.reached().await;
    } else {
        let fired = async || pipeline.sandbox.stats().await["faults_fired"] == 1;
        until("the gateway is asked", SOON, fired).await;
    }
    victim.kill9().await;

    let other = pipeline.worker_with(&["notify"], &[]).await;
    let outcome = until("another worker ends it", SOON, async || {
        for outcome in ["sent", "unknown"] {
            let labels = ["queue=\"notices\"", &format!("outcome=\"{outcome}\"")];
            if other.metric("sealpost_jobs_total", &labels).await == 1 {
                return Some(outcome);
            }
        }
        None
    })
    .await;
    noticed(&other, outcome, 1).await;
    (pipeline.sandbox.messages().await.len() - 1, outcome)
}
