//! A worker that is stopped at each point of a refresh until its lease is over and another worker has had its turn, and
//! goes on then. The run prints what became of each, and every line of the table is asserted.

use std::fmt::Write;

use futures_util::{StreamExt, stream};
use sealpost_tests::{
    Pipeline, Setup,
    breakpoint::{Breakpoint, Side, Then},
    pipeline::publish_job,
};
use serde_json::{Value, json};

use super::processes::expired;

/// A line: the command to Redis at which it is stopped.
type Line = (&'static str, u32, Side);

const TABLE: [Line; 12] = [
    ("first read", 2, Side::Before),
    ("first read", 2, Side::After),
    ("take the lease", 3, Side::Before),
    ("take the lease", 3, Side::After),
    ("read again", 4, Side::Before),
    ("read again", 4, Side::After),
    ("marker", 5, Side::Before),
    ("marker", 5, Side::After),
    ("save", 6, Side::Before),
    ("save", 6, Side::After),
    ("give back", 7, Side::Before),
    ("give back", 7, Side::After),
];

/// What became of the other's job, of its own, and of one after both.
pub(super) type Told = [String; 3];

/// Stops a worker at every point, each time in a pipeline of its own (see [`stopped`]), and asserts that all three jobs are
/// published; but where the answer is in the hand of who stands still, and the other one spends the token again, it is
/// one of these words for each.
pub(super) async fn everywhere(one: impl AsyncFn(u32, Side) -> Told, with_the_answer: [&[&str]; 3]) {
    let became: Vec<_> = stream::iter(TABLE).map(|(_, command, side)| one(command, side)).buffered(4).collect().await;
    let (mut table, mut wrong) = (String::new(), Vec::new());
    for ((name, _, side), told) in TABLE.into_iter().zip(became) {
        let [others, own, last] = &told;
        writeln!(table, "{name:16} {side:7?} the other's {others:20} its own {own:20} the next {last}").unwrap();
        let expected = if (name, side) == ("save", Side::Before) { with_the_answer } else { [&["published"][..]; 3] };
        if !told.iter().zip(expected).all(|(word, good)| good.contains(&word.as_str())) {
            wrong.push(format!("{name} {side:?}: {told:?}, not {expected:?}"));
        }
    }
    println!("{table}");
    assert!(wrong.is_empty(), "{wrong:#?}\n{table}");
}

/// Stops a worker there until its lease is over and another had its turn. No worker runs in the pipeline yet, its Redis
/// knows all the scripts, and the access token of the connection of these jobs has expired.
pub(super) async fn stopped(pipeline: &Pipeline, job: impl Fn(&str) -> Value, (command, side): (u32, Side)) -> Told {
    let way = Breakpoint::to_port(pipeline.rig.redis.port(), side, Then::Hold).await;
    pipeline.write("redis.url", &way.url());
    let victim = pipeline.worker_with(&["publish"], &[]).await;
    way.arm(command);
    let own = pipeline.send("publish-job.v1", &job("the stopped one's")).await;
    way.reached().await;
    victim.stop().await;
    pipeline.write("redis.url", &pipeline.rig.redis_url());
    let _other = pipeline.worker_with(&["publish"], &[]).await;
    let others = pipeline.ask("publish-job.v1", &job("the other's")).await;
    victim.go_on();
    way.let_go();
    let own = pipeline.answer(&own).await.json();
    let last = pipeline.ask("publish-job.v1", &job("the last")).await;
    [others, own, last].map(|answer| {
        let code = answer["failure"]["code"].as_str();
        code.or(answer["outcome"].as_str()).unwrap().to_owned()
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wherever_a_worker_stands_still_past_its_lease_the_connection_works_or_says_why_not() {
    let one = async |command, side| {
        let (pipeline, first) = expired(1, Setup { http_limit: 2, ..Setup::default() }).await;
        // so that Redis knows all the scripts
        pipeline.connect("grace").await;
        pipeline.sandbox.admin(reqwest::Method::POST, "expire", Some(json!({"user": "grace"}))).await;
        let job = publish_job("acme", "grace", "first");
        assert_eq!(pipeline.ask("publish-job.v1", &job).await["outcome"], "published");
        first[0].terminate();
        first[0].ended().await;
        let told = stopped(&pipeline, |text| publish_job("acme", "ada", text), (command, side)).await;
        let reuses = pipeline.sandbox.stats().await["refresh_reuses"].as_u64().unwrap();
        assert_eq!(
            reuses > 0,
            (command, side) == (6, Side::Before),
            "{reuses} times a spent token, {command} {side:?}"
        );
        told
    };
    // who goes on saves what it held, and only a refused refresh shows that the family has ended
    let ended: &[&str] = &["refresh-outcome-lost", "needs-consent"];
    everywhere(one, [&["refresh-outcome-lost"], ended, ended]).await;
}
