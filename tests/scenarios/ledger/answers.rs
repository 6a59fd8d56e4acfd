//! The same job again, another job under its id, and what is kept of it all.

use sealpost_tests::pipeline::{SOON, publish_job};
use sealpost_tests::until;
use serde_json::json;

use super::world::{Entry, pipeline};

#[tokio::test]
async fn the_same_job_twice_is_posted_once_and_answered_twice() {
    let pipeline = pipeline(Entry::Plain, None).await;
    let _worker = pipeline.worker().await;
    pipeline.connect("ada").await;
    let job = publish_job("acme", "ada", "once");
    let first = pipeline.ask("publish-job.v1", &job).await;
    let second = pipeline.ask("publish-job.v1", &job).await;
    assert_eq!(first["outcome"], "published", "{first}");
    assert_eq!(first, second);
    assert_eq!(pipeline.sandbox.posts().await.len(), 1);
}

#[tokio::test]
async fn a_refused_job_is_answered_again_without_a_request() {
    let pipeline = pipeline(Entry::Plain, None).await;
    let _worker = pipeline.worker().await;
    pipeline.connect("ada").await;
    let job = publish_job("acme", "ada", " ");
    let first = pipeline.ask("publish-job.v1", &job).await;
    let second = pipeline.ask("publish-job.v1", &job).await;
    assert_eq!((&first["outcome"], &first["failure"]["code"]), (&"failed".into(), &"provider-rejected".into()));
    assert_eq!(first, second);
    assert_eq!(pipeline.sandbox.stats().await["posts"], json!({"invalid_text": 1}));
}

#[tokio::test]
async fn a_job_that_failed_for_want_of_consent_is_told_so_again_when_there_is_consent() {
    let pipeline = pipeline(Entry::Plain, None).await;
    let _worker = pipeline.worker().await;
    let unconnected = publish_job("acme", "ada", "too early");
    let first = pipeline.ask("publish-job.v1", &unconnected).await;
    assert_eq!((&first["outcome"], &first["failure"]["code"]), (&"failed".into(), &"no-connection".into()));
    pipeline.connect("ada").await;
    assert_eq!(pipeline.ask("publish-job.v1", &unconnected).await, first);
    // the platform takes neither the token nor a newer one
    pipeline.sandbox.fault(json!({"path": "/api/posts", "kind": "status", "status": 401, "n": 2})).await;
    let refused = publish_job("acme", "ada", "refused");
    let second = pipeline.ask("publish-job.v1", &refused).await;
    assert_eq!((&second["outcome"], &second["failure"]["code"]), (&"failed".into(), &"needs-consent".into()));
    assert_eq!(pipeline.ask("publish-job.v1", &refused).await, second);
    assert_eq!(pipeline.sandbox.posts().await.len(), 0);
    assert_eq!(pipeline.ask("publish-job.v1", &publish_job("acme", "ada", "now")).await["outcome"], "published");
}

#[tokio::test]
async fn an_id_that_comes_with_another_body_is_refused_and_is_free_to_other_owners() {
    let pipeline = pipeline(Entry::Plain, None).await;
    let _worker = pipeline.worker().await;
    pipeline.connect("ada").await;
    pipeline.connect("bob").await;
    let mut job = publish_job("acme", "ada", "one");
    assert_eq!(pipeline.ask("publish-job.v1", &job).await["outcome"], "published");
    job["content"]["text"] = "two".into();
    let refused = pipeline.ask("publish-job.v1", &job).await;
    assert_eq!((&refused["outcome"], &refused["failure"]["code"]), (&"failed".into(), &"id-reused".into()));
    pipeline.dead_letter().await;
    job["owner"]["user"] = "bob".into();
    assert_eq!(pipeline.ask("publish-job.v1", &job).await["outcome"], "published");
    assert_eq!(pipeline.sandbox.posts().await.len(), 2);
}

#[tokio::test]
async fn a_result_rests_sealed_under_the_newest_key_and_tells_nothing() {
    let pipeline = pipeline(Entry::Plain, None).await;
    let _worker = pipeline.worker().await;
    pipeline.connect("grace").await;
    let answer = pipeline.ask("publish-job.v1", &publish_job("acme", "grace", "a private text")).await;
    assert_eq!(answer["outcome"], "published", "{answer}");
    let version = pipeline.newest_version().await;
    assert_eq!(pipeline.held(&version).await, 3, "a record, and the ledgers' results of exchange and job");
    let mut redis = redis::Client::open(pipeline.rig.redis_url()).unwrap().get_connection().unwrap();
    let keys: Vec<String> = redis::cmd("KEYS").arg("*:ledger:*").query(&mut redis).unwrap();
    for key in &keys {
        let entry: Vec<Vec<u8>> = redis::cmd("HGETALL").arg(key).query(&mut redis).unwrap();
        let text = String::from_utf8_lossy(&entry.concat()).into_owned();
        // none of these words is made of hexadecimal digits alone
        for told in ["private", "practice", "grace", "acme", "published", answer["job"].as_str().unwrap()] {
            assert!(!text.contains(told) && !key.contains(told), "{told} in {key}: {text}");
        }
    }
}

#[tokio::test]
async fn a_deadline_does_not_overrule_what_was_sent() {
    let pipeline = pipeline(Entry::Plain, None).await;
    let worker = pipeline.worker().await;
    pipeline.connect("ada").await;
    pipeline.sandbox.fault(json!({"path": "/api/posts", "kind": "hang", "when": "after"})).await;
    let mut job = publish_job("acme", "ada", "sent in time");
    let deadline = jiff::Timestamp::from_second(until_now().as_second() + 4).unwrap();
    job["deadline"] = deadline.to_string().into();
    let correlation = pipeline.send("publish-job.v1", &job).await;
    until("the request is sent", SOON, async || pipeline.sandbox.stats().await["faults_fired"] == 1).await;
    worker.kill9().await;
    until("the deadline is over", SOON, async || until_now() > deadline).await;
    let _other = pipeline.worker().await;
    let answer = pipeline.answer(&correlation).await.json();
    assert_eq!(answer["outcome"], "unknown", "{answer}");
    let mut late = publish_job("acme", "ada", "never begun");
    late["deadline"] = deadline.to_string().into();
    let answer = pipeline.ask("publish-job.v1", &late).await;
    assert_eq!((&answer["outcome"], &answer["failure"]["code"]), (&"failed".into(), &"deadline-passed".into()));
    assert_eq!(pipeline.sandbox.posts().await.len(), 1);
}

fn until_now() -> jiff::Timestamp {
    use sealpost_shared::clock::{Clock, SystemClock};
    SystemClock.now()
}
