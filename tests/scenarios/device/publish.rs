//! Publishing with the tokens that a job brings.

use reqwest::Method;
use sealpost_schemas::Code;
use sealpost_shared::records::State;
use sealpost_tests::Pipeline;
use sealpost_tests::pipeline::{attempt, properties, text_of};
use serde_json::{Value, json};

use super::world::{
    at_rest, calls, code, connected, exchange, expired, job, life, park, pickup, publish, record, tokens, unparked,
};
use crate::notify;

#[tokio::test]
async fn good_tokens_are_used_as_they_are() {
    let pipeline = Pipeline::start().await;
    let _worker = pipeline.worker().await;
    let held = connected(&pipeline, "ada").await;
    let answer = publish(&pipeline, &job("ada", "from the device", &held)).await;
    assert_eq!((&answer["outcome"], &answer["tokens_refreshed"]), (&json!("published"), &json!(false)), "{answer}");
    assert_eq!(calls(&pipeline, "refresh_token").await, Value::Null);
    let posts = pipeline.sandbox.posts().await;
    assert_eq!((posts.len(), &posts[0]["author"]), (1, &json!("ada")), "{posts:?}");
}

#[tokio::test]
async fn three_jobs_of_somebody_offline_make_one_refresh_and_three_posts() {
    let pipeline = Pipeline::start().await;
    let _workers = [pipeline.worker().await, pipeline.worker().await];
    let held = expired(&pipeline, "ada").await;
    let mut sent = Vec::new();
    for text in ["one", "two", "three"] {
        sent.push(pipeline.send("publish-job.v1", &job("ada", text, &held)).await);
    }
    for correlation in &sent {
        let answer = pipeline.answer(correlation).await.json();
        assert_eq!((&answer["outcome"], &answer["tokens_refreshed"]), (&json!("published"), &json!(true)), "{answer}");
    }
    // one that comes later meets the same
    let answer = publish(&pipeline, &job("ada", "four", &held)).await;
    assert_eq!((&answer["outcome"], &answer["tokens_refreshed"]), (&json!("published"), &json!(true)), "{answer}");
    assert_eq!(calls(&pipeline, "refresh_token").await, json!({"ok": 1}));
    assert_eq!(pipeline.sandbox.posts().await.len(), 4);
    assert_eq!(pipeline.events("connection.refreshed").await.len(), 1);
    let park = park(&pipeline, "ada").await.expect("the new tokens wait");
    let refresh = held["refresh_token"].as_str().unwrap().into();
    assert_eq!(park.from, [pipeline.store().await.hash_of(&refresh)]);

    let newer = tokens(&exchange(&pipeline, &pickup("ada", &held)).await);
    let rests = at_rest(&pipeline);
    for set in [&held, &newer] {
        assert!(!rests.contains(set["refresh_token"].as_str().unwrap()));
        assert!(!rests.contains(set["access_token"].as_str().unwrap()));
    }
}

#[tokio::test]
async fn what_the_platform_takes_no_more_is_refreshed_although_it_should_be_good() {
    let pipeline = Pipeline::start().await;
    let _worker = pipeline.worker().await;
    let held = connected(&pipeline, "ada").await;
    pipeline.sandbox.admin(Method::POST, "expire", Some(json!({"user": "ada"}))).await;
    let answer = publish(&pipeline, &job("ada", "again", &held)).await;
    assert_eq!((&answer["outcome"], &answer["tokens_refreshed"]), (&json!("published"), &json!(true)), "{answer}");
    assert_eq!(calls(&pipeline, "refresh_token").await, json!({"ok": 1}));
    let newer = tokens(&exchange(&pipeline, &pickup("ada", &held)).await);
    let answer = publish(&pipeline, &job("ada", "with the newer ones", &newer)).await;
    assert_eq!((&answer["outcome"], &answer["tokens_refreshed"]), (&json!("published"), &json!(false)), "{answer}");
}

