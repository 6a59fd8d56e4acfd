//! A plain secret where sealed ones are required: a clear answer, and it is written nowhere by us.

use sealpost_tests::Pipeline;
use sealpost_tests::canary::found;
use sealpost_tests::pipeline::{EVENTS, SOON, attempt, exchange_request, properties, publish_job};
use serde_json::{Value, json};

use super::{refused, sealed_request, strict};

const TYPE: &str = "exchange-request.v1";
const CANARY: &str = "canary-of-a-plain-secret-0123456789";

fn grants() -> Vec<Value> {
    let code = json!({"type": "authorization_code", "code": CANARY, "code_verifier": CANARY, "nonce": CANARY,
                      "redirect_uri": "http://127.0.0.1:7777/callback"});
    vec![
        code,
        json!({"type": "refresh_token", "refresh_token": CANARY}),
        json!({"type": "on_behalf_of", "assertion": CANARY}),
        json!({"type": "pickup", "refresh_token": CANARY}),
    ]
}

async fn request(pipeline: &Pipeline, grant: Value) -> Value {
    let mut request = exchange_request("acme", "ada", &pipeline.consent("ada").await);
    request["grant"] = grant;
    request
}

/// That nothing we wrote has the secret.
async fn assert_nowhere(pipeline: &Pipeline, log: &str) {
    let mut texts = vec![log.to_owned()];
    for message in pipeline.rig.broker.drain(EVENTS).await {
        texts.push(String::from_utf8_lossy(&message.body).into_owned());
    }
    let client = redis::Client::open(pipeline.rig.redis_url()).unwrap();
    let mut redis = client.get_multiplexed_async_connection().await.unwrap();
    let keys: Vec<String> = redis::cmd("KEYS").arg("*").query_async(&mut redis).await.unwrap();
    for key in keys {
        let dump: Vec<u8> = redis::cmd("DUMP").arg(&key).query_async(&mut redis).await.unwrap();
        texts.extend([key, String::from_utf8_lossy(&dump).into_owned()]);
    }
    for text in texts {
        assert_eq!(found(CANARY, &text), None, "{text}");
    }
}

#[tokio::test]
async fn a_plain_secret_is_refused_and_its_dead_letter_has_nothing_in_its_place() {
    let pipeline = strict().await;
    let worker = pipeline.worker_with(&["all"], &[("SEALPOST_LOG", "trace")]).await;
    for grant in grants() {
        let request = request(&pipeline, grant).await;
        let (answer, letter) = refused(&pipeline, TYPE, &request, "sealed-required").await;
        let told = answer["failure"]["message"].as_str().unwrap();
        assert!(told.starts_with("/grant/") && told.contains("sealpost keys jwks"), "{told}");
        let text = String::from_utf8(letter.body.clone()).unwrap();
        assert!(found(CANARY, format!("{text}{answer}")).is_none(), "{text} {answer}");
        assert_eq!(letter.json()["owner"], request["owner"], "the rest is there for whoever looks");
    }
    let mut job = publish_job("acme", "ada", "Hello");
    job["device_tokens"] = json!({"access_token": CANARY, "refresh_token": CANARY});
    let (_, letter) = refused(&pipeline, "publish-job.v1", &job, "sealed-required").await;
    let bare = json!({"access_token": null, "refresh_token": null});
    assert_eq!(letter.json()["device_tokens"], bare);
    assert_nowhere(&pipeline, &worker.log()).await;
}

#[tokio::test]
async fn a_plain_secret_in_messagepack_in_another_queue_or_among_the_retries_goes_nowhere_either() {
    let pipeline = strict().await;
    let worker = pipeline.worker_with(&["all"], &[("SEALPOST_LOG", "trace")]).await;
    let request = request(&pipeline, grants().remove(0)).await;
    let id = request["id"].as_str().unwrap();
    let packed = rmp_serde::to_vec_named(&request).unwrap();
    let in_messagepack = || properties(TYPE, id).with_content_type("application/msgpack".into());
    let as_job = "publish-job.v1";
    for (queue, body, properties, code) in [
        (TYPE, packed.clone(), in_messagepack(), "sealed-required"),
        (as_job, request.to_string().into_bytes(), properties(TYPE, id), "malformed-message"),
        (as_job, packed, in_messagepack(), "malformed-message"),
        (TYPE, request.to_string().into_bytes(), properties(TYPE, id).with_headers(attempt(3)), "sealed-required"),
    ] {
        pipeline.send_raw(queue, &body, properties).await;
        let letter = pipeline.rig.broker.next("dead-letters", SOON).await;
        assert_eq!(letter.header("sealpost-code").as_deref(), Some(code));
        assert_eq!(found(CANARY, &letter.body), None, "{code}");
        assert!(!letter.body.is_empty(), "the rest is there");
    }
    assert_nowhere(&pipeline, &worker.log()).await;
}

