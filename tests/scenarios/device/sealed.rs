//! Tokens in answers, sealed to the client's key.

use sealpost_schemas::SealedSecret;
use sealpost_shared::seal::Key;
use sealpost_shared::wire::{OpenError, PrivateKey, ReplyPlace, open_reply};
use sealpost_tests::pipeline::connection;
use sealpost_tests::{Pipeline, Setup};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::world::{calls, code, exchange, expired, job, park, pickup, publish, request, unparked};

/// A client's key pair: the private half, and the public one as a JWK.
fn client() -> (PrivateKey, Value) {
    let key = PrivateKey::of(&Key::random().unwrap());
    let jwk = key.public("phone").jwk();
    (key, jwk)
}

/// A token of an answer, as the client opens it.
fn opened(key: &PrivateKey, answer: &Value, name: &str, field: &str) -> Result<String, OpenError> {
    let sealed: SealedSecret = serde_json::from_value(answer["tokens"][name].clone()).unwrap();
    let request = answer["request"].as_str().unwrap().parse().unwrap();
    let place = ReplyPlace { request, connection: &connection("acme", "ada"), field };
    open_reply(key, place, &sealed).map(|token| token.expose_secret().to_owned())
}

#[tokio::test]
async fn the_tokens_of_an_answer_open_with_the_clients_key_and_are_used_by_nobody_else() {
    let pipeline = Pipeline::start_with(Setup { require_sealed: true, ..Setup::default() }).await;
    let worker = pipeline.worker().await;
    let (key, jwk) = client();
    let mut wanted = request(&pipeline, "ada").await;
    wanted["reply_key"] = jwk;
    let answer = exchange(&pipeline, &pipeline.sealed("exchange-request.v1", &wanted).await).await;
    assert_eq!(answer["outcome"], "on-device", "{answer}");
    let open = |name: &str| opened(&key, &answer, name, &format!("/tokens/{name}"));
    let tokens =
        json!({"access_token": open("access_token").unwrap(), "refresh_token": open("refresh_token").unwrap()});
    assert_eq!(opened(&key, &answer, "access_token", "/tokens/refresh_token"), Err(OpenError::Mismatch));
    assert_eq!(opened(&client().0, &answer, "access_token", "/tokens/access_token"), Err(OpenError::Mismatch));
    unparked(&pipeline, "ada").await;
    let sent = pipeline.sealed("publish-job.v1", &job("ada", "from a phone", &tokens)).await;
    assert_eq!(publish(&pipeline, &sent).await["outcome"], "published");
    for token in ["access_token", "refresh_token"] {
        assert!(!worker.log().contains(tokens[token].as_str().unwrap()), "{token}");
    }
}

#[tokio::test]
async fn a_pickup_is_sealed_to_its_own_key_or_to_that_of_the_exchange() {
    let pipeline = Pipeline::start().await;
    let _worker = pipeline.worker().await;
    let ((first, jwk), (second, other)) = (client(), client());
    for (brought, key) in [(None, &first), (Some(other), &second)] {
        let mut held = json!(null);
        super::world::life(&pipeline, 1).await;
        let mut wanted = request(&pipeline, "ada").await;
        wanted["reply_key"] = jwk.clone();
        let answer = exchange(&pipeline, &wanted).await;
        for name in ["access_token", "refresh_token"] {
            held[name] = opened(&first, &answer, name, &format!("/tokens/{name}")).unwrap().into();
        }
        unparked(&pipeline, "ada").await;
        super::world::life(&pipeline, 3600).await;
        let expires = super::world::record(&pipeline, "ada").await.unwrap().metadata.access_expires_at.unwrap();
        super::world::past(expires).await;
        assert_eq!(publish(&pipeline, &job("ada", "offline", &held)).await["tokens_refreshed"], true);
        let mut asked = pickup("ada", &held);
        if let Some(jwk) = brought {
            asked["reply_key"] = jwk;
        }
        let answer = exchange(&pipeline, &asked).await;
        assert_eq!(answer["outcome"], "picked-up", "{answer}");
        let fresh = opened(key, &answer, "access_token", "/tokens/access_token").unwrap();
        assert_ne!(held["access_token"], fresh);
        unparked(&pipeline, "ada").await;
    }
}

#[tokio::test]
async fn a_key_that_nothing_can_be_sealed_to_is_refused_before_anything_is_spent() {
    let pipeline = Pipeline::start().await;
    let _worker = pipeline.worker().await;
    let (_, good) = client();
    let with = |changes: Value| {
        let mut jwk = good.clone();
        jwk.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        jwk
    };
    for bad in [with(json!({"crv": "P-256"})), with(json!({"x": "AAAA"})), with(json!({"d": "AAAA"})), json!("key")] {
        let mut wanted = request(&pipeline, "ada").await;
        wanted["reply_key"] = bad.clone();
        assert_eq!(code(&exchange(&pipeline, &wanted).await), "reply-key-refused", "{bad}");
    }
    assert_eq!(calls(&pipeline, "authorization_code").await, Value::Null);
}

#[tokio::test]
async fn where_secrets_are_sealed_tokens_are_not_answered_without_a_key() {
    let pipeline = Pipeline::start_with(Setup { require_sealed: true, ..Setup::default() }).await;
    let _worker = pipeline.worker().await;
    let wanted = request(&pipeline, "ada").await;
    let answer = exchange(&pipeline, &pipeline.sealed("exchange-request.v1", &wanted).await).await;
    assert_eq!(code(&answer), "reply-key-required");
    assert_eq!(calls(&pipeline, "authorization_code").await, Value::Null);
}

#[tokio::test]
async fn tokens_that_were_parked_before_secrets_were_sealed_wait_for_a_key() {
    let pipeline = Pipeline::start().await;
    let lax = pipeline.worker().await;
    let held = expired(&pipeline, "ada").await;
    assert_eq!(publish(&pipeline, &job("ada", "offline", &held)).await["tokens_refreshed"], true);
    drop(lax);
    let config = std::fs::read_to_string(pipeline.config()).unwrap();
    pipeline.write("sealpost.toml", &config.replace("require_sealed = false", "require_sealed = true"));
    let _strict = pipeline.worker().await;
    let asked = pickup("ada", &held);
    assert_eq!(
        code(&exchange(&pipeline, &pipeline.sealed("exchange-request.v1", &asked).await).await),
        "reply-key-required"
    );
    assert!(park(&pipeline, "ada").await.is_some(), "they wait on");
    let (key, jwk) = client();
    let mut asked = pickup("ada", &held);
    asked["reply_key"] = jwk;
    let answer = exchange(&pipeline, &pipeline.sealed("exchange-request.v1", &asked).await).await;
    assert!(opened(&key, &answer, "access_token", "/tokens/access_token").is_ok(), "{answer}");
}
