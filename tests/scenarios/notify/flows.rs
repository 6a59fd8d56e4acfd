//! Every end of a job is told, once an outcome, in the language that the job asks for.

use sealpost_schemas::PublishResult;
use sealpost_shared::records::Outcome;
use sealpost_tests::Setup;
use sealpost_tests::pipeline::{attempt, properties};
use serde_json::{Value, json};

use super::{GATEWAY, LIMIT, PHONE, job, notice, noticed, pipeline, texts, with};

/// Asks for a job, and says how it ended: outcome and code.
async fn ended(pipeline: &sealpost_tests::Pipeline, job: &Value) -> (String, String) {
    let answer = pipeline.ask("publish-job.v1", job).await;
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (word(&answer["outcome"]), word(&answer["failure"]["code"]))
}

fn is(outcome: &str, code: &str) -> (String, String) {
    (outcome.into(), code.into())
}

#[tokio::test]
async fn a_post_is_told_in_the_language_asked_for_and_once_however_often_the_job_is_sent() {
    let pipeline = pipeline("").await;
    let worker = pipeline.worker().await;
    pipeline.connect("ada").await;
    let french = job("Bonjour", "fr-CM");
    for _ in 0..3 {
        assert_eq!(ended(&pipeline, &french).await, is("published", ""));
    }
    noticed(&worker, "sent", 3).await;
    let url = &pipeline.sandbox.posts().await[0]["url"];
    let told = format!("Votre publication sur practice est en ligne. {}", url.as_str().unwrap());
    assert_eq!(texts(&pipeline, 1).await, [told]);
    assert_eq!(ended(&pipeline, &job("Hello", "en")).await, is("published", ""));
    assert!(texts(&pipeline, 2).await[1].starts_with("Your post on practice is online. http"));
    assert_eq!(ended(&pipeline, &job("Hallo", "de")).await, is("published", ""));
    assert!(texts(&pipeline, 3).await[2].starts_with("Your post on practice is online. http"));
    assert_eq!(pipeline.sandbox.stats().await["sms"], json!({"sent": 3}));
    assert_eq!(pipeline.sandbox.posts().await.len(), 3);
}

#[tokio::test]
async fn a_failure_is_told_whether_it_is_the_worlds_or_ours_also_before_any_call() {
    let pipeline = pipeline("").await;
    let _worker = pipeline.worker().await;
    let none = "Your post on practice was not published: please connect your account first.";
    assert_eq!(ended(&pipeline, &job("x", "en")).await, is("failed", "no-connection"));
    assert_eq!(texts(&pipeline, 1).await, [none]);
    pipeline.connect("ada").await;

    // the provider's no
    assert_eq!(ended(&pipeline, &job(" ", "fr")).await, is("failed", "provider-rejected"));
    assert_eq!(texts(&pipeline, 2).await[1], "Votre publication sur practice a échoué (provider-rejected).");
    let mut late = job("x", "fr");
    late["deadline"] = json!("2026-01-01T00:00:00Z");
    assert_eq!(ended(&pipeline, &late).await, is("failed", "deadline-passed"));
    assert_eq!(texts(&pipeline, 3).await[2], "Votre publication sur practice a échoué : le délai est dépassé.");

    // dead letters
    let mut unheard = job("x", "en");
    unheard["provider"] = "unheard-of".into();
    assert_eq!(ended(&pipeline, &unheard).await, is("failed", "unknown-provider"));
    assert_eq!(texts(&pipeline, 4).await[3], "Your post on unheard-of was not published (unknown-provider).");
    pipeline.dead_letter().await;
    pipeline.sandbox.admin(reqwest::Method::POST, "revoke", Some(json!({"user": "ada"}))).await;
    let consent = job("x", "en");
    assert_eq!(ended(&pipeline, &consent).await, is("failed", "needs-consent"));
    assert!(texts(&pipeline, 5).await[4].ends_with("please connect your account again."));
    assert_eq!(pipeline.sandbox.posts().await.len(), 0);
}

