//! Parks that are over: what is to be told of them is told, whoever dies meanwhile, and nothing is said that is not so.

use jiff::{SignedDuration, Timestamp};
use redis::Commands;
use sealpost::providers::Catalogue;
use sealpost_schemas::Code;
use sealpost_shared::clock::{Clock, SystemClock};
use sealpost_shared::failure::Verdict;
use sealpost_shared::tokens::{JobTokens, Over};
use sealpost_tests::Pipeline;
use sealpost_tests::pipeline::{connection, properties};
use serde_json::{Value, json};

use super::world::{
    code, connected, exchange, expired, job, let_it_end, park, pickup, publish, record, request, tokens, unparked,
};

/// A user for whose device newer tokens wait, and the older ones.
async fn refreshed(pipeline: &Pipeline, user: &str) -> Value {
    let held = expired(pipeline, user).await;
    assert_eq!(publish(pipeline, &job(user, "refreshed", &held)).await["tokens_refreshed"], true);
    held
}

/// Sends a request whose answer arrives nowhere.
async fn unanswered(pipeline: &Pipeline, request: &Value) {
    let nowhere = properties("exchange-request.v1", request["id"].as_str().unwrap()).with_reply_to("gone".into());
    pipeline.send_raw("exchange-request.v1", &serde_json::to_vec(request).unwrap(), nowhere).await;
    pipeline.event("connection.on-device").await;
}

/// A client of Redis, and the key of these of a user's shard.
fn redis(pipeline: &Pipeline, shard: u16, what: &str) -> (redis::Connection, String) {
    let client = redis::Client::open(pipeline.rig.redis_url()).unwrap();
    (client.get_connection().unwrap(), format!("{{sp:{shard:03}}}:{what}"))
}

#[tokio::test]
async fn what_a_worker_marked_that_died_before_it_told_is_told_by_another_and_then_forgotten() {
    let pipeline = Pipeline::start().await;
    let held = {
        let _worker = pipeline.worker_with(&["exchange", "publish"], &[]).await;
        refreshed(&pipeline, "ada").await
    };
    let_it_end(&pipeline, "ada").await;
    let (keeper, id) = (pipeline.keeper().await, record(&pipeline, "ada").await.unwrap().id);
    let mut told = Vec::new();
    for _ in 0..2 {
        told.extend(keeper.expire_park(&id).await.map_err(|failure| failure.message).unwrap().events);
    }
    // as a sweep does that looked before the other one marked it
    keeper.told_of_park(&id, &Over::default()).await.map_err(|failure| failure.message).unwrap();
    assert!(told.len() == 2 && told[0].id == told[1].id, "the same again, until it is told");
    assert!(park(&pipeline, "ada").await.is_none());

    let _worker = pipeline.worker_with(&["exchange", "rotate"], &[]).await;
    let event = pipeline.event("connection.needs-consent").await.json();
    assert_eq!((&event["code"], &event["id"]), (&json!("pickup-expired"), &json!(told[0].id)), "{event}");
    sealpost_tests::until("it is forgotten", sealpost_tests::pipeline::SOON, async || {
        pipeline.store().await.count_parks().await.unwrap() == 0
    })
    .await;
    assert_eq!(code(&exchange(&pipeline, &pickup("ada", &held)).await), "pickup-expired");
}

#[tokio::test]
async fn parks_that_cannot_be_ended_keep_no_other_one_waiting() {
    let pipeline = Pipeline::start().await;
    let _worker = pipeline.worker_with(&["exchange", "publish"], &[]).await;
    refreshed(&pipeline, "ada").await;
    let_it_end(&pipeline, "ada").await;
    let (keeper, id) = (pipeline.keeper().await, record(&pipeline, "ada").await.unwrap().id);
    let (mut redis, parks) = redis(&pipeline, id.shard, "parks");
    for number in 0..64 {
        let name = format!("{number:032x}");
        let name = format!("{name}{}", &id.key.to_string()[32..]);
        let park = format!("{{sp:{:03}}}:park:{name}", id.shard);
        let _: () = redis.hset(&park, "format", "of a later version").unwrap();
        let _: () = redis.zadd(&parks, name, 0).unwrap();
    }
    let mut ended = false;
    for _ in 0..2 {
        for met in keeper.overdue_parks(SystemClock.now()).await.map_err(|failure| failure.message).unwrap() {
            let told = keeper.expire_park(&met).await;
            ended |= met == id && told.is_ok_and(|over| over.events.len() == 1);
        }
    }
    assert!(ended, "the others were put off");
    assert_eq!(keeper.overdue_parks(SystemClock.now()).await.map_err(|failure| failure.message).unwrap(), [id]);
}

#[tokio::test]
async fn a_job_waits_while_an_answer_with_tokens_that_are_over_may_be_on_its_way() {
    let pipeline = Pipeline::start().await;
    let _worker = pipeline.worker_with(&["exchange", "publish"], &[]).await;
    let held = refreshed(&pipeline, "ada").await;
    let waits = park(&pipeline, "ada").await.unwrap();
    let (mut redis, key) = redis(&pipeline, waits.record.shard, &format!("park:{}", waits.record.key));
    let just: Timestamp = waits.now - SignedDuration::from_secs(1);
    let _: () = redis.hset(key, "until", just.as_millisecond()).unwrap();

    let keeper = std::sync::Arc::new(pipeline.keeper().await);
    let catalogue = Catalogue::read(&pipeline.rig.folder().join("providers.toml")).unwrap();
    let ada = connection("acme", "ada");
    let oauth = &catalogue.get(&ada.provider).unwrap().oauth;
    let text = |field: &str| held[field].as_str().unwrap().into();
    let brings = JobTokens { access: text("access_token"), refresh: Some(text("refresh_token")), expires_at: None };
    let Err(failure) = keeper.device_access(&ada, oauth, (&brings, None)).await else { panic!("a last word") };
    assert!(matches!(failure.verdict, Verdict::Defer { .. }), "{}", failure.message);
    assert_eq!(failure.code, Code::UnderWay);
    assert!(park(&pipeline, "ada").await.is_some());
}

