//! More than one machine: the node of the broker or of the store that leads hangs, then dies, under jobs and a sweep.

use std::cell::Cell;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use sealpost_shared::broker::{Body, Outgoing, Producer};
use sealpost_tests::command::run;
use sealpost_tests::pipeline::{publish_job, text_of};
use sealpost_tests::{Pipeline, until};
use secrecy::SecretString;
use serde_json::Value;

mod broker;
mod store;

/// A cluster is slow to find itself again on a busy machine.
const LONG: Duration = Duration::from_mins(3);
/// How long a producer waits for an answer before it asks again.
const PATIENCE: Duration = Duration::from_secs(10);
/// So many producers ask at a time.
const PRODUCERS: usize = 4;
/// So many connections are sealed anew meanwhile.
const USERS: usize = 300;

/// Has the configuration name these addresses in the place of one.
fn name_all(pipeline: &Pipeline, file: &str, urls: &[String]) {
    let mut list = Vec::new();
    for (number, url) in urls.iter().enumerate() {
        pipeline.write(&format!("{file}-{number}"), url);
        list.push(format!("{{ file = '{file}-{number}' }}"));
    }
    let text = text_of(&pipeline.config());
    let (one, several) = (format!("url = {{ file = '{file}' }}"), format!("url = [{}]", list.join(", ")));
    assert!(text.contains(&one), "{text}");
    pipeline.write("sealpost.toml", &text.replacen(&one, &several, 1));
}

/// Asks as often as it takes, with one id, of whichever node takes the question.
async fn ask(urls: &[SecretString], job: &Value) -> Value {
    let message = Outgoing {
        type_name: Some("publish-job.v1".into()),
        id: job["id"].as_str().map(Into::into),
        content_type: Some("application/json".into()),
        body: Body(serde_json::to_vec(job).unwrap().into()),
        ..Outgoing::default()
    };
    until("an answer", LONG, async || {
        // what hangs is given up with the attempt
        let attempt = async {
            let producer = Producer::connect(urls, false).await.ok()?;
            producer.ask("publish-jobs", &message, PATIENCE).await.ok()
        };
        let heard = tokio::time::timeout(PATIENCE * 2, attempt).await.ok()??;
        serde_json::from_slice(&heard.body.0).ok()
    })
    .await
}

/// Publishes without a pause, and sweeps, through what `disturb` does; it is given the number of jobs that are answered.
/// Each job is answered as published, and is one post.
async fn through(pipeline: &Pipeline, urls: &[String], disturb: impl AsyncFnOnce(&Cell<usize>)) {
    let urls: Vec<SecretString> = urls.iter().map(|url| url.as_str().into()).collect();
    let (answered, over, slowest) = (Cell::new(0), Cell::new(false), Cell::new(Duration::ZERO));
    let producers = (0..PRODUCERS).map(async |producer| {
        let mut sent = Vec::new();
        while !over.get() {
            let text = format!("{producer}: {}", sent.len());
            let began = Instant::now();
            let answer = ask(&urls, &publish_job("acme", "ada", &text)).await;
            assert_eq!(answer["outcome"], "published", "{answer}");
            slowest.set(slowest.get().max(began.elapsed()));
            answered.set(answered.get() + 1);
            sent.push(text);
        }
        sent
    });
    pipeline.rotate_key();
    let sweep = run(pipeline, &["enqueue", "rotate", "--json", "--timeout", "180"]);
    let disturbed = async {
        more(&answered, PRODUCERS).await;
        disturb(&answered).await;
        more(&answered, PRODUCERS).await;
        over.set(true);
    };
    let (sent, swept, ()) = tokio::join!(join_all(producers), sweep, disturbed);
    assert!(swept.good, "{}", swept.stderr);
    assert_eq!(swept.json()["counts"]["failed"], 0, "{}", swept.stdout);
    let mut sent = sent.concat();
    let posts = pipeline.sandbox.posts().await;
    let mut posted: Vec<_> = posts.iter().map(|post| post["text"].as_str().unwrap().to_owned()).collect();
    sent.sort_unstable();
    posted.sort_unstable();
    assert_eq!(posted, sent, "every job is one post");
    println!("{} jobs; the one that waited longest: {:.1?}", sent.len(), slowest.get());
}

/// Waits for so many more.
async fn more(answered: &Cell<usize>, number: usize) {
    let before = answered.get();
    until("more jobs are answered", LONG, async || answered.get() >= before + number).await;
}
