//! `sealpost import` from a file to connections.

use std::collections::BTreeSet;
use std::fs;

use rustix::process::{Pid, Signal, kill_process};
use sealpost_tests::command::end;
use sealpost_tests::pipeline::SOON;
use sealpost_tests::{Pipeline, until};
use serde_json::{Value, json};
use tokio::process::Child;

use super::world::{begin, content, file, import, line, record, refreshes, reuses, run, token_of, users};

/// How many token calls were answered.
async fn spent(pipeline: &Pipeline) -> u64 {
    refreshes(pipeline).await["ok"].as_u64().unwrap_or_default()
}

fn interrupt(child: &Child) {
    let pid = Pid::from_raw(child.id().unwrap().try_into().unwrap()).unwrap();
    kill_process(pid, Signal::INT).unwrap();
}

#[tokio::test]
async fn a_file_becomes_connections_once_however_often_it_is_imported() {
    let pipeline = Pipeline::start().await;
    let _worker = pipeline.worker().await;
    let users = users(&pipeline, 40).await;
    let lines: Vec<_> = users.iter().map(|(user, token)| line(user, token)).collect();
    file(&pipeline, &lines);
    let said = run(&pipeline, &["tokens.jsonl", "--report", "report.jsonl"]).await;
    assert!(said.good, "{}", said.stderr);
    let row = said.stdout.lines().find(|row| row.contains("stored")).expect("a row");
    assert!(row.contains("40") && row.contains("1-40"), "{}", said.stdout);
    let report = fs::read_to_string(pipeline.rig.folder().join("report.jsonl")).unwrap();
    let report: Vec<Value> = report.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(report.len(), 40);
    assert_eq!((&report[6]["line"], &report[6]["outcome"]), (&json!(7), &json!("stored")), "{}", report[6]);
    assert_eq!(report[6]["connection"]["user"], "user-6");
    assert!(!json!(report).to_string().contains("spr_"));
    assert_eq!((spent(&pipeline).await, reuses(&pipeline).await), (40, json!(0)));

    let again = run(&pipeline, &["tokens.jsonl", "--json"]).await;
    assert!(again.good, "{}", again.stderr);
    assert_eq!(again.json()["stored"], 40);
    assert_eq!((spent(&pipeline).await, reuses(&pipeline).await), (40, json!(0)));
}

#[tokio::test]
async fn where_no_reply_may_come_to_its_queue_the_answers_come_as_events() {
    let pipeline = Pipeline::start().await;
    let config = fs::read_to_string(pipeline.config()).unwrap();
    pipeline.write("sealpost.toml", &config.replace("prefetch =", "reply_prefixes = ['answers']\nprefetch ="));
    let _worker = pipeline.worker().await;
    let token = token_of(&pipeline, "ada").await;
    file(&pipeline, &[line("ada", &token)]);
    let said = run(&pipeline, &["tokens.jsonl", "--json"]).await;
    assert!(said.good, "{}", said.stderr);
    assert_eq!(said.json()["stored"], 1);
}

#[tokio::test]
async fn an_import_that_is_interrupted_goes_on_where_it_was() {
    let pipeline = Pipeline::start().await;
    let _worker = pipeline.worker().await;
    let users = users(&pipeline, 12).await;
    let lines: Vec<_> = users.iter().map(|(user, token)| line(user, token)).collect();
    file(&pipeline, &lines);
    let slow = json!({"path": "/token", "kind": "slow", "when": "after", "delay_ms": 300, "n": 12});
    pipeline.sandbox.fault(slow).await;
    let child = begin(&pipeline, &["tokens.jsonl", "--json", "--concurrency", "2"], "").await;
    until("some are stored", SOON, async || spent(&pipeline).await >= 4).await;
    interrupt(&child);
    let said = end(child).await;
    assert!(!said.good);
    let first = said.json();
    assert_eq!(first["ended"], "stopped", "{first}");
    let (stored, open) = (first["stored"].as_u64().unwrap(), first["unanswered"].as_u64().unwrap());
    assert!(stored >= 1 && open >= 1 && stored + open == 12, "{first}");
    assert!(said.stderr.contains("run the same command again"), "{}", said.stderr);

    let said = run(&pipeline, &["tokens.jsonl", "--json"]).await;
    assert!(said.good, "{}", said.stderr);
    assert_eq!(said.json()["stored"], 12);
    assert_eq!((spent(&pipeline).await, reuses(&pipeline).await), (12, json!(0)));
}