#[tokio::test]
async fn a_request_whose_tokens_never_arrived_hears_that_consent_must_be_given_again() {
    let pipeline = Pipeline::start().await;
    let _worker = pipeline.worker_with(&["exchange"], &[]).await;
    let request = request(&pipeline, "ada").await;
    unanswered(&pipeline, &request).await;
    let waits = park(&pipeline, "ada").await.unwrap();
    assert!(pipeline.store().await.drop_park(&waits.record, waits.generation).await.unwrap());
    assert_eq!(code(&exchange(&pipeline, &request).await), "exchange-outcome-lost");
}

#[tokio::test]
async fn a_request_whose_tokens_were_refreshed_before_they_arrived_gets_the_newer_ones() {
    let pipeline = Pipeline::start().await;
    let _worker = pipeline.worker_with(&["exchange", "publish"], &[]).await;
    let held = connected(&pipeline, "ada").await;
    let again = request(&pipeline, "ada").await;
    unanswered(&pipeline, &again).await;
    pipeline.sandbox.admin(reqwest::Method::POST, "expire", Some(json!({"user": "ada"}))).await;
    assert_eq!(publish(&pipeline, &job("ada", "refreshed", &held)).await["tokens_refreshed"], true);
    assert!(!park(&pipeline, "ada").await.unwrap().exchange);
    let newest = tokens(&exchange(&pipeline, &again).await);
    unparked(&pipeline, "ada").await;
    let answer = publish(&pipeline, &job("ada", "with the newest", &newest)).await;
    assert_eq!((&answer["outcome"], &answer["tokens_refreshed"]), (&json!("published"), &json!(false)), "{answer}");
    let answer = exchange(&pipeline, &again).await;
    assert!(answer["outcome"] == "on-device" && answer["tokens"].is_null(), "{answer}");
}

#[tokio::test]
async fn a_job_without_refresh_token_hears_that_newer_tokens_wait() {
    let pipeline = Pipeline::start().await;
    let _worker = pipeline.worker_with(&["exchange", "publish"], &[]).await;
    let held = refreshed(&pipeline, "ada").await;
    let mut job = job("ada", "never", &held);
    job["device_tokens"].as_object_mut().unwrap().remove("refresh_token");
    let answer = publish(&pipeline, &job).await;
    assert_eq!(code(&answer), "tokens-superseded");
    assert!(answer["failure"]["message"].as_str().unwrap().contains("wait for the device"), "{answer}");
    assert!(park(&pipeline, "ada").await.is_some());
}

#[tokio::test]
async fn a_connection_in_quarantine_whose_tokens_are_over_is_told_of_until_that_is_done() {
    let pipeline = Pipeline::start().await;
    let _worker = pipeline.worker_with(&["exchange", "publish"], &[]).await;
    refreshed(&pipeline, "ada").await;
    let_it_end(&pipeline, "ada").await;
    let (keeper, id) = (pipeline.keeper().await, record(&pipeline, "ada").await.unwrap().id);
    let (mut redis, key) = redis(&pipeline, id.shard, &format!("record:{}", id.key));
    let mut sealed: Vec<u8> = redis.hget(&key, "sealed").unwrap();
    *sealed.last_mut().unwrap() ^= 1;
    let _: () = redis.hset(&key, "sealed", sealed).unwrap();
    let expire = async || keeper.expire_park(&id).await.map_err(|failure| failure.message).unwrap();
    let (first, again) = (expire().await, expire().await);
    let told: Vec<_> = first.events.iter().chain(&again.events).collect();
    assert!(told.len() == 2 && told[0].id == told[1].id && told[0].topic == "connection.quarantined", "{}", told.len());
    keeper.told_of_park(&id, &again).await.map_err(|failure| failure.message).unwrap();
    assert!(park(&pipeline, "ada").await.is_none());
    assert_eq!(pipeline.store().await.count_parks().await.unwrap(), 0);
}

#[tokio::test]
async fn a_request_that_was_answered_before_arrivals_were_noted_is_answered_as_then() {
    let pipeline = Pipeline::start().await;
    let _worker = pipeline.worker_with(&["exchange"], &[]).await;
    let request = request(&pipeline, "ada").await;
    assert!(exchange(&pipeline, &request).await.get("tokens").is_some());
    unparked(&pipeline, "ada").await;
    let id = record(&pipeline, "ada").await.unwrap().id;
    let (mut redis, key) = redis(&pipeline, id.shard, &format!("record:{}", id.key));
    let noted: u64 = redis.hdel(&key, "arrived").unwrap();
    assert_eq!(noted, 1);
    let again = exchange(&pipeline, &request).await;
    assert_eq!((&again["outcome"], again.get("tokens")), (&json!("on-device"), None), "{again}");
}
