//! A request whose answer was lost: never a guess, and never a second post.

use sealpost_schemas::{PublishJob, PublishOutcome, PublishResult, Remote};
use sealpost_shared::ids;
use sealpost_shared::ledger::{Standing, Turn};
use sealpost_shared::records::Outcome;
use sealpost_tests::pipeline::{SOON, exchange_request, publish_job};
use sealpost_tests::{Pipeline, until};
use serde_json::{Value, json};

use super::world::{Entry, ledger, owner, pipeline};

/// Has the answer to a post lost, after the provider did it or before, and returns what the producer is told.
async fn lost(pipeline: &Pipeline, job: &Value, when: &str) -> Value {
    pipeline.connect("ada").await;
    pipeline.sandbox.fault(json!({"path": "/api/posts", "method": "POST", "kind": "drop", "when": when})).await;
    pipeline.ask("publish-job.v1", job).await
}

#[tokio::test]
async fn at_a_plain_provider_it_is_unknown_and_stays_so() {
    for (when, posts) in [("before", 0), ("after", 1)] {
        let pipeline = pipeline(Entry::Plain, None).await;
        let _worker = pipeline.worker().await;
        let job = publish_job("acme", "ada", "gone");
        let first = lost(&pipeline, &job, when).await;
        assert_eq!((&first["outcome"], &first["failure"]["code"]), (&"unknown".into(), &"outcome-unknown".into()));
        assert_eq!(pipeline.ask("publish-job.v1", &job).await["outcome"], "unknown");
        assert_eq!(pipeline.sandbox.posts().await.len(), posts, "{when}");
    }
}

#[tokio::test]
async fn under_an_idempotency_key_it_is_repeated_and_posted_once() {
    for (when, second) in [("before", "made"), ("after", "repeated")] {
        let pipeline = pipeline(Entry::Idempotent, None).await;
        let _worker = pipeline.worker().await;
        let answer = lost(&pipeline, &publish_job("acme", "ada", "once"), when).await;
        assert_eq!(answer["outcome"], "published", "{answer}");
        assert_eq!(pipeline.sandbox.stats().await["posts"][second], 1, "{when}");
        assert_eq!(pipeline.sandbox.posts().await.len(), 1, "{when}");
    }
}

#[tokio::test]
async fn a_repeat_after_the_keys_window_proves_nothing_and_is_not_sent() {
    let pipeline = pipeline(Entry::Forgetful, None).await;
    let _worker = pipeline.worker().await;
    let answer = lost(&pipeline, &publish_job("acme", "ada", "gone"), "after").await;
    assert_eq!(answer["outcome"], "unknown", "{answer}");
    assert_eq!(pipeline.sandbox.posts().await.len(), 1);
}

#[tokio::test]
async fn a_refused_repeat_leaves_it_unknown() {
    let pipeline = pipeline(Entry::Idempotent, None).await;
    let _worker = pipeline.worker().await;
    pipeline.connect("ada").await;
    let fault = |kind: &str, when: &str| json!({"path": "/api/posts", "kind": kind, "when": when, "status": 422});
    pipeline.sandbox.fault(fault("drop", "after")).await;
    pipeline.sandbox.fault(fault("status", "before")).await;
    let answer = pipeline.ask("publish-job.v1", &publish_job("acme", "ada", "once")).await;
    assert_eq!(answer["outcome"], "unknown", "{answer}");
    assert_eq!(pipeline.sandbox.posts().await.len(), 1);
}

#[tokio::test]
async fn where_posts_can_be_looked_up_it_is_found_or_sent_anew() {
    for (when, calls) in [("before", json!({"made": 1})), ("after", json!({"made": 1}))] {
        let pipeline = pipeline(Entry::Findable, None).await;
        let _worker = pipeline.worker().await;
        let answer = lost(&pipeline, &publish_job("acme", "ada", "once"), when).await;
        assert_eq!(answer["outcome"], "published", "{answer}");
        assert_eq!(answer["remote"]["id"], "1");
        assert_eq!(pipeline.sandbox.stats().await["posts"], calls, "{when}");
    }
}

#[tokio::test]
async fn a_look_up_whose_access_token_is_refused_is_made_again_with_a_newer_one_and_only_once() {
    for (refusals, outcome) in [(1, "published"), (2, "unknown")] {
        let pipeline = pipeline(Entry::Findable, None).await;
        let _worker = pipeline.worker().await;
        let refused = json!({"path": "/api/posts", "method": "GET", "kind": "status", "status": 401, "n": refusals});
        pipeline.sandbox.fault(refused).await;
        let answer = lost(&pipeline, &publish_job("acme", "ada", "once"), "after").await;
        assert_eq!(answer["outcome"], outcome, "{answer}");
        let stats = pipeline.sandbox.stats().await;
        assert_eq!((&stats["token"]["refresh_token"], pipeline.sandbox.posts().await.len()), (&json!({"ok": 1}), 1));
    }
}