#[tokio::test]
async fn a_job_whose_attempts_are_spent_is_a_dead_letter_and_is_told_once() {
    let pipeline = pipeline("").await;
    let worker = pipeline.worker().await;
    pipeline.connect("ada").await;
    pipeline.write("providers.toml", &dead_platform(&pipeline));
    worker.kill9().await;
    let worker = pipeline.worker().await;
    let job = job("x", "en");
    let properties = properties("publish-job.v1", job["id"].as_str().unwrap()).with_headers(attempt(12));
    let body = job.to_string();
    let correlation = pipeline.send_raw("publish-job.v1", body.as_bytes(), properties).await;
    assert_eq!(pipeline.answer(&correlation).await.json()["failure"]["code"], "attempts-exhausted");
    assert_eq!(texts(&pipeline, 1).await, ["Your post on practice was not published (attempts-exhausted)."]);
    assert_eq!(pipeline.dead_letter().await.json()["id"], job["id"]);
    noticed(&worker, "sent", 1).await;
}

/// The catalogue with a publishing API that nobody can reach.
fn dead_platform(pipeline: &sealpost_tests::Pipeline) -> String {
    let file = sealpost_tests::pipeline::text_of(&pipeline.rig.folder().join("providers.toml"));
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    file.replace(&format!("url = '{}/api/posts'", pipeline.sandbox.issuer()), &format!("url = 'http://{nobody}/'"))
}

#[tokio::test]
async fn an_outcome_that_becomes_known_later_is_told_too_and_each_once() {
    let pipeline = pipeline("").await;
    let worker = pipeline.worker().await;
    pipeline.connect("ada").await;
    pipeline.sandbox.fault(json!({"path": "/api/posts", "kind": "tear", "when": "after"})).await;
    let job = job("posted or not", "en");
    for _ in 0..2 {
        assert_eq!(ended(&pipeline, &job).await, is("unknown", "outcome-unknown"));
    }
    noticed(&worker, "sent", 2).await;
    let unknown = "We could not confirm your post on practice. Please look there before you send it again.";
    assert_eq!(texts(&pipeline, 1).await, [unknown]);

    let limit = std::time::Duration::from_secs(LIMIT);
    let (store, keys) = (pipeline.store().await, pipeline.sealing_keys().await);
    let ledger =
        sealpost_shared::ledger::Ledger::new("publish-job", store, keys, sealpost_shared::clock::SystemClock, limit);
    let owner = serde_json::from_value(job["owner"].clone()).unwrap();
    let known: PublishResult = serde_json::from_value(json!({
        "id": sealpost_shared::ids::fresh(), "job": job["id"], "outcome": "published",
    }))
    .unwrap();
    let id = job["id"].as_str().unwrap().parse().unwrap();
    sealpost_tests::until("the claim is over", super::SOON, async || {
        ledger.resolve(&owner, id, Outcome::Happened, &known).await.map_err(|failure| failure.message).unwrap()
    })
    .await;
    for _ in 0..2 {
        assert_eq!(ended(&pipeline, &job).await, is("published", ""));
    }
    noticed(&worker, "sent", 4).await;
    assert_eq!(texts(&pipeline, 2).await, [unknown, "Your post on practice is online."]);
}

#[tokio::test]
async fn who_may_not_act_for_an_owner_has_no_text_sent_on_his_behalf() {
    let users = Some("nobody = ['acme']\n".into());
    let pipeline = with(Setup { users, http_limit: LIMIT, ..Setup::default() }, "").await;
    let worker = pipeline.worker().await;
    assert_eq!(ended(&pipeline, &job("x", "en")).await, is("failed", "not-allowed"));
    let mine = notice("en", "published");
    pipeline.send("notice.v1", &mine).await;
    for _ in 0..2 {
        assert_eq!(pipeline.dead_letter().await.header("sealpost-code").as_deref(), Some("not-allowed"));
    }
    worker.measured("sealpost_jobs_total", &["dead-lettered"], 2).await;
    assert_eq!(pipeline.sandbox.messages().await, Vec::<Value>::new());
    assert_eq!(pipeline.rig.broker.depth("notices").await, 0);
}

