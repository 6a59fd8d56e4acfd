//! A worker that dies at each point of an exchange.

use std::fmt::Write;

use futures_util::{StreamExt, stream};
use sealpost_tests::breakpoint::Side;
use sealpost_tests::pipeline::exchange_request;
use serde_json::Value;

use super::super::world::{Entry, pipeline};
use super::{Point, Victim, entries, finish, standing_of_another, state_of_another};

/// A line: the point; the ledger when the worker died and in the end; how often the provider exchanged the code; the
/// record; what the producer was told.
type Line = (&'static str, Point, (&'static str, &'static str), u64, &'static str, &'static str);

const LOST: &str = "exchange-outcome-lost";

/// The commands to Redis: begin, read the record, look whether it takes writes, read the epoch, take the turn, sending, save,
/// settle.
const TABLE: [Line; 12] = [
    ("before the claim", Point::Redis(1, Side::Before), ("nothing", "done"), 1, "active", "stored"),
    ("after the claim", Point::Redis(1, Side::After), ("claimed", "done"), 1, "active", "stored"),
    ("after the turn is taken", Point::Redis(5, Side::After), ("claimed", "done"), 1, "active", "stored"),
    ("before sending is written", Point::Redis(6, Side::Before), ("claimed", "done"), 1, "active", "stored"),
    ("after sending is written", Point::Redis(6, Side::After), ("sending", "told"), 0, "none", LOST),
    ("in the call, not exchanged", Point::Call("before"), ("sending", "told"), 0, "none", LOST),
    ("in the call, exchanged", Point::Call("after"), ("sending", "told"), 1, "none", LOST),
    ("before the save", Point::Redis(7, Side::Before), ("sending", "told"), 1, "none", LOST),
    ("after the save", Point::Redis(7, Side::After), ("sending", "done"), 1, "active", "stored"),
    ("before done is written", Point::Redis(8, Side::Before), ("sending", "done"), 1, "active", "stored"),
    ("after done, before the reply", Point::Redis(8, Side::After), ("done", "done"), 1, "active", "stored"),
    ("after the reply, before the ack", Point::Ack, ("done", "done"), 1, "active", "stored"),
];

/// What became of one request.
#[derive(Debug, PartialEq, Eq)]
struct Became {
    exchanged: u64,
    died: String,
    end: String,
    record: String,
    told: Vec<String>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wherever_a_worker_dies_the_code_is_sent_once_and_what_is_told_is_true() {
    let became: Vec<Became> = stream::iter(TABLE).map(|line| interrupted(line.1)).buffered(4).collect().await;
    let (mut table, mut wrong) = (String::new(), Vec::new());
    for ((name, point, (died, end), exchanged, record, told), became) in TABLE.into_iter().zip(became) {
        // what was told before the crash is told again, and in the same words
        let times = if matches!(point, Point::Ack) { 2 } else { 1 };
        let expected = Became {
            exchanged,
            died: died.into(),
            end: end.into(),
            record: record.into(),
            told: vec![told.into(); times],
        };
        let Became { exchanged, died, end, record, told } = &became;
        writeln!(table, "{name:32} exchanged {exchanged}, {died:8} → {end:8} record {record:7} told {told:?}").unwrap();
        if became != expected {
            wrong.push(format!("{name}: {became:?}, expected {expected:?}"));
        }
    }
    println!("{table}");
    assert!(wrong.is_empty(), "{table}\n{}", wrong.join("\n"));
}

/// Kills a worker at a point, and has another one end the request.
async fn interrupted(point: Point) -> Became {
    let pipeline = pipeline(Entry::Plain, None).await;
    let first = pipeline.worker().await;
    // somebody else's, so that Redis knows the scripts
    let before = exchange_request("acme", "grace", &pipeline.consent("grace").await);
    assert_eq!(pipeline.ask("exchange-request.v1", &before).await["outcome"], "stored");
    finish(&first).await;
    let known = entries(&pipeline);
    let records = super::records(&pipeline);
    let request = exchange_request("acme", "ada", &pipeline.consent("ada").await);
    let exchanged = async || pipeline.sandbox.stats().await["token"]["authorization_code"]["ok"].as_u64().unwrap_or(0);
    let calls_before = exchanged().await;
    let victim = Victim::of(&pipeline, "exchange", "/token", point).await;
    let correlation = pipeline.send("exchange-request.v1", &request).await;
    let mut told = victim.dies(&pipeline, &correlation).await;
    let died = state_of_another(&pipeline, &known);

    let _other = pipeline.worker_with(&["exchange"], &[]).await;
    told.push(pipeline.answer(&correlation).await.json());
    assert!(told.iter().all(|answer| answer == &told[0]), "{told:?}");
    let outcome = |answer: &Value| {
        let code = answer["failure"]["code"].as_str();
        code.or(answer["outcome"].as_str()).unwrap().to_owned()
    };
    Became {
        exchanged: exchanged().await - calls_before,
        died,
        end: state_of_another(&pipeline, &known),
        record: standing_of_another(&pipeline, &records),
        told: told.iter().map(outcome).collect(),
    }
}