#[tokio::test]
async fn a_job_whose_tokens_were_replaced_and_picked_up_calls_nobody() {
    let pipeline = Pipeline::start().await;
    let _worker = pipeline.worker().await;
    let held = expired(&pipeline, "ada").await;
    assert_eq!(publish(&pipeline, &job("ada", "one", &held)).await["outcome"], "published");
    tokens(&exchange(&pipeline, &pickup("ada", &held)).await);
    unparked(&pipeline, "ada").await;
    let before = pipeline.sandbox.admin(Method::GET, "log", None).await;
    let answer = publish(&pipeline, &job("ada", "never", &held)).await;
    assert_eq!((code(&answer), &answer["tokens_refreshed"]), ("tokens-superseded", &json!(false)), "{answer}");
    assert_eq!(pipeline.sandbox.admin(Method::GET, "log", None).await, before);
}

#[tokio::test]
async fn tokens_that_expire_while_they_wait_are_refreshed_too_and_the_device_gets_the_last() {
    let pipeline = Pipeline::start().await;
    let _worker = pipeline.worker().await;
    let held = expired(&pipeline, "ada").await;
    life(&pipeline, 0).await;
    // the platform takes none of these, so that every attempt refreshes
    assert_eq!(code(&publish(&pipeline, &job("ada", "never", &held)).await), "needs-consent");
    let first = park(&pipeline, "ada").await.unwrap();
    life(&pipeline, 3600).await;
    let answer = publish(&pipeline, &job("ada", "at last", &held)).await;
    assert_eq!((&answer["outcome"], &answer["tokens_refreshed"]), (&json!("published"), &json!(true)), "{answer}");
    let last = park(&pipeline, "ada").await.unwrap();
    assert_ne!(first.generation, last.generation);
    assert_eq!(last.from[0], first.from[0], "what the device holds");
    assert_eq!(pipeline.sandbox.stats().await["refresh_reuses"], 0);
    let newest = tokens(&exchange(&pipeline, &pickup("ada", &held)).await);
    let answer = publish(&pipeline, &job("ada", "with the last", &newest)).await;
    assert_eq!((&answer["outcome"], &answer["tokens_refreshed"]), (&json!("published"), &json!(false)), "{answer}");
}

#[tokio::test]
async fn a_provider_that_gives_no_new_refresh_token_leaves_the_old_one_good() {
    let pipeline = Pipeline::start().await;
    let _worker = pipeline.worker().await;
    let held = expired(&pipeline, "ada").await;
    let kept = json!({"path": "/token", "kind": "edit", "when": "after", "set": {"refresh_token": null}});
    pipeline.sandbox.fault(kept).await;
    for text in ["one", "two"] {
        let answer = publish(&pipeline, &job("ada", text, &held)).await;
        assert_eq!((&answer["outcome"], &answer["tokens_refreshed"]), (&json!("published"), &json!(true)), "{answer}");
    }
    assert_eq!(calls(&pipeline, "refresh_token").await, json!({"ok": 1}));
    let newer = tokens(&exchange(&pipeline, &pickup("ada", &held)).await);
    assert_eq!(newer["refresh_token"], held["refresh_token"]);
    assert_ne!(newer["access_token"], held["access_token"]);
}

#[tokio::test]
async fn expired_tokens_without_a_refresh_token_need_consent_and_no_call() {
    let pipeline = Pipeline::start().await;
    let _worker = pipeline.worker().await;
    let held = expired(&pipeline, "ada").await;
    let mut job = job("ada", "never", &held);
    job["device_tokens"].as_object_mut().unwrap().remove("refresh_token");
    let before = pipeline.sandbox.admin(Method::GET, "log", None).await;
    assert_eq!(code(&publish(&pipeline, &job).await), "needs-consent");
    assert_eq!(pipeline.sandbox.admin(Method::GET, "log", None).await, before);
    // that is the job's lack, not the connection's end
    assert_eq!(record(&pipeline, "ada").await.unwrap().metadata.standing.state, State::Active);
}

#[tokio::test]
async fn a_refresh_token_that_is_no_good_any_more_ends_the_connection_and_is_told_once() {
    let pipeline = Pipeline::start().await;
    let _worker = pipeline.worker().await;
    let held = expired(&pipeline, "ada").await;
    pipeline.sandbox.admin(Method::POST, "revoke", Some(json!({"user": "ada"}))).await;
    for text in ["one", "two"] {
        let answer = publish(&pipeline, &job("ada", text, &held)).await;
        assert_eq!((code(&answer), &answer["tokens_refreshed"]), ("needs-consent", &json!(false)), "{answer}");
    }
    let standing = record(&pipeline, "ada").await.unwrap().metadata.standing;
    assert_eq!((standing.state, standing.code), (State::NeedsConsent, Some(Code::InvalidGrant)));
    assert_eq!(pipeline.events("connection.needs-consent").await.len(), 1);
    assert_eq!(calls(&pipeline, "refresh_token").await, json!({"invalid_grant": 1}));
}