#[tokio::test]
async fn going_online_is_asked_for_only_where_tokens_were_refreshed_and_every_text_is_one_message() {
    let pipeline = pipeline("").await;
    let worker = pipeline.worker().await;
    let mut count = 0;
    for (language, outcome) in [("en", "failed"), ("fr", "unknown"), ("fr", "published"), ("en", "conflict")] {
        let mut notice = notice(language, outcome);
        notice["provider"] = "x".repeat(64).into();
        notice["url"] = format!("https://a.example/{}", "€{}[]é".repeat(20)).into();
        notice["code"] = "provider-answer-unreadable".into();
        let more = if language == "en" { " Go online to get new tokens." } else { " pour obtenir de nouveaux jetons." };
        for refreshed in [false, true] {
            notice["id"] = json!(sealpost_shared::ids::fresh());
            notice["tokens_refreshed"] = refreshed.into();
            pipeline.send("notice.v1", &notice).await;
            count += 1;
            let text = texts(&pipeline, count).await.pop().unwrap();
            assert_eq!(text.ends_with(more), refreshed, "{text}");
        }
    }
    noticed(&worker, "sent", 8).await;
    assert_eq!(
        pipeline.sandbox.stats().await["sms"],
        json!({"sent": 8}),
        "none was refused as too long, or as Unicode"
    );
}

#[tokio::test]
async fn a_phone_that_is_none_is_a_job_that_cannot_be_read_and_its_number_is_not_repeated() {
    let pipeline = pipeline("").await;
    let worker = pipeline.worker().await;
    for (phone, language, names) in [
        (json!("0650111222"), "fr", "notify.phone: must be a telephone number as of E.164"),
        (json!("+237 650 111 222"), "fr", "notify.phone: must be"),
        (json!(237_650_111_222_u64), "fr", "notify.phone: expected a string"),
        (json!(PHONE), "français", "notify.language: must be a language tag"),
    ] {
        let mut job = job("x", "fr");
        job["notify"] = json!({"phone": phone, "language": language});
        assert_eq!(ended(&pipeline, &job).await, is("failed", "malformed-message"));
        let reason = pipeline.dead_letter().await.header("sealpost-reason").unwrap();
        assert!(reason.starts_with(names), "{reason}");
        // no shorter part: ids have such digits too
        let told = ["650111", "650 111", &PHONE[1..]].into_iter().find(|part| reason.contains(part));
        assert!(told.is_none() && !worker.log().contains("650111222"), "{reason}");
    }
    assert_eq!(pipeline.sandbox.stats().await["sms"], json!({}), "{GATEWAY} was asked");
}

#[tokio::test]
async fn a_job_that_is_posted_does_not_fail_since_the_broker_did_not_take_its_notice() {
    let pipeline = pipeline("").await;
    let worker = pipeline.worker_with(&["publish", "exchange"], &[]).await;
    pipeline.connect("ada").await;
    let vhost = pipeline.rig.amqp_url().rsplit('/').next().unwrap().to_owned();
    let queue = format!("/api/queues/{vhost}/notices");
    pipeline.rig.broker.manage(reqwest::Method::DELETE, &queue, None).await;
    // its last attempt
    let job = job("x", "en");
    let properties = properties("publish-job.v1", job["id"].as_str().unwrap()).with_headers(attempt(12));
    let correlation = pipeline.send_raw("publish-job.v1", job.to_string().as_bytes(), properties).await;
    worker.measured("sealpost_jobs_total", &["queue=\"publish-jobs\"", "deferred"], 1).await;
    assert_eq!(worker.metric("sealpost_publishes_total", &["follow-up", "unroutable"]).await, 1);
    // somebody declares it anew
    let _other = pipeline.worker_with(&["notify"], &[]).await;
    assert_eq!(pipeline.answer(&correlation).await.json()["outcome"], "published");
    assert!(texts(&pipeline, 1).await[0].starts_with("Your post on practice is online."));
    assert_eq!(pipeline.sandbox.posts().await.len(), 1);
    assert!(pipeline.events("publish.failed").await.is_empty());
}
