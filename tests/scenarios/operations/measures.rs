//! `/metrics`.

use std::collections::{BTreeMap, BTreeSet};

use redis::AsyncCommands;
use sealpost_schemas::{Code, queues};
use sealpost_shared::clock::{Clock, SystemClock};
use sealpost_tests::machine::workspace;
use sealpost_tests::pipeline::{SOON, connection, properties, publish_job, rotation_tick};
use sealpost_tests::{Pipeline, Setup, until};

/// Stands wherever a producer may write something.
const CANARY: &str = "a-producers-own-word";

/// The outcomes, kinds and results that are ours.
const WORDS: &[&str] = &[
    "practice",
    "refresh_token",
    "authorization_code",
    "ok",
    "connection.stored",
    "revoked",
    "unsupported",
    "pending",
    "superseded",
    "gave-up",
    "connection.failed",
    "publish.published",
    "publish.failed",
    "publish.unknown",
    "deadline-passed",
    "fanned-out",
    "shard-done",
    "continued",
    "retried",
    "deferred",
    "dead-lettered",
    "given-back",
    "follow-up",
    "delay",
    "dead-letter",
    "reply",
    "event",
    "tick",
    "confirmed",
    "unroutable",
    "refused",
    "not-sent",
    "unconfirmed",
    "lost",
    "own-queue",
    "latest",
    "older",
    "rewrap",
    "refresh",
    "notice",
    "publish",
    "exchange",
    "resealed",
    "refreshed",
    "ended",
    "failed",
    "access",
    "token",
    "find",
    "revoke",
    "cached",
    "fetched",
    "stale",
    "api",
    "rate",
    "breaker",
    "slow",
];

/// Every metric that the code names.
fn named() -> BTreeSet<String> {
    let files = std::fs::read_dir(workspace().join("shared/src/metrics")).unwrap();
    let source: String = files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap()).collect();
    source.split('"').filter(|text| text.starts_with("sealpost_")).map(str::to_owned).collect()
}

/// The rows of `docs/metrics.md`: type, and labels in the order of the alphabet.
pub(super) fn documented() -> BTreeMap<String, (String, Vec<String>)> {
    let text = std::fs::read_to_string(workspace().join("docs/metrics.md")).unwrap();
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `sealpost_"));
    rows.map(|row| {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        let name = format!("sealpost_{}", cells[0].trim_end_matches('`'));
        let mut labels: Vec<_> = cells[2].split('`').skip(1).step_by(2).map(str::to_owned).collect();
        labels.sort();
        (name, (cells[1].to_owned(), labels))
    })
    .collect()
}

/// Each label with all its values on the page.
fn labels(page: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut labels = BTreeMap::<String, BTreeSet<String>>::new();
    for line in page.lines().filter(|line| !line.starts_with('#')) {
        let inside = line.split_once('{').and_then(|(_, rest)| rest.rsplit_once('}')).map_or("", |(inside, _)| inside);
        for pair in inside.split("\",").filter(|pair| !pair.is_empty()) {
            let (label, value) = pair.split_once("=\"").unwrap();
            labels.entry(label.into()).or_default().insert(value.trim_end_matches('"').into());
        }
    }
    labels
}

