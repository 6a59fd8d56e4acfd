//! `sealpost top`.

use sealpost_tests::command::{Said, begin, end, run};
use sealpost_tests::machine::binaries;
use sealpost_tests::pipeline::{SOON, publish_job, rotation_tick};
use sealpost_tests::{Pipeline, Setup, Worker, until};
use serde_json::{Value, json};

use super::terminal::Terminal;

fn address(worker: &Worker) -> String {
    format!("http://{}/metrics", worker.operations())
}

/// What is seen once, with the metrics of these workers.
async fn top(pipeline: &Pipeline, workers: &[String], more: &[&str]) -> Said {
    let metrics = workers.iter().flat_map(|worker| ["--metrics", worker.as_str()]);
    let args = ["top", "--once", "--interval", "0.2"].into_iter().chain(metrics).chain(more.iter().copied());
    run(pipeline, &args.collect::<Vec<_>>()).await
}

/// The object of a list whose field is this.
fn of(list: &Value, field: &str, is: &str) -> Value {
    let found = list.as_array().unwrap().iter().find(|item| item[field] == is);
    found.cloned().unwrap_or_else(|| panic!("no {field} {is} in {list}"))
}

#[tokio::test]
async fn jobs_that_are_published_are_seen_in_queues_outcomes_and_providers() {
    let pipeline = Pipeline::start_with(Setup { shards: 4, ..Setup::default() }).await;
    let (one, other) = (pipeline.worker().await, pipeline.worker().await);
    pipeline.connect("ada").await;
    let addresses = [address(&one), address(&other)];
    let seen = until("jobs are published between two looks", SOON, async || {
        let metrics = ["--metrics", &addresses[0], "--metrics", &addresses[1]];
        let args = [&["top", "--once", "--json", "--interval", "1"][..], &metrics].concat();
        let mut looks = Box::pin(end(begin(&pipeline, &args, &[], "").await));
        let said = loop {
            let publishes = async { pipeline.ask("publish-job.v1", &publish_job("acme", "ada", "again")).await };
            tokio::select! { said = &mut looks => break said, _ = publishes => {} }
        };
        let seen = said.json();
        let out = of(&seen["queues"], "queue", "publish-jobs")["out_per_second"].as_f64();
        (out > Some(0.0)).then_some(seen)
    })
    .await;
    let queue = of(&seen["queues"], "queue", "publish-jobs");
    assert_eq!((&queue["consumers"], &queue["retries"]), (&json!(2), &json!(0)), "{queue}");
    assert!(queue["in_per_second"].is_number() && queue["waited_seconds"].is_number(), "{queue}");
    let published = of(&seen["outcomes"], "outcome", "publish.published");
    assert!(published["per_second"].as_f64() > Some(0.0) && published["queue"] == "publish-jobs", "{published}");
    let practice = of(&seen["providers"], "provider", "practice");
    assert!(
        practice["calls_per_second"].as_f64() > Some(0.0) && practice["seconds"].as_f64() > Some(0.0),
        "{practice}"
    );
    assert_eq!((&practice["errors"], &seen["problems"]), (&json!(0), &json!([])));

    // the counts of both workers are one sum
    let counted = async |worker: &Worker| worker.metric("sealpost_jobs_total", &["publish.published"]).await;
    let all = until("every job is acked", SOON, async || {
        let nobody_waits = pipeline.rig.broker.ready("publish-jobs").await == Some(0);
        let page =
            [one.metric("sealpost_jobs_in_flight", &[]).await, other.metric("sealpost_jobs_in_flight", &[]).await];
        // a message is counted before it is in flight no more
        (nobody_waits && page == [0, 0]).then_some(counted(&one).await + counted(&other).await)
    })
    .await;
    let said = top(&pipeline, &addresses, &[]).await;
    assert!(said.good, "{}", said.stderr);
    assert!(said.stdout.contains("2 of 2 workers answer"), "{}", said.stdout);
    for row in [&["publish.published", &all.to_string()][..], &["publish-jobs", " 2 ", "0"], &["practice", "–"]] {
        assert!(said.row(row).is_some(), "{row:?}: {}", said.stdout);
    }
}

