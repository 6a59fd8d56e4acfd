//! A worker that dies at each point of an exchange whose tokens go to the device: the client gets them, or a clear answer that
//! consent must be given again, and no record claims tokens that nobody has.

use std::fmt::Write;

use futures_util::{StreamExt, stream};
use sealpost_tests::breakpoint::Side;
use serde_json::Value;

use super::world::{job, park, publish, record, request, unparked};
use crate::ledger::crashes::{Point, Victim, entries, finish, state_of_another};
use crate::ledger::world::{Entry, pipeline};

/// A line: the point; the ledger when the worker died and in the end; what the producer was told, in turn: the outcome or code,
/// with a plus where the tokens were with it.
type Line = (&'static str, Point, (&'static str, &'static str), &'static [&'static str]);

const LOST: &str = "exchange-outcome-lost";

/// The commands to Redis: begin, read the record, look whether it takes writes, read the epoch, take the turn, sending, save,
/// settle, give the turn back, read the record, read the park; the answer; end the park.
const TABLE: [Line; 12] = [
    ("before the claim", Point::Redis(1, Side::Before), ("nothing", "done"), &["on-device+"]),
    ("after the claim", Point::Redis(1, Side::After), ("claimed", "done"), &["on-device+"]),
    ("after sending is written", Point::Redis(6, Side::After), ("sending", "told"), &[LOST]),
    ("in the call, not exchanged", Point::Call("before"), ("sending", "told"), &[LOST]),
    ("in the call, exchanged", Point::Call("after"), ("sending", "told"), &[LOST]),
    ("before the save", Point::Redis(7, Side::Before), ("sending", "told"), &[LOST]),
    ("after the save", Point::Redis(7, Side::After), ("sending", "done"), &["on-device+"]),
    ("after done is written", Point::Redis(8, Side::After), ("done", "done"), &["on-device+"]),
    ("before the answer", Point::Redis(11, Side::After), ("done", "done"), &["on-device+"]),
    ("after the answer", Point::Redis(12, Side::Before), ("done", "done"), &["on-device+", "on-device+"]),
    ("after the park's end", Point::Redis(12, Side::After), ("done", "done"), &["on-device+", "on-device"]),
    ("before the ack", Point::Ack, ("done", "done"), &["on-device+", "on-device"]),
];

#[derive(Debug, PartialEq, Eq)]
struct Became {
    died: String,
    end: String,
    told: Vec<String>,
    works: bool,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wherever_a_worker_dies_the_device_gets_its_tokens_or_hears_that_consent_is_needed() {
    let became: Vec<Became> = stream::iter(TABLE).map(interrupted).buffered(4).collect().await;
    let (mut table, mut wrong) = (String::new(), Vec::new());
    for ((name, _, (died, end), told), became) in TABLE.into_iter().zip(became) {
        let expected = Became {
            died: died.into(),
            end: end.into(),
            told: told.iter().map(|&word| word.into()).collect(),
            works: told != [LOST],
        };
        writeln!(table, "{name:32} {became:?}").unwrap();
        if became != expected {
            wrong.push(format!("{name}: {became:?}, expected {expected:?}"));
        }
    }
    println!("{table}");
    assert!(wrong.is_empty(), "{table}\n{}", wrong.join("\n"));
}

/// Kills a worker at a point, and has another one end the request.
async fn interrupted((_, point, _, expected): Line) -> Became {
    let pipeline = pipeline(Entry::Plain, None).await;
    let first = pipeline.worker().await;
    // somebody else's, so that Redis knows the scripts
    super::world::connected(&pipeline, "grace").await;
    finish(&first).await;
    let known = entries(&pipeline);
    let request = request(&pipeline, "ada").await;
    let victim = Victim::of(&pipeline, "exchange", "/token", point).await;
    let correlation = pipeline.send("exchange-request.v1", &request).await;
    let mut told = victim.dies(&pipeline, &correlation).await;
    let died = state_of_another(&pipeline, &known);

    let _other = pipeline.worker_with(&["exchange", "publish"], &[]).await;
    while told.len() < expected.len() {
        told.push(pipeline.answer(&correlation).await.json());
    }
    let held = told.iter().find(|answer| answer["tokens"].is_object()).map(|answer| answer["tokens"].clone());
    let mut works = false;
    if let Some(held) = held {
        unparked(&pipeline, "ada").await;
        works = publish(&pipeline, &job("ada", "they work", &held)).await["outcome"] == "published";
    } else {
        assert!(record(&pipeline, "ada").await.is_none() && park(&pipeline, "ada").await.is_none());
    }
    let word = |answer: &Value| {
        let word = answer["failure"]["code"].as_str().or(answer["outcome"].as_str()).unwrap();
        format!("{word}{}", if answer["tokens"].is_object() { "+" } else { "" })
    };
    let end = state_of_another(&pipeline, &[&known[..], &entries_of_jobs(&pipeline, &known)].concat());
    Became { died, end, told: told.iter().map(word).collect(), works }
}

/// The job's entry came last; the request's is the one that is no job's.
fn entries_of_jobs(pipeline: &sealpost_tests::Pipeline, known: &[String]) -> Vec<String> {
    let mut redis = redis::Client::open(pipeline.rig.redis_url()).unwrap().get_connection().unwrap();
    let mut consent =
        |key: &String| -> Option<String> { redis::Commands::hget(&mut redis, key, "consent").ok().flatten() };
    let new: Vec<_> = entries(pipeline).into_iter().filter(|key| !known.contains(key)).collect();
    new.into_iter().filter(|key| consent(key).is_some_and(|consent| !consent.is_empty())).collect()
}
