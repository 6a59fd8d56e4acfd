//! A worker that dies at each point of a job whose tokens have expired: at most one refresh and one post, and what is told is true.

use std::fmt::Write;

use futures_util::{StreamExt, stream};
use sealpost_tests::breakpoint::Side;
use serde_json::Value;

use super::world::{calls, expired, job, park, publish};
use crate::ledger::crashes::{Point, Victim, entries, finish, state_of_another};
use crate::ledger::world::{Entry, pipeline};

/// A line: the point; where the provider is called there; the ledger when the worker died and in the end; refreshes that were
/// answered with tokens; posts; what was told; whether that tokens were refreshed; whether they wait.
type Line = (&'static str, Point, &'static str, (&'static str, &'static str), (u64, usize), &'static str, bool, bool);

const LOST: &str = "refresh-outcome-lost";

/// The commands to Redis: begin, read the record, read the park, take the lease, read both again, the marker; the call; save, give
/// the lease back, sending; the post; settle.
const TABLE: [Line; 12] = [
    ("after the claim", Point::Redis(1, Side::After), "", ("claimed", "done"), (1, 1), "published", true, true),
    ("with the lease", Point::Redis(4, Side::After), "", ("claimed", "done"), (1, 1), "published", true, true),
    ("before the marker", Point::Redis(7, Side::Before), "", ("claimed", "done"), (1, 1), "published", true, true),
    ("after the marker", Point::Redis(7, Side::After), "", ("claimed", "done"), (1, 1), "published", true, true),
    ("not refreshed", Point::Call("before"), "/token", ("claimed", "done"), (1, 1), "published", true, true),
    ("refreshed", Point::Call("after"), "/token", ("claimed", "done"), (1, 0), LOST, false, false),
    ("before the save", Point::Redis(8, Side::Before), "", ("claimed", "done"), (1, 0), LOST, false, false),
    ("after the save", Point::Redis(8, Side::After), "", ("claimed", "done"), (1, 1), "published", true, true),
    ("after sending", Point::Redis(10, Side::After), "", ("sending", "unknown"), (1, 0), "outcome-unknown", true, true),
    ("posted", Point::Call("after"), "/api/posts", ("sending", "unknown"), (1, 1), "outcome-unknown", true, true),
    ("after done", Point::Redis(11, Side::After), "", ("done", "done"), (1, 1), "published", true, true),
    ("before the ack", Point::Ack, "", ("done", "done"), (1, 1), "published", true, true),
];

#[derive(Debug, PartialEq, Eq)]
struct Became {
    died: String,
    end: String,
    refreshed: u64,
    posts: usize,
    told: Vec<(String, bool)>,
    waits: bool,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wherever_a_worker_dies_one_refresh_and_one_post_are_made_at_most_and_what_is_told_is_true() {
    let became: Vec<Became> = stream::iter(TABLE).map(interrupted).buffered(4).collect().await;
    let (mut table, mut wrong) = (String::new(), Vec::new());
    for ((name, point, _, (died, end), (refreshed, posts), told, newer, waits), became) in TABLE.into_iter().zip(became)
    {
        // what was told before the crash is told again, and in the same words
        let times = if matches!(point, Point::Ack) { 2 } else { 1 };
        let (died, end, told) = (died.into(), end.into(), vec![(told.into(), newer); times]);
        let expected = Became { died, end, refreshed, posts, told, waits };
        writeln!(table, "{name:20} {became:?}").unwrap();
        if became != expected {
            wrong.push(format!("{name}: {became:?}, expected {expected:?}"));
        }
    }
    println!("{table}");
    assert!(wrong.is_empty(), "{table}\n{}", wrong.join("\n"));
}

/// Kills a worker at a point, and has another one end the job.
async fn interrupted((_, point, path, ..): Line) -> Became {
    let pipeline = pipeline(Entry::Plain, None).await;
    let first = pipeline.worker().await;
    // somebody else's, so that Redis knows the scripts
    let grace = expired(&pipeline, "grace").await;
    assert_eq!(publish(&pipeline, &job("grace", "before", &grace)).await["outcome"], "published");
    let held = expired(&pipeline, "ada").await;
    finish(&first).await;
    let known = entries(&pipeline);
    let refreshes = async || calls(&pipeline, "refresh_token").await["ok"].as_u64().unwrap_or(0);
    let before = refreshes().await;
    let victim = Victim::of(&pipeline, "publish", path, point).await;
    let correlation = pipeline.send("publish-job.v1", &job("ada", "once", &held)).await;
    let mut told = victim.dies(&pipeline, &correlation).await;
    let died = state_of_another(&pipeline, &known);

    let _other = pipeline.worker_with(&["publish"], &[]).await;
    told.push(pipeline.answer(&correlation).await.json());
    let word = |answer: &Value| {
        let word = answer["failure"]["code"].as_str().or(answer["outcome"].as_str()).unwrap();
        (word.to_owned(), answer["tokens_refreshed"].as_bool().unwrap())
    };
    Became {
        died,
        end: state_of_another(&pipeline, &known),
        refreshed: refreshes().await - before,
        posts: pipeline.sandbox.posts().await.len() - 1,
        told: told.iter().map(word).collect(),
        waits: park(&pipeline, "ada").await.is_some(),
    }
}
