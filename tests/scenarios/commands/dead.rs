//! `sealpost dead`.

use jiff::{SignedDuration, Timestamp};
use sealpost_schemas::Code;
use sealpost_shared::clock::{Clock, SystemClock};
use sealpost_tests::Pipeline;
use sealpost_tests::command::run;
use sealpost_tests::pipeline::{SOON, exchange_request, properties, publish_job};
use serde_json::json;

use super::world::{broker, message, put_aside};

const JOBS: &str = "publish-jobs";
const REQUESTS: &str = "exchange-requests";

fn days_ago(days: i64) -> Timestamp {
    SystemClock.now() - SignedDuration::from_hours(24 * days)
}

#[tokio::test]
async fn dead_letters_are_told_by_code_and_queue_and_one_by_one_and_stay() {
    let pipeline = Pipeline::start().await;
    let said = run(&pipeline, &["dead", "list"]).await;
    assert!(said.good && said.stdout.contains("no dead letters"), "{}{}", said.stdout, said.stderr);
    let broker = broker(&pipeline).await;
    let (old, new) = (days_ago(3), days_ago(1));
    put_aside(&broker, &[(JOBS, "a", Code::NotSupported), (REQUESTS, "b", Code::UnknownProvider)], old).await;
    put_aside(&broker, &[(JOBS, "c", Code::NotSupported)], new).await;

    let said = run(&pipeline, &["dead", "list"]).await;
    assert!(said.good, "{}", said.stderr);
    assert!(said.row(&["not-supported", JOBS, " 2 ", "is not done by this version"]).is_some(), "{}", said.stdout);
    assert!(said.row(&["unknown-provider", REQUESTS, " 1 "]).is_some(), "{}", said.stdout);
    let groups = run(&pipeline, &["dead", "list", "--json", "--code", "not-supported"]).await.json();
    let group = json!({"code": "not-supported", "queue": JOBS, "count": 2, "oldest": old, "newest": new});
    assert_eq!(groups, json!({"total": 2, "groups": [group]}));

    let said = run(&pipeline, &["dead", "list", "--each", "--limit", "2"]).await;
    assert!(said.row(&["a", JOBS, "not-supported"]).is_some(), "{}", said.stdout);
    assert!(said.stdout.contains("and 1 newer ones"), "{}", said.stdout);
    for _ in 0..25 {
        let each = run(&pipeline, &["dead", "list", "--each", "--json"]).await.json_lines();
        let ids: Vec<_> = each.iter().map(|letter| letter["id"].as_str().unwrap()).collect();
        assert_eq!(ids, ["a", "b", "c"], "looking at them leaves them where they are");
        assert_eq!((&each[0]["attempt"], &each[0]["bytes"], &each[0]["at"]), (&json!(3), &json!(2), &json!(old)));
    }
    let each = run(&pipeline, &["dead", "list", "--each", "--json", "--queue", REQUESTS]).await.json_lines();
    assert_eq!((each.len(), &each[0]["id"]), (1, &json!("b")));
}

#[tokio::test]
async fn however_often_and_however_far_one_looks_the_oldest_come_first() {
    let pipeline = Pipeline::start().await;
    let broker = broker(&pipeline).await;
    let ids: Vec<_> = (10..22).map(|number| format!("letter-{number}")).collect();
    for id in &ids {
        put_aside(&broker, &[(JOBS, id, Code::NotSupported)], days_ago(1)).await;
    }
    for limit in ["3", "20", "1", "5"] {
        let each = run(&pipeline, &["dead", "list", "--each", "--json", "--limit", limit]).await.json_lines();
        let seen: Vec<_> = each.iter().map(|letter| letter["id"].as_str().unwrap()).collect();
        assert_eq!(seen, ids[..seen.len()]);
    }
    let each = run(&pipeline, &["dead", "list", "--each", "--json"]).await.json_lines();
    assert!(each.iter().map(|letter| letter["id"].as_str().unwrap()).eq(&ids));
    assert!(run(&pipeline, &["dead", "replay", "letter-12", "letter-15"]).await.good);
    let left: Vec<_> = broker.dead_letters(20).await.unwrap().into_iter().map(|letter| letter.name()).collect();
    let others: Vec<_> = ids.into_iter().filter(|id| id != "letter-12" && id != "letter-15").collect();
    assert_eq!(left, others);
}