#[tokio::test]
async fn a_worker_that_does_not_answer_is_told_and_what_waits_is_seen() {
    let pipeline = Pipeline::start_with(Setup { shards: 4, ..Setup::default() }).await;
    let (stays, goes) = (pipeline.worker_with(&["exchange"], &[]).await, pipeline.worker().await);
    let addresses = [address(&stays), address(&goes)];
    goes.kill9().await;
    pipeline.send("publish-job.v1", &publish_job("acme", "ada", "waits")).await;
    pipeline.rig.broker.publish_raw("dead-letters", b"{}", lapin::BasicProperties::default()).await;
    let said = top(&pipeline, &addresses, &["--json"]).await;
    assert!(said.good, "the others are seen: {}", said.stderr);
    let seen = said.json();
    assert_eq!(of(&seen["workers"], "address", &addresses[0])["problem"], Value::Null);
    let silent = of(&seen["workers"], "address", &addresses[1]);
    assert!(silent["problem"].as_str().unwrap().contains("could not be reached"), "{silent}");
    let queue = of(&seen["queues"], "queue", "publish-jobs");
    assert_eq!(
        (&queue["ready"], &queue["consumers"], &seen["dead_letters"]),
        (&json!(1), &json!(0), &json!(1)),
        "{queue}"
    );
    let said = top(&pipeline, &addresses, &[]).await;
    let told = format!("{} is not answering", addresses[1]);
    assert!(said.stdout.contains("1 of 2 workers answer") && said.stdout.contains(&told), "{}", said.stdout);
    // port 0 of its ops.listen names none
    let said = top(&pipeline, &[], &["--json"]).await.json();
    let queue = of(&said["queues"], "queue", "publish-jobs");
    assert_eq!((&said["workers"], &queue["ready"], &queue["out_per_second"]), (&json!([]), &json!(1), &Value::Null));
}

#[tokio::test]
async fn the_progress_of_a_sweep_is_seen() {
    let pipeline = Pipeline::start_with(Setup { shards: 4, ..Setup::default() }).await;
    pipeline.seed(20).await;
    let (old, new) = (pipeline.newest_version().await, pipeline.rotate_key());
    // its shards wait for a worker
    let fans_out = pipeline.worker_with(&["rotate"], &[]).await;
    let tick = rotation_tick();
    pipeline.send("rotation-tick.v1", &tick).await;
    fans_out.measured("sealpost_jobs_total", &["rotation-ticks", "fanned-out"], 1).await;
    let seen = async || top(&pipeline, &[], &["--json"]).await.json()["sweep"].clone();
    let sweep = seen().await;
    assert_eq!((&sweep["older"], &sweep["records_per_second"]), (&json!(20), &Value::Null), "{sweep}");
    let rotation = &sweep["rotations"][0];
    assert_eq!((&rotation["tick"], &rotation["percent"]), (&tick["id"], &json!(0)), "{rotation}");
    assert_eq!((&rotation["shards_done"], &rotation["shards"]), (&json!(0), &json!(4)), "{rotation}");
    let version = of(&sweep["versions"], "version", old.as_str());
    assert_eq!((&version["held"], &version["latest"], &version["key"]), (&json!(20), &json!(false), &json!("tokens")));
    let said = top(&pipeline, &[], &[]).await;
    assert!(said.stdout.contains("0 under the latest key, 20 under older; a rotation runs"), "{}", said.stdout);

    let _worker = pipeline.worker().await;
    let sweep = until("it has ended", SOON, async || {
        let sweep = seen().await;
        (!sweep["rotations"][0]["ended"].is_null()).then_some(sweep)
    })
    .await;
    let version = of(&sweep["versions"], "version", new.as_str());
    assert_eq!((&sweep["older"], &version["held"], &version["latest"]), (&json!(0), &json!(20), &json!(true)));
}

