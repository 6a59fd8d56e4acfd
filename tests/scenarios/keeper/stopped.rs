//! A worker that is stopped at each point of a refresh until its lease is over and another worker has had its turn, and
//! goes on then. The run prints what became of each, and every line of the table is asserted.

use std::fmt::Write;

use futures_util::{StreamExt, stream};
use sealpost_tests::{
    Setup,
    breakpoint::{Breakpoint, Side, Then},
    pipeline::publish_job,
};
use serde_json::{Value, json};

use super::processes::expired;

/// A line: the command to Redis at which it is stopped, and whether the connection works in the end.
type Line = (&'static str, u32, Side, bool);

const TABLE: [Line; 12] = [
    ("first read", 2, Side::Before, true),
    ("first read", 2, Side::After, true),
    ("take the lease", 3, Side::Before, true),
    ("take the lease", 3, Side::After, true),
    ("read again", 4, Side::Before, true),
    ("read again", 4, Side::After, true),
    ("marker", 5, Side::Before, true),
    ("marker", 5, Side::After, true),
    // the one place where the answer is in the hand of who stands still: the other one spends the token again, and the
    // provider ends the family
    ("save", 6, Side::Before, false),
    ("save", 6, Side::After, true),
    ("give back", 7, Side::Before, true),
    ("give back", 7, Side::After, true),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wherever_a_worker_stands_still_past_its_lease_the_connection_works_or_says_why_not() {
    let became: Vec<_> =
        stream::iter(TABLE).map(|(_, command, side, _)| stopped(command, side)).buffered(4).collect().await;
    let (mut table, mut wrong) = (String::new(), Vec::new());
    for ((name, _, side, works), (told, reuses)) in TABLE.into_iter().zip(became) {
        let [others, own, last] = &told;
        writeln!(table, "{name:16} {side:7?} the other's {others:20} its own {own:20} the next {last}").unwrap();
        let good = if works {
            told == ["published"; 3] && reuses == 0
        } else {
            // who goes on saves what it held, and only a refused refresh shows that the family has ended
            let says = |word: &String| ["refresh-outcome-lost", "needs-consent"].contains(&word.as_str());
            others == "refresh-outcome-lost" && says(own) && says(last) && reuses > 0
        };
        if !good {
            wrong.push(format!("{name} {side:?}: {told:?}, {reuses} times a spent token"));
        }
    }
    println!("{table}");
    assert!(wrong.is_empty(), "{wrong:#?}\n{table}");
}

/// Stops a worker there; what became of the other's job, of its own and of one after both, and how often a spent token was
/// sent again.
async fn stopped(command: u32, side: Side) -> ([String; 3], u64) {
    let (pipeline, first) = expired(1, Setup { http_limit: 2, ..Setup::default() }).await;
    // so that Redis knows all the scripts
    pipeline.connect("grace").await;
    pipeline.sandbox.admin(reqwest::Method::POST, "expire", Some(json!({"user": "grace"}))).await;
    assert_eq!(pipeline.ask("publish-job.v1", &publish_job("acme", "grace", "first")).await["outcome"], "published");
    first[0].terminate();
    first[0].ended().await;

    let way = Breakpoint::to_port(pipeline.rig.redis.port(), side, Then::Hold).await;
    pipeline.write("redis.url", &way.url());
    let victim = pipeline.worker_with(&["publish"], &[]).await;
    way.arm(command);
    let own = pipeline.send("publish-job.v1", &publish_job("acme", "ada", "the stopped one's")).await;
    way.reached().await;
    victim.stop().await;
    pipeline.write("redis.url", &pipeline.rig.redis_url());
    let _other = pipeline.worker_with(&["publish"], &[]).await;
    let others = pipeline.ask("publish-job.v1", &publish_job("acme", "ada", "the other's")).await;
    victim.go_on();
    way.let_go();
    let own = pipeline.answer(&own).await.json();
    let last = pipeline.ask("publish-job.v1", &publish_job("acme", "ada", "the last")).await;
    let word = |answer: Value| {
        let code = answer["failure"]["code"].as_str();
        code.or(answer["outcome"].as_str()).unwrap().to_owned()
    };
    let reuses = pipeline.sandbox.stats().await["refresh_reuses"].as_u64().unwrap();
    ([others, own, last].map(word), reuses)
}