#[tokio::test]
async fn a_dead_letter_is_shown_with_its_headers_and_without_its_secrets() {
    let pipeline = Pipeline::start().await;
    let _worker = pipeline.worker_with(&["exchange"], &[]).await;
    let mut request = exchange_request("acme", "ada", &pipeline.consent("ada").await);
    request["grant"]["redirect_uri"] = json!(5);
    request["grant"]["refresh_token"] = json!("spr_in-the-wrong-place");
    let id = request["id"].as_str().unwrap();
    pipeline.send("exchange-request.v1", &request).await;
    pipeline.event("job.dead-lettered").await;

    let said = run(&pipeline, &["dead", "show", id]).await;
    assert!(said.good, "{}", said.stderr);
    for part in ["malformed-message", "grant.redirect_uri", "exchange-requests", "\"ada\"", "(masked)", "answers"] {
        assert!(said.stdout.contains(part), "{part} is not in\n{}", said.stdout);
    }
    let shown = run(&pipeline, &["dead", "show", id, "--json"]).await.json();
    assert_eq!((&shown["code"], &shown["body"]["owner"]["user"]), (&json!("malformed-message"), &json!("ada")));
    assert_eq!((&shown["body"]["grant"]["code"], &shown["body"]["id"]), (&json!("(masked)"), &json!(id)));
    let said = run(&pipeline, &["dead", "show", "nothing"]).await;
    assert!(!said.good && said.stderr.contains("no dead letter has the id \"nothing\""), "{}", said.stderr);
}

#[tokio::test]
async fn of_a_body_that_cannot_be_decoded_only_size_and_digest_are_shown() {
    let pipeline = Pipeline::start().await;
    let _worker = pipeline.worker_with(&["publish"], &[]).await;
    let body = b"{\"access_token\": \"spa_cut off";
    let without_id = properties("publish-job.v1", "x").with_message_id("".into());
    pipeline.send_raw("publish-job.v1", body, without_id).await;
    pipeline.event("job.dead-lettered").await;
    let [letter] = broker(&pipeline).await.dead_letters(9).await.unwrap().try_into().unwrap();
    let (name, digest) = (letter.name(), letter.digest());
    let said = run(&pipeline, &["dead", "show", &name]).await;
    assert!(said.good, "{}", said.stderr);
    assert!(said.stdout.contains(&format!("{} bytes", body.len())) && said.stdout.contains(&digest), "{}", said.stdout);
    assert!(said.stdout.contains("not shown"), "{}", said.stdout);
    let shown = run(&pipeline, &["dead", "show", &name, "--json"]).await.json();
    assert_eq!((&shown["body"], &shown["sha256"]), (&json!(null), &json!(digest)));
}