#[tokio::test]
async fn one_plain_secret_beside_a_sealed_one_is_one_too_many() {
    let pipeline = strict().await;
    let _worker = pipeline.worker().await;
    let mut request = sealed_request(&pipeline).await;
    request["grant"]["nonce"] = json!(CANARY);
    let (answer, letter) = refused(&pipeline, TYPE, &request, "sealed-required").await;
    assert!(answer["failure"]["message"].as_str().unwrap().starts_with("/grant/nonce:"), "{answer}");
    request["grant"]["nonce"] = Value::Null;
    assert_eq!(letter.json(), request);
}

#[tokio::test]
async fn a_plain_secret_that_the_message_does_not_ask_for_is_one_too_many() {
    let pipeline = strict().await;
    let worker = pipeline.worker_with(&["all"], &[("SEALPOST_LOG", "trace")]).await;
    let sealed = sealed_request(&pipeline).await;
    let mut of_another_grant = sealed.clone();
    of_another_grant["grant"]["refresh_token"] = json!(CANARY);
    let mut misspelt = sealed.clone();
    misspelt["grant"]["Nonce"] = json!(CANARY);
    let mut job = publish_job("acme", "ada", "Hello");
    job["device_tokens"] = json!([CANARY, CANARY]);
    for (type_name, body) in [(TYPE, of_another_grant), (TYPE, misspelt), ("publish-job.v1", job)] {
        let (answer, letter) = refused(&pipeline, type_name, &body, "sealed-required").await;
        let text = String::from_utf8(letter.body.clone()).unwrap();
        assert!(found(CANARY, format!("{text}{answer}")).is_none(), "{text} {answer}");
    }
    // a name that stands twice has its last value, and the other one goes nowhere
    let id = publish_job("acme", "ada", "Hello")["id"].clone();
    let mut twice = sealed.clone();
    (twice["id"], twice["provider"]) = (id.clone(), json!("nowhere"));
    let twice = twice.to_string().replacen("\"code\":", &format!("\"code\":\"{CANARY}\",\"code\":"), 1);
    let properties = properties(TYPE, id.as_str().unwrap());
    let correlation = pipeline.send_raw(TYPE, twice.as_bytes(), properties).await;
    assert_eq!(pipeline.answer(&correlation).await.json()["outcome"], "failed");
    let letter = pipeline.rig.broker.next("dead-letters", SOON).await;
    assert!(found(CANARY, &letter.body).is_none());
    assert_nowhere(&pipeline, &worker.log()).await;
}

#[tokio::test]
async fn what_cannot_be_read_is_put_aside_without_what_may_be_a_secret() {
    let pipeline = strict().await;
    let worker = pipeline.worker_with(&["all"], &[("SEALPOST_LOG", "trace")]).await;
    let good = request(&pipeline, grants().remove(0)).await;
    let (mut misspelt, mut text) = (good.clone(), good.clone());
    misspelt["grant"]["cod"] = misspelt["grant"].as_object_mut().unwrap().remove("code").unwrap();
    text["grant"] = json!(CANARY);
    let mut holder = good.clone();
    holder["grnat"] = holder.as_object_mut().unwrap().remove("grant").unwrap();
    let wrapped = json!({"payload": [good]}).to_string();
    let twice_encoded = json!(good.to_string()).to_string();
    let large = json!({"grant": {"code": CANARY}, "more": "x".repeat(1 << 20)}).to_string();
    let cut = good.to_string()[..good.to_string().len() - 3].to_owned();
    for (body, type_name, code, left) in [
        (misspelt.to_string(), TYPE, "malformed-message", true),
        (text.to_string(), TYPE, "malformed-message", true),
        (good.to_string(), "exchange-request.v2", "unknown-version", true),
        (cut, TYPE, "malformed-message", false),
        (holder.to_string(), TYPE, "malformed-message", true),
        (wrapped, TYPE, "malformed-message", true),
        (twice_encoded, TYPE, "malformed-message", false),
        (large, TYPE, "message-too-large", false),
    ] {
        let properties = properties(type_name, good["id"].as_str().unwrap());
        let correlation = pipeline.send_raw(TYPE, body.as_bytes(), properties).await;
        let answer = pipeline.answer(&correlation).await.json();
        assert_eq!(answer["failure"]["code"], code, "{answer}");
        let letter = pipeline.rig.broker.next("dead-letters", SOON).await;
        let put_aside = String::from_utf8(letter.body.clone()).unwrap();
        assert!(found(CANARY, format!("{put_aside}{answer}")).is_none(), "{put_aside} {answer}");
        assert_eq!(!put_aside.is_empty(), left, "{put_aside}");
    }
    // what is sealed may be replayed where a newer worker runs
    let sealed = sealed_request(&pipeline).await;
    let properties = properties("exchange-request.v2", sealed["id"].as_str().unwrap());
    pipeline.send_raw(TYPE, sealed.to_string().as_bytes(), properties).await;
    assert_eq!(pipeline.rig.broker.next("dead-letters", SOON).await.json(), sealed);
    assert_nowhere(&pipeline, &worker.log()).await;
}

#[tokio::test]
async fn where_somebody_wrote_that_they_need_not_be_sealed_plain_ones_are_taken_and_it_is_said() {
    let pipeline = Pipeline::start().await;
    let worker = pipeline.worker().await;
    worker.logged("wire.require_sealed is false").await;
    pipeline.connect("ada").await;
}