#[tokio::test]
async fn servers_that_are_away_are_told_without_their_passwords_and_the_rest_is_seen() {
    let pipeline = Pipeline::start_with(Setup { shards: 4, ..Setup::default() }).await;
    let worker = pipeline.worker().await;
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    pipeline.write("broker.url", &format!("amqp://guest:hunter2@127.0.0.1:{closed}"));
    let secret = |said: &Said| format!("{}{}", said.stdout, said.stderr).contains("hunter2");
    let said = top(&pipeline, &[address(&worker)], &["--json"]).await;
    assert!(!said.good && !secret(&said) && said.stderr.contains(&format!("127.0.0.1:{closed}")), "{}", said.stderr);
    let seen = said.json();
    assert_eq!((&seen["queues"][0]["ready"], &seen["queues"][0]["unacked"]), (&Value::Null, &json!(0)), "{seen}");
    assert!(seen["sweep"].is_object() && seen["problems"].as_array().unwrap().len() == 1, "{seen}");
    pipeline.write("redis.url", &format!("redis://:hunter2@127.0.0.1:{closed}"));
    let said = top(&pipeline, &[address(&worker)], &["--json"]).await;
    assert!(!said.good && !secret(&said) && said.json()["sweep"].is_null(), "{}", said.stdout);
    let said = top(&pipeline, &[format!("http://ops:hunter2@127.0.0.1:{closed}/")], &[]).await;
    assert!(!said.good && !secret(&said) && said.stderr.contains("no user and no password"), "{}", said.stderr);
}

#[tokio::test]
async fn looking_at_an_empty_broker_makes_no_queue() {
    let pipeline = Pipeline::start().await;
    let said = top(&pipeline, &[], &["--json"]).await;
    let queue = of(&said.json()["queues"], "queue", "publish-jobs");
    assert_eq!((said.good, &queue["ready"]), (true, &Value::Null), "{}", said.stdout);
    assert_eq!(pipeline.rig.broker.ready("publish-jobs").await, None, "no queue was made");
}

#[tokio::test]
async fn what_is_no_terminal_is_told_of_once() {
    let pipeline = Pipeline::start().await;
    let said = run(&pipeline, &["top"]).await;
    assert!(!said.good && said.stdout.is_empty() && said.stderr.contains("no terminal"), "{}", said.stderr);
    assert!(said.stderr.contains("--once"), "{}", said.stderr);
}

#[tokio::test]
async fn every_way_to_leave_gives_the_terminal_back() {
    let pipeline = Pipeline::start_with(Setup { shards: 4, ..Setup::default() }).await;
    let worker = pipeline.worker().await;
    let top = format!("{} top --interval 0.2 --metrics {}", binaries().sealpost.display(), address(&worker));
    for key in ["q", "\u{1b}", "\u{3}"] {
        let line = format!("stty cols 80 rows 24; stty -g; {top}; echo ended $?; stty -g");
        let mut terminal = Terminal::begin(&pipeline, &line);
        terminal.shows("publish-jobs").await;
        assert!(!terminal.shown().contains("\u{1b}[?1049l"), "it is still there");
        terminal.types(key).await;
        let shown = terminal.ended().await;
        let (on, off) = shown.split_once("\u{1b}[?1049l").unwrap_or_else(|| panic!("{key:?}: {shown}"));
        assert!(
            on.contains("\u{1b}[?1049h") && off.contains("\u{1b}[?25h") && off.contains("ended 0"),
            "{key:?}: {shown}"
        );
        let lines: Vec<_> = shown.lines().map(str::trim_end).collect();
        assert_eq!(lines.first(), lines.last(), "{key:?}: the settings of the terminal are what they were");
    }
}