#[tokio::test]
async fn what_is_replayed_is_chosen_by_id_by_code_or_all_and_tried_without_doing_it() {
    let pipeline = Pipeline::start().await;
    let broker = broker(&pipeline).await;
    let letters = [
        (JOBS, "a", Code::NotSupported),
        (REQUESTS, "b", Code::UnknownProvider),
        (JOBS, "c", Code::NotSupported),
        (JOBS, "d", Code::StepPanicked),
    ];
    put_aside(&broker, &letters, days_ago(1)).await;
    let depths = async || (pipeline.rig.broker.depth(JOBS).await, pipeline.rig.broker.depth("dead-letters").await);

    let said = run(&pipeline, &["dead", "replay"]).await;
    assert!(!said.good && said.stderr.contains("say which dead letters"), "{}", said.stderr);
    let said = run(&pipeline, &["dead", "replay", "--all", "--dry-run"]).await;
    assert!(said.good && said.stdout.contains("4 would be replayed"), "{}{}", said.stdout, said.stderr);
    let has = |line: &str, words: &[&str]| words.iter().all(|word| line.contains(word));
    for words in [["not-supported", JOBS, " 2 "], ["unknown-provider", REQUESTS, " 1 "], ["step-panicked", JOBS, " 1 "]]
    {
        assert!(said.stdout.lines().any(|line| has(line, &words)), "{words:?} in {}", said.stdout);
    }
    assert_eq!(depths().await, (0, 4));
    let said = run(&pipeline, &["dead", "replay", "a", "nothing"]).await;
    assert!(!said.good && said.stderr.contains("not among the dead letters: nothing"), "{}", said.stderr);
    assert!(said.stdout.contains("1 replayed"), "{}", said.stdout);
    assert_eq!(depths().await, (1, 3));
    let said = run(&pipeline, &["dead", "replay", "--code", "not-supported", "--json"]).await;
    let groups = json!([{"code": "not-supported", "queue": JOBS, "count": 1}]);
    let told =
        json!({"dry_run": false, "replayed": 1, "groups": groups, "refused": [], "missing": [], "problem": null});
    assert_eq!(said.json(), told);
    assert_eq!(depths().await, (2, 2));
    assert!(run(&pipeline, &["dead", "replay", "--all"]).await.good);
    assert_eq!(depths().await, (3, 0));
    assert_eq!(pipeline.rig.broker.next(REQUESTS, SOON).await.header("sealpost-attempt"), None, "a first attempt");
}

#[tokio::test]
async fn what_is_older_than_the_ledger_or_belongs_nowhere_is_not_replayed() {
    let pipeline = Pipeline::start().await;
    let broker = broker(&pipeline).await;
    put_aside(&broker, &[(JOBS, "old", Code::NotSupported)], days_ago(7)).await;
    put_aside(&broker, &[(JOBS, "young", Code::NotSupported)], days_ago(7) + SignedDuration::from_mins(5)).await;
    let stray = sealpost_shared::broker::Outgoing { origin: None, ..message(JOBS, "stray", b"{}") };
    broker.dead_letter(&stray, Code::NotSupported, "of no queue", days_ago(0)).await.unwrap();
    pipeline.rig.broker.publish_raw("dead-letters", b"{}", properties("publish-job.v1", "timeless")).await;
    let said = run(&pipeline, &["dead", "replay", "--all"]).await;
    assert!(!said.good && said.stderr.contains("3 stay where they are"), "{}", said.stderr);
    assert!(said.stdout.contains("1 replayed") && said.row(&["old", "7 days ago"]).is_some(), "{}", said.stdout);
    assert!(said.row(&["stray", "which queue it belongs to"]).is_some(), "{}", said.stdout);
    let said = run(&pipeline, &["dead", "replay", "old", "--json"]).await;
    assert!(!said.good && said.json()["refused"][0]["why"].as_str().unwrap().contains("done twice"), "{}", said.stdout);
    assert_eq!(pipeline.rig.broker.depth("dead-letters").await, 3);
    assert_eq!(pipeline.rig.broker.depth(JOBS).await, 1);
}

#[tokio::test]
async fn what_fails_again_is_not_replayed_for_ever() {
    let pipeline = Pipeline::start().await;
    let _worker = pipeline.worker_with(&["publish"], &[]).await;
    for _ in 0..3 {
        let mut job = publish_job("acme", "ada", "hello");
        job["provider"] = json!("nowhere");
        pipeline.send("publish-job.v1", &job).await;
        pipeline.event("job.dead-lettered").await;
    }
    let said = run(&pipeline, &["dead", "replay", "--code", "unknown-provider"]).await;
    assert!(said.good && said.stdout.contains("3 replayed"), "{}{}", said.stdout, said.stderr);
    for _ in 0..3 {
        pipeline.event("job.dead-lettered").await;
    }
    assert_eq!(run(&pipeline, &["dead", "list", "--json"]).await.json()["total"], 3);
}