#[tokio::test]
async fn what_is_refused_is_named_by_code_and_line_and_the_rest_is_stored() {
    let pipeline = Pipeline::start().await;
    let _worker = pipeline.worker().await;
    let held = token_of(&pipeline, "ada").await;
    assert_eq!(import(&pipeline, "ada", &held).await["outcome"], "stored");
    let (good, other) = (token_of(&pipeline, "alan").await, token_of(&pipeline, "barbara").await);
    let busy = json!({"path": "/token", "kind": "status", "status": 429, "headers": {"retry-after": "1"}});
    pipeline.sandbox.fault(busy).await;
    file(&pipeline, &[line("grace", &held), line("alan", &good), line("edsger", "spr_dead"), line("barbara", &other)]);
    let said = run(&pipeline, &["tokens.jsonl", "--json", "--report", "report.jsonl"]).await;
    assert!(!said.good);
    let groups: BTreeSet<_> = said.json()["groups"].as_array().unwrap().iter().map(Value::to_string).collect();
    let group = |outcome: &str, code: Option<&str>, lines: &[u32]| {
        json!({"outcome": outcome, "code": code, "count": lines.len(), "lines": lines}).to_string()
    };
    let expected = [
        group("stored", None, &[2, 4]),
        group("failed", Some("token-held"), &[1]),
        group("failed", Some("invalid-grant"), &[3]),
    ];
    assert_eq!(groups, BTreeSet::from(expected));
    assert!(said.stderr.contains("2 of 4 were refused"), "{}", said.stderr);
    let report = fs::read_to_string(pipeline.rig.folder().join("report.jsonl")).unwrap();
    assert!(report.lines().nth(2).unwrap().contains("invalid_grant") && !report.contains("spr_"), "{report}");
    assert!(record(&pipeline, "grace").await.is_none());
    assert_eq!(reuses(&pipeline).await, 0);
}

#[tokio::test]
async fn without_a_worker_it_says_so_and_ends_and_goes_on_when_there_is_one() {
    let pipeline = Pipeline::start().await;
    let token = token_of(&pipeline, "ada").await;
    file(&pipeline, &[line("ada", &token)]);
    let said = run(&pipeline, &["tokens.jsonl", "--patience", "8"]).await;
    assert!(!said.good);
    assert!(said.stderr.contains("no worker takes exchange requests"), "{}", said.stderr);
    assert!(said.stderr.contains("1 of 1 have no answer yet"), "{}", said.stderr);
    assert!(said.stdout.contains("unanswered"), "{}", said.stdout);
    let child = begin(&pipeline, &["tokens.jsonl"], "").await;
    let _worker = pipeline.worker().await;
    let said = end(child).await;
    assert!(said.good, "{}", said.stderr);
    assert_eq!((spent(&pipeline).await, reuses(&pipeline).await), (1, json!(0)));
    content(&pipeline, "ada").await;
}

#[tokio::test]
async fn it_goes_on_over_a_new_connection_when_the_broker_ends_the_old_one() {
    let pipeline = Pipeline::start().await;
    let users = users(&pipeline, 6).await;
    let lines: Vec<_> = users.iter().map(|(user, token)| line(user, token)).collect();
    file(&pipeline, &lines);
    let child = begin(&pipeline, &["tokens.jsonl", "--concurrency", "3"], "").await;
    until("three are sent", SOON, async || pipeline.rig.broker.ready("exchange-requests").await == Some(3)).await;
    until("its connections are ended", SOON, async || pipeline.rig.broker.close_all_connections().await > 0).await;
    let _worker = pipeline.worker().await;
    let said = end(child).await;
    assert!(said.good, "{}", said.stderr);
    assert!(said.stderr.contains("trying again"), "{}", said.stderr);
    assert_eq!((spent(&pipeline).await, reuses(&pipeline).await), (6, json!(0)));
}
