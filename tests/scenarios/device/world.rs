//! A device: what it asks for, what it holds, and what is to be seen of it here.

use jiff::Timestamp;
use redis::Commands;
use reqwest::Method;
use sealpost_shared::clock::{Clock, SystemClock};
use sealpost_shared::records::{Park, Record};
use sealpost_tests::pipeline::{SOON, connection, exchange_request, publish_job};
use sealpost_tests::{Pipeline, until};
use serde_json::{Value, json};

/// A request to exchange a consent of this user for tokens that rest with the user.
pub(super) async fn request(pipeline: &Pipeline, user: &str) -> Value {
    let mut request = exchange_request("acme", user, &pipeline.consent(user).await);
    request["store_on_device"] = true.into();
    request
}

/// The tokens of an answer.
pub(crate) fn tokens(answer: &Value) -> Value {
    let tokens = &answer["tokens"];
    assert!(tokens["access_token"].is_string() && tokens["refresh_token"].is_string(), "{answer}");
    tokens.clone()
}

/// Connects a user of `acme`, who holds these tokens.
pub(crate) async fn connected(pipeline: &Pipeline, user: &str) -> Value {
    let answer = pipeline.ask("exchange-request.v1", &request(pipeline, user).await).await;
    assert_eq!(answer["outcome"], "on-device", "{answer}");
    // with the answer there is an event, which is not the next one's
    assert_eq!(pipeline.event("connection.on-device").await.json()["connection"]["user"], user);
    unparked(pipeline, user).await;
    tokens(&answer)
}

/// The same, with an access token that has expired.
pub(crate) async fn expired(pipeline: &Pipeline, user: &str) -> Value {
    life(pipeline, 1).await;
    let tokens = connected(pipeline, user).await;
    life(pipeline, 3600).await;
    let expires = record(pipeline, user).await.unwrap().metadata.access_expires_at.unwrap();
    past(expires).await;
    tokens
}

/// Waits until this time is over.
pub(super) async fn past(expires: Timestamp) {
    until("the access token expires", SOON, async || SystemClock.now() > expires).await;
}

/// So long live the access tokens that the platform gives from now on, in seconds.
pub(crate) async fn life(pipeline: &Pipeline, seconds: u32) {
    pipeline.sandbox.admin(Method::POST, "settings", Some(json!({"access_ttl": seconds}))).await;
}

/// A job with the device's tokens.
pub(crate) fn job(user: &str, text: &str, tokens: &Value) -> Value {
    let mut job = publish_job("acme", user, text);
    job["device_tokens"] = json!({
        "access_token": tokens["access_token"], "refresh_token": tokens["refresh_token"]
    });
    job
}

/// A pickup with the refresh token of these.
pub(crate) fn pickup(user: &str, tokens: &Value) -> Value {
    json!({
        "id": sealpost_shared::ids::fresh(), "owner": {"tenant": "acme", "user": user}, "provider": "practice",
        "grant": {"type": "pickup", "refresh_token": tokens["refresh_token"]}
    })
}

pub(crate) async fn publish(pipeline: &Pipeline, job: &Value) -> Value {
    pipeline.ask("publish-job.v1", job).await
}

pub(crate) async fn exchange(pipeline: &Pipeline, request: &Value) -> Value {
    pipeline.ask("exchange-request.v1", request).await
}

pub(crate) async fn record(pipeline: &Pipeline, user: &str) -> Option<Record> {
    let store = pipeline.store().await;
    store.load(&store.locate(&connection("acme", user))).await.unwrap()
}

pub(crate) async fn park(pipeline: &Pipeline, user: &str) -> Option<Park> {
    let store = pipeline.store().await;
    store.load_park(&store.locate(&connection("acme", user))).await.unwrap()
}

/// Waits until nothing waits for the user's device: that comes after the answer.
pub(crate) async fn unparked(pipeline: &Pipeline, user: &str) {
    until("the park ends", SOON, async || park(pipeline, user).await.is_none()).await;
}

/// The code of a failed result.
pub(super) fn code(answer: &Value) -> &str {
    assert_eq!(answer["outcome"], "failed", "{answer}");
    answer["failure"]["code"].as_str().unwrap()
}

/// Token calls of this grant, by outcome.
pub(super) async fn calls(pipeline: &Pipeline, grant: &str) -> Value {
    pipeline.sandbox.stats().await["token"][grant].clone()
}

/// The park of a user was to end long ago.
pub(crate) async fn let_it_end(pipeline: &Pipeline, user: &str) {
    let park = park(pipeline, user).await.expect("a park");
    let (shard, name) = (park.record.shard, park.record.key);
    let mut redis = redis::Client::open(pipeline.rig.redis_url()).unwrap().get_connection().unwrap();
    let _: () = redis.hset(format!("{{sp:{shard:03}}}:park:{name}"), "until", 1).unwrap();
    let _: () = redis.zadd(format!("{{sp:{shard:03}}}:parks"), name.to_string(), 1).unwrap();
}

/// Everything in Redis that is no number, as text where it is.
pub(super) fn at_rest(pipeline: &Pipeline) -> String {
    let mut redis = redis::Client::open(pipeline.rig.redis_url()).unwrap().get_connection().unwrap();
    let keys: Vec<String> = redis.keys("*").unwrap();
    let mut all = String::new();
    for key in keys {
        let kind: String = redis::cmd("TYPE").arg(&key).query(&mut redis).unwrap();
        let values: Vec<Vec<u8>> = match kind.as_str() {
            "hash" => redis.hgetall(&key).unwrap(),
            "set" => redis.smembers(&key).unwrap(),
            "string" => vec![redis.get(&key).unwrap()],
            _ => Vec::new(),
        };
        all += &key;
        for value in &values {
            all += &String::from_utf8_lossy(value);
        }
    }
    all
}