#[tokio::test]
async fn an_operators_word_is_answered_from_then_on_and_cannot_be_said_twice() {
    let pipeline = pipeline(Entry::Plain, None).await;
    let _worker = pipeline.worker().await;
    let job = publish_job("acme", "ada", "gone");
    assert_eq!(lost(&pipeline, &job, "after").await["outcome"], "unknown");
    let (ledger, id) = (ledger(&pipeline).await, job["id"].as_str().unwrap().parse().unwrap());
    let said = PublishResult {
        id: ids::fresh(),
        job: id,
        outcome: PublishOutcome::Failed,
        connection: None,
        remote: None,
        tokens_refreshed: false,
        failure: None,
    };
    let tell = async |outcome| {
        until("nobody is at it", SOON, async || {
            let told = ledger.resolve(&owner(&job), id, outcome, &said).await.map_err(|failure| failure.message);
            told.unwrap().then_some(())
        })
        .await;
    };
    tell(Outcome::Refused).await;
    let other = ledger.resolve(&owner(&job), id, Outcome::Happened, &said).await;
    assert!(!other.map_err(|failure| failure.message).unwrap());
    assert_eq!(pipeline.ask("publish-job.v1", &job).await["outcome"], "failed");
    assert_eq!(pipeline.sandbox.posts().await.len(), 1);
}

#[tokio::test]
async fn a_late_answer_that_contradicts_an_operator_is_told_as_a_conflict() {
    let pipeline = pipeline(Entry::Plain, None).await;
    let body = publish_job("acme", "ada", "late");
    let job: PublishJob = serde_json::from_value(body.clone()).unwrap();
    let ledger = ledger(&pipeline).await;
    let turn = ledger.begin::<_, PublishResult>(&job.owner, job.id, &job).await.unwrap_or_else(|_| panic!("no turn"));
    let Turn::Act(claim) = turn else { panic!("the job is new") };
    let Ok(Some(sending)) = ledger.sending(&claim).await else { panic!("the claim is ours") };
    // its worker stands still, and an operator says that nothing was posted
    let failed = result(&job, PublishOutcome::Failed);
    until("the claim is over", SOON, async || {
        let Ok(Turn::Doubt(doubt)) = ledger.begin::<_, PublishResult>(&job.owner, job.id, &job).await else {
            return false;
        };
        doubt.left.is_zero()
            && ledger.resolve(&job.owner, job.id, Outcome::Refused, &failed).await.is_ok_and(|told| told)
    })
    .await;
    let remote = Remote { id: Some("17".into()), url: None, response: None };
    let posted = PublishResult { remote: Some(remote), ..result(&job, PublishOutcome::Published) };
    let standing = ledger.settle(&sending, Outcome::Happened, &posted).await;
    assert!(matches!(standing, Ok(Standing::Conflict(_))));
    let _worker = pipeline.worker().await;
    let answer = pipeline.ask("publish-job.v1", &body).await;
    assert_eq!((&answer["outcome"], &answer["remote"]["id"]), (&"conflict".into(), &"17".into()), "{answer}");
    assert_eq!(answer["failure"]["code"], "outcome-unknown");
    assert_eq!(pipeline.sandbox.posts().await.len(), 0);
}

fn result(job: &PublishJob, outcome: PublishOutcome) -> PublishResult {
    job.result(ids::fresh(), outcome)
}

#[tokio::test]
async fn a_doubt_is_not_ended_with_another_accounts_token() {
    for entry in [Entry::Idempotent, Entry::Findable] {
        let pipeline = pipeline(entry, None).await;
        let worker = pipeline.worker().await;
        pipeline.connect("ada").await;
        pipeline.sandbox.fault(json!({"path": "/api/posts", "kind": "hang", "when": "after"})).await;
        let asked = pipeline.send("publish-job.v1", &publish_job("acme", "ada", "once")).await;
        until("the request is sent", SOON, async || pipeline.sandbox.stats().await["faults_fired"] == 1).await;
        worker.kill9().await;
        let exchange = pipeline.worker_with(&["exchange"], &[]).await;
        let request = exchange_request("acme", "ada", &pipeline.consent("grace").await);
        assert_eq!(pipeline.ask("exchange-request.v1", &request).await["outcome"], "stored");
        exchange.kill9().await;
        let _other = pipeline.worker().await;
        assert_eq!(pipeline.answer(&asked).await.json()["outcome"], "unknown", "{entry:?}");
        assert_eq!(pipeline.sandbox.posts().await.len(), 1, "{entry:?}");
    }
}
