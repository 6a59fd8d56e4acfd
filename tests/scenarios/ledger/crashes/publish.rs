//! A worker that dies at each point of a job.

use std::fmt::Write;

use futures_util::{StreamExt, stream};
use sealpost_tests::Pipeline;
use sealpost_tests::breakpoint::Side;
use sealpost_tests::pipeline::{publish_job, text_of};

use super::super::world::{Entry, pipeline};
use super::{Point, Victim, entries, finish, standing_of_another, state_of_another};

/// A line: the point; posts; the ledger when the worker died and in the end; the answer at a plain provider; the posts and
/// the answer at one with idempotency keys.
type Line = (&'static str, Point, (&'static str, &'static str), (usize, &'static str), (usize, &'static str));

/// The commands to Redis: begin with reading and sending, settle. Where the token is refreshed first: begin, read the
/// record, five of the refresh, sending, settle.
const TABLE: [Line; 11] = [
    ("before claim and mark", Point::Redis(1, Side::Before), ("nothing", "done"), (1, "published"), (1, "published")),
    ("after claim and mark", Point::Redis(1, Side::After), ("sending", "unknown"), (0, "unknown"), (1, "published")),
    (
        "before the claim, to refresh",
        Point::Redis(1, Side::Before),
        ("nothing", "done"),
        (1, "published"),
        (1, "published"),
    ),
    (
        "after the claim, to refresh",
        Point::Redis(1, Side::After),
        ("claimed", "done"),
        (1, "published"),
        (1, "published"),
    ),
    (
        "refreshed, before sending",
        Point::Redis(8, Side::Before),
        ("claimed", "done"),
        (1, "published"),
        (1, "published"),
    ),
    (
        "refreshed, after sending",
        Point::Redis(8, Side::After),
        ("sending", "unknown"),
        (0, "unknown"),
        (1, "published"),
    ),
    ("in the call, not posted", Point::Call("before"), ("sending", "unknown"), (0, "unknown"), (1, "published")),
    ("in the call, posted", Point::Call("after"), ("sending", "unknown"), (1, "unknown"), (1, "published")),
    ("before done is written", Point::Redis(2, Side::Before), ("sending", "unknown"), (1, "unknown"), (1, "published")),
    (
        "after done, before the reply",
        Point::Redis(2, Side::After),
        ("done", "done"),
        (1, "published"),
        (1, "published"),
    ),
    ("after the reply, before the ack", Point::Ack, ("done", "done"), (1, "published"), (1, "published")),
];

/// What became of one job.
#[derive(Debug, PartialEq, Eq)]
struct Became {
    posts: usize,
    died: String,
    end: String,
    record: String,
    told: Vec<String>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wherever_a_worker_dies_at_most_one_post_is_made_and_what_is_told_is_true() {
    let cases: Vec<_> = [Entry::Plain, Entry::Idempotent]
        .into_iter()
        .flat_map(|entry| TABLE.into_iter().map(move |line| (entry, line)))
        .collect();
    let became: Vec<Became> = stream::iter(cases.clone())
        .map(|(entry, line)| interrupted(entry, line.0.contains("refresh"), line.1))
        .buffered(4)
        .collect()
        .await;
    let (mut table, mut wrong) = (String::new(), Vec::new());
    for ((entry, (name, point, (died, end), plain, idempotent)), became) in cases.into_iter().zip(became) {
        let (posts, told) = if entry == Entry::Plain { plain } else { idempotent };
        let end = if entry == Entry::Plain { end } else { "done" };
        // what was told before the crash is told again, and in the same words
        let times = if matches!(point, Point::Ack) { 2 } else { 1 };
        let expected = Became {
            posts,
            died: died.into(),
            end: end.into(),
            record: "active".into(),
            told: vec![told.into(); times],
        };
        let Became { posts, died, end, record, told } = &became;
        let entry = format!("{entry:?}");
        writeln!(table, "{entry:11} {name:32} {posts} posts, {died:8} → {end:8} record {record}, told {told:?}")
            .unwrap();
        if became != expected {
            wrong.push(format!("{entry} {name}: {became:?}, expected {expected:?}"));
        }
    }
    println!("{table}");
    assert!(wrong.is_empty(), "{table}\n{}", wrong.join("\n"));
}

/// Kills a worker at a point, and has another one end the job.
async fn interrupted(entry: Entry, refreshes: bool, point: Point) -> Became {
    let pipeline = pipeline(entry, None).await;
    if refreshes {
        keep_no_access_token(&pipeline);
    }
    let first = pipeline.worker().await;
    pipeline.connect("ada").await;
    // so that Redis knows all the scripts
    let before = pipeline.ask("publish-job.v1", &publish_job("acme", "ada", "before")).await;
    assert_eq!(before["outcome"], "published", "{before}");
    finish(&first).await;
    let known = entries(&pipeline);
    let victim = Victim::of(&pipeline, "publish", "/api/posts", point).await;
    let correlation = pipeline.send("publish-job.v1", &publish_job("acme", "ada", "once")).await;
    let mut told = victim.dies(&pipeline, &correlation).await;
    let died = state_of_another(&pipeline, &known);

    let _other = pipeline.worker_with(&["publish"], &[]).await;
    told.push(pipeline.answer(&correlation).await.json());
    assert!(told.iter().all(|answer| answer == &told[0]), "{told:?}");
    Became {
        posts: pipeline.sandbox.posts().await.len() - 1,
        died,
        end: state_of_another(&pipeline, &known),
        record: standing_of_another(&pipeline, &[]),
        told: told.iter().map(|answer| answer["outcome"].as_str().unwrap().to_owned()).collect(),
    }
}

fn keep_no_access_token(pipeline: &Pipeline) {
    let table = "[practice.oauth]\n";
    let file = text_of(&pipeline.rig.folder().join("providers.toml"));
    pipeline.write("providers.toml", &file.replace(table, &format!("{table}keep_access_token = false\n")));
}