#[tokio::test]
async fn every_metric_is_there_with_its_help_and_only_with_labels_of_our_own() {
    let pipeline = Pipeline::start_with(Setup { shards: 2, ..Setup::default() }).await;
    let worker = pipeline.worker().await;
    pipeline.connect("ada").await;
    let settings = |seconds: u32| Some(serde_json::json!({"access_ttl": seconds}));
    pipeline.sandbox.admin(reqwest::Method::POST, "settings", settings(1)).await;
    pipeline.connect(CANARY).await;
    pipeline.sandbox.admin(reqwest::Method::POST, "settings", settings(3600)).await;
    let store = pipeline.store().await;
    let record = store.load(&store.locate(&connection("acme", CANARY))).await.unwrap().unwrap();
    let expires = record.metadata.access_expires_at.unwrap();
    until("the access token expires", SOON, async || SystemClock.now() > expires).await;
    let mut job = publish_job("acme", CANARY, CANARY);
    job[CANARY] = CANARY.into();
    pipeline.ask("publish-job.v1", &job).await;
    let odd = properties(CANARY, CANARY).with_reply_to(CANARY.into());
    pipeline.send_raw("publish-job.v1", CANARY.as_bytes(), odd).await;
    pipeline.dead_letter().await;

    let damaged = pipeline.store().await.locate(&connection("acme", "ada"));
    let client = redis::Client::open(pipeline.rig.redis_url()).unwrap();
    let mut redis = client.get_multiplexed_async_connection().await.unwrap();
    let key = format!("{{sp:{:03}}}:record:{}", damaged.shard, damaged.key);
    let _: () = redis.hset(&key, "sealed", vec![1_u8; 200]).await.unwrap();
    pipeline.ask("publish-job.v1", &publish_job("acme", "ada", "x")).await;
    pipeline.rotate_key();
    pipeline.send("rotation-tick.v1", &rotation_tick()).await;
    pipeline.event("rotation.done").await;
    // The last of a message's measures is taken when it is acked.
    until("everything is counted", SOON, async || {
        worker.metric("sealpost_jobs_total", &["rotation-shards", "shard-done"]).await == 2
            && worker.metric("sealpost_jobs_in_flight", &[]).await == 0
    })
    .await;

    let (status, mut page) = worker.page("/metrics").await;
    assert_eq!(status, 200);
    let scheduler = pipeline.scheduler().await;
    scheduler.measured("sealpost_sealed_records", &["version=\"latest\""], 1).await;
    scheduler.measured("sealpost_rotation_ended_timestamp_seconds", &["mode=\"rewrap\""], 1).await;
    page += &scheduler.page("/metrics").await.1;
    let documented = documented();
    assert_eq!(documented.keys().cloned().collect::<BTreeSet<_>>(), named(), "docs/metrics.md names every metric");
    // its keys are in no vault; what is measured there, the scenarios of keys in a vault look at
    for name in named().into_iter().filter(|name| name != "sealpost_vault_fetches_total") {
        let help = page.lines().find_map(|line| line.strip_prefix(&format!("# HELP {name} ")));
        assert!(help.is_some_and(|help| help.ends_with('.')), "{name} has no help: {help:?}");
        let (kind, labels) = &documented[&name];
        assert!(page.contains(&format!("# TYPE {name} {kind}\n")), "{name} is not a {kind}, as documented");
        let sample = |line: &&str| line.strip_prefix(&name).is_some_and(|rest| rest.starts_with(['{', ' ', '_']));
        let samples: Vec<_> = page.lines().filter(sample).collect();
        assert!(!samples.is_empty(), "{name} has no sample");
        let mut found = self::labels(&samples.join("\n"));
        found.remove("le");
        assert_eq!(found.into_keys().collect::<Vec<_>>(), *labels, "the labels of {name}, as documented");
    }
    let labels = labels(&page);
    let names: Vec<_> = labels.keys().map(String::as_str).collect();
    let known = [
        "act", "call", "code", "endpoint", "grant", "kind", "le", "mode", "outcome", "provider", "queue", "reason",
        "result", "token", "version",
    ];
    assert_eq!(names, known);
    for (label, values) in labels.into_iter().filter(|(label, _)| label != "le") {
        for value in values {
            let ours = queues::ALL.contains(&value.as_str())
                || Code::ALL.iter().any(|code| code.as_str() == value)
                || WORDS.contains(&value.as_str());
            assert!(ours, "{label} = {value:?}");
        }
    }
    assert!(!page.contains(CANARY));
    assert_eq!(worker.metric("sealpost_unknown_fields_total", &["publish-jobs"]).await, 1);
    assert_eq!(worker.metric("sealpost_quarantines_total", &[]).await, 1);
}
