//! `sealpost jobs show`.

use sealpost_tests::command::{Said, run};
use sealpost_tests::pipeline::{SOON, exchange_request, publish_job};
use sealpost_tests::{Pipeline, until};
use serde_json::{Value, json};

use crate::ledger::world::{Entry, pipeline};

async fn show(pipeline: &Pipeline, message: &Value, more: &[&str]) -> Said {
    let id = message["id"].as_str().unwrap();
    let owner = [&message["owner"]["tenant"], &message["owner"]["user"]].map(|name| name.as_str().unwrap());
    run(pipeline, &[&["jobs", "show", id, "--tenant", owner[0], "--user", owner[1]], more].concat()).await
}

#[tokio::test]
async fn what_became_of_a_request_and_a_job_is_told_from_the_ledger() {
    let pipeline = pipeline(Entry::Plain, None).await;
    let _worker = pipeline.worker().await;
    let request = exchange_request("acme", "ada", &pipeline.consent("ada").await);
    assert_eq!(pipeline.ask("exchange-request.v1", &request).await["outcome"], "stored");
    let job = publish_job("acme", "ada", "hello");
    let answer = pipeline.ask("publish-job.v1", &job).await;

    let said = show(&pipeline, &request, &[]).await;
    assert!(said.good, "{}", said.stderr);
    for row in [["kind", "exchange-request"], ["state", "done: it is settled"], ["outcome", "stored"]] {
        assert!(said.row(&row).is_some(), "{row:?}: {}", said.stdout);
    }
    assert!(said.stdout.contains("it is not among the dead letters"), "{}", said.stdout);
    let said = show(&pipeline, &job, &["--json"]).await.json();
    let [entry] = said["ledger"].as_array().unwrap().as_slice() else { panic!("{said}") };
    assert_eq!((&entry["kind"], &entry["state"], &entry["sent"]), (&json!("publish-job"), &json!("done"), &json!(1)));
    assert_eq!((&entry["result"]["remote"]["url"], &entry["claimed_for"]), (&answer["remote"]["url"], &json!(null)));
    assert!(entry["first_sent_at"].is_string() && entry["kept_until"].is_string(), "{entry}");
    assert_eq!((&said["dead_letters"], &said["owner"]), (&json!([]), &json!({"tenant": "acme", "user": "ada"})));

    let mut other = job.clone();
    other["owner"]["user"] = json!("grace");
    let said = show(&pipeline, &other, &[]).await;
    assert!(!said.good && said.stderr.contains("nothing is known of it"), "an id is its owner's: {}", said.stderr);
    assert!(said.stdout.contains("the ledger does not know it"), "{}", said.stdout);
}

#[tokio::test]
async fn an_unknown_outcome_is_told_with_what_to_do() {
    let pipeline = pipeline(Entry::Plain, None).await;
    let _worker = pipeline.worker().await;
    pipeline.connect("ada").await;
    pipeline.sandbox.fault(json!({"path": "/api/posts", "method": "POST", "kind": "drop", "when": "after"})).await;
    let job = publish_job("acme", "ada", "lost");
    assert_eq!(pipeline.ask("publish-job.v1", &job).await["outcome"], "unknown");
    let said = show(&pipeline, &job, &[]).await;
    assert!(said.good, "{}", said.stderr);
    assert!(
        said.row(&["state", "unknown: a request was sent, and nothing proves how it ended"]).is_some(),
        "{}",
        said.stdout
    );
    assert!(said.row(&["kept until", "it is resolved"]).is_some(), "{}", said.stdout);
}

#[tokio::test]
async fn a_job_among_the_dead_letters_is_found_there_by_id_and_owner() {
    let pipeline = pipeline(Entry::Plain, None).await;
    let _worker = pipeline.worker().await;
    let (mut job, mut same_id) = (publish_job("acme", "ada", "hello"), publish_job("acme", "grace", "hello"));
    same_id["id"] = job["id"].clone();
    for message in [&mut job, &mut same_id] {
        message["provider"] = json!("nowhere");
        pipeline.send("publish-job.v1", message).await;
        pipeline.event("job.dead-lettered").await;
    }
    let said = show(&pipeline, &job, &["--json"]).await;
    assert!(said.good, "{}", said.stderr);
    let said = said.json();
    let [entry] = said["ledger"].as_array().unwrap().as_slice() else { panic!("{said}") };
    assert_eq!((&entry["state"], &entry["sent"]), (&json!("claimed"), &json!(0)), "{said}");
    assert_eq!(said["dead_letters"].as_array().unwrap().len(), 1, "{said}");
    assert_eq!(said["dead_letters"][0]["code"], "unknown-provider");
    let said = show(&pipeline, &job, &[]).await;
    assert!(said.row(&["unknown-provider", "is not in the"]).is_some(), "{}", said.stdout);
}

