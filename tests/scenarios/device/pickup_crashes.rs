//! A worker that dies at each point of a pickup: the tokens wait until they arrived, and are no longer there then.

use sealpost_tests::breakpoint::Side;
use serde_json::Value;

use super::world::{exchange, expired, job, park, pickup, publish, unparked};
use crate::ledger::crashes::{Point, Victim, finish};
use crate::ledger::world::{Entry, pipeline};

/// The commands to Redis: begin, read the record, read the park, settle, read both again; the answer; end the park. What is told in
/// turn: a plus where the tokens are with it.
const TABLE: [(&str, Point, &[&str]); 6] = [
    ("after the claim", Point::Redis(1, Side::After), &["picked-up+"]),
    ("before it is settled", Point::Redis(4, Side::Before), &["picked-up+"]),
    ("after it is settled", Point::Redis(4, Side::After), &["picked-up+"]),
    ("after the answer", Point::Redis(7, Side::Before), &["picked-up+", "picked-up+"]),
    ("after the park's end", Point::Redis(7, Side::After), &["picked-up+", "picked-up"]),
    ("before the ack", Point::Ack, &["picked-up+", "picked-up"]),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wherever_a_worker_dies_the_device_gets_its_tokens() {
    for (name, point, expected) in TABLE {
        let pipeline = pipeline(Entry::Plain, None).await;
        let first = pipeline.worker().await;
        // somebody else's, so that Redis knows the scripts
        let grace = expired(&pipeline, "grace").await;
        publish(&pipeline, &job("grace", "before", &grace)).await;
        exchange(&pipeline, &pickup("grace", &grace)).await;
        pipeline.event("connection.on-device").await;
        unparked(&pipeline, "grace").await;
        let held = expired(&pipeline, "ada").await;
        assert_eq!(publish(&pipeline, &job("ada", "refreshed", &held)).await["tokens_refreshed"], true);
        finish(&first).await;

        let victim = Victim::of(&pipeline, "exchange", "", point).await;
        let correlation = pipeline.send("exchange-request.v1", &pickup("ada", &held)).await;
        let mut told = victim.dies(&pipeline, &correlation).await;
        let ended = matches!(point, Point::Ack | Point::Redis(7, Side::After));
        assert_eq!(park(&pipeline, "ada").await.is_none(), ended, "{name}");
        let _other = pipeline.worker_with(&["exchange"], &[]).await;
        while told.len() < expected.len() {
            told.push(pipeline.answer(&correlation).await.json());
        }
        let word = |answer: &Value| {
            let with = if answer["tokens"].is_object() { "+" } else { "" };
            format!("{}{with}", answer["outcome"].as_str().unwrap())
        };
        assert_eq!(told.iter().map(word).collect::<Vec<_>>(), expected, "{name}");
        assert!(told.iter().all(|answer| answer["id"] == told[0]["id"]), "{name}: {told:?}");
        unparked(&pipeline, "ada").await;
    }
}