#[tokio::test]
async fn a_post_that_fails_after_a_refresh_reports_the_refresh_all_the_same() {
    let pipeline = Pipeline::start().await;
    let _worker = pipeline.worker().await;
    // refused by the platform
    let held = expired(&pipeline, "ada").await;
    let refused = job("ada", " ", &held);
    let answer = publish(&pipeline, &refused).await;
    assert_eq!((code(&answer), &answer["tokens_refreshed"]), ("provider-rejected", &json!(true)), "{answer}");
    assert_eq!(publish(&pipeline, &refused).await, answer, "told again");
}

#[tokio::test]
async fn a_job_that_is_put_aside_after_a_refresh_reports_it_too() {
    let pipeline = Pipeline::start().await;
    // an API that is not there, at a platform that is
    let catalogue = text_of(&pipeline.rig.folder().join("providers.toml"));
    let api = format!("url = '{}/api/posts'", pipeline.sandbox.issuer());
    assert!(catalogue.contains(&api));
    pipeline.write("providers.toml", &catalogue.replace(&api, "url = 'http://127.0.0.1:1/api/posts'"));
    let _worker = pipeline.worker().await;
    let held = expired(&pipeline, "ada").await;
    let last = job("ada", "never", &held);
    let properties = properties("publish-job.v1", last["id"].as_str().unwrap()).with_headers(attempt(12));
    let correlation = pipeline.send_raw("publish-job.v1", &serde_json::to_vec(&last).unwrap(), properties).await;
    let answer = pipeline.answer(&correlation).await.json();
    assert_eq!((code(&answer), &answer["tokens_refreshed"]), ("attempts-exhausted", &json!(true)), "{answer}");
    assert!(answer["failure"].get("tokens_refreshed").is_none(), "{answer}");
    assert_eq!(calls(&pipeline, "refresh_token").await, json!({"ok": 1}));
}

#[tokio::test]
async fn the_notice_says_to_go_online_only_where_newer_tokens_wait() {
    let pipeline = notify::pipeline("").await;
    let _worker = pipeline.worker().await;
    let with_phone = |text, held: &Value| {
        let mut job = job("ada", text, held);
        job["notify"] = json!({"phone": notify::PHONE, "language": "en"});
        job
    };
    let held = connected(&pipeline, "ada").await;
    publish(&pipeline, &with_phone("one", &held)).await;
    let texts = notify::texts(&pipeline, 1).await;
    assert!(texts[0].contains("is online") && !texts[0].contains("tokens"), "{texts:?}");
    pipeline.sandbox.admin(Method::POST, "expire", Some(json!({"user": "ada"}))).await;
    publish(&pipeline, &with_phone("two", &held)).await;
    let texts = notify::texts(&pipeline, 2).await;
    assert!(texts[1].contains("is online") && texts[1].contains("tokens"), "{texts:?}");
    publish(&pipeline, &with_phone(" ", &held)).await;
    let texts = notify::texts(&pipeline, 3).await;
    assert!(texts[2].contains("was not published") && texts[2].contains("tokens"), "{texts:?}");
}

#[tokio::test]
async fn however_long_a_device_is_offline_its_tokens_are_known_as_its_own() {
    let pipeline = Pipeline::start().await;
    let _worker = pipeline.worker().await;
    let held = connected(&pipeline, "ada").await;
    for number in 1..=10 {
        pipeline.sandbox.admin(Method::POST, "expire", Some(json!({"user": "ada"}))).await;
        let answer = publish(&pipeline, &job("ada", "offline", &held)).await;
        assert_eq!((&answer["outcome"], &answer["tokens_refreshed"]), (&json!("published"), &json!(true)), "{answer}");
        assert_eq!(calls(&pipeline, "refresh_token").await, json!({"ok": number}));
    }
    let answer = exchange(&pipeline, &pickup("ada", &held)).await;
    assert_eq!(answer["outcome"], "picked-up", "{answer}");
}