#[tokio::test]
async fn a_result_that_does_not_open_is_told_as_that() {
    let pipeline = pipeline(Entry::Plain, None).await;
    let worker = pipeline.worker().await;
    pipeline.connect("ada").await;
    let job = publish_job("acme", "ada", "hello");
    pipeline.ask("publish-job.v1", &job).await;
    drop(worker);
    let ring = std::fs::read_to_string(pipeline.keyring()).unwrap();
    pipeline.write("keyring.json", &ring.replace("\"enabled\": true", "\"enabled\": false"));
    let said = show(&pipeline, &job, &[]).await;
    assert!(said.good && said.row(&["state", "done"]).is_some(), "{}{}", said.stdout, said.stderr);
    assert!(said.stdout.contains("disabled in the key source"), "{}", said.stdout);
}

/// A job that was sent, and whose answer was lost; nobody is at it.
async fn lost(pipeline: &Pipeline) -> Value {
    pipeline.connect("ada").await;
    pipeline.sandbox.fault(json!({"path": "/api/posts", "method": "POST", "kind": "drop", "when": "after"})).await;
    let job = publish_job("acme", "ada", "lost");
    assert_eq!(pipeline.ask("publish-job.v1", &job).await["outcome"], "unknown");
    until("nobody is at it", SOON, async || {
        show(pipeline, &job, &["--json"]).await.json()["ledger"][0]["claimed_for"].is_null()
    })
    .await;
    job
}

async fn resolve(pipeline: &Pipeline, job: &Value, found: &[&str]) -> Said {
    let whose = ["--tenant", "acme", "--user", "ada", "--provider", "practice"];
    run(pipeline, &[&["jobs", "resolve", job["id"].as_str().unwrap()], &whose[..], found].concat()).await
}

#[tokio::test]
async fn an_operators_word_on_an_unknown_outcome_is_told_and_answered_from_then_on() {
    let pipeline = pipeline(Entry::Plain, None).await;
    let _worker = pipeline.worker().await;
    let job = lost(&pipeline).await;
    let found = ["published", "--remote-id", "991", "--remote-url", "https://practice.example/991"];
    for time in ["first", "again"] {
        let said = resolve(&pipeline, &job, &found).await;
        assert!(said.good && said.row(&["post", "991"]).is_some(), "{time}: {}{}", said.stdout, said.stderr);
        let event = pipeline.event("publish.published").await.json();
        assert_eq!((&event["job"], &event["remote"]["id"]), (&job["id"], &json!("991")), "{time}: {event}");
        assert_eq!(event["connection"]["label"], "default", "{time}: {event}");
    }
    let answer = pipeline.ask("publish-job.v1", &job).await;
    assert_eq!((&answer["outcome"], &answer["remote"]["id"]), (&json!("published"), &json!("991")), "{answer}");
    assert_eq!(pipeline.sandbox.posts().await.len(), 1, "nobody published it again");
    let said = show(&pipeline, &job, &[]).await;
    assert!(said.row(&["state", "told: an operator said how it ended"]).is_some(), "{}", said.stdout);
    let other = resolve(&pipeline, &job, &["failed"]).await;
    assert!(!other.good && other.stderr.contains("nothing was changed"), "{}{}", other.stdout, other.stderr);
    assert_eq!(pipeline.ask("publish-job.v1", &job).await["outcome"], "published");
}

#[tokio::test]
async fn a_job_that_was_not_there_when_an_operator_looked_has_failed() {
    let pipeline = pipeline(Entry::Plain, None).await;
    let _worker = pipeline.worker().await;
    let job = lost(&pipeline).await;
    let said = resolve(&pipeline, &job, &["failed", "--json"]).await;
    assert!(said.good, "{}", said.stderr);
    assert_eq!(said.json()["failure"]["code"], "not-published");
    assert_eq!(pipeline.event("publish.failed").await.json()["failure"]["code"], "not-published");
    let answer = pipeline.ask("publish-job.v1", &job).await;
    assert_eq!((&answer["outcome"], &answer["failure"]["retryable"]), (&json!("failed"), &json!(false)), "{answer}");
    assert_eq!(pipeline.sandbox.posts().await.len(), 1, "nobody published it again");
}

#[tokio::test]
async fn what_is_known_or_not_there_is_not_resolved() {
    let pipeline = pipeline(Entry::Plain, None).await;
    let _worker = pipeline.worker().await;
    pipeline.connect("ada").await;
    let mut job = publish_job("acme", "ada", "hello");
    assert_eq!(pipeline.ask("publish-job.v1", &job).await["outcome"], "published");
    let published = pipeline.event("publish.published").await.json();
    let said = resolve(&pipeline, &job, &["failed"]).await;
    assert!(!said.good && said.stderr.contains("nothing was changed"), "{}{}", said.stdout, said.stderr);
    assert_eq!(pipeline.ask("publish-job.v1", &job).await["remote"]["id"], published["remote"]["id"]);
    job["id"] = publish_job("acme", "ada", "another")["id"].clone();
    let said = resolve(&pipeline, &job, &["published"]).await;
    assert!(!said.good && said.stderr.contains("nothing was changed"), "{}{}", said.stdout, said.stderr);
    let said = resolve(&pipeline, &job, &["failed", "--remote-id", "991"]).await;
    assert!(!said.good && said.stderr.contains("belong to a post that is there"), "{}{}", said.stdout, said.stderr);
    assert!(pipeline.events("publish.failed").await.is_empty());
}
