//! Consent in, tokens out to the device, and nothing of them left here.

use sealpost_shared::keys::{KeySource, LocalKeys};
use sealpost_shared::records::Custody;
use sealpost_tests::Pipeline;
use sealpost_tests::pipeline::{exchange_request, properties};
use serde_json::{Value, json};

use super::world::{at_rest, calls, code, connected, exchange, park, record, request, tokens, unparked};

#[tokio::test]
async fn the_answer_has_the_tokens_and_here_rests_what_is_known_of_them() {
    let pipeline = Pipeline::start().await;
    let worker = pipeline.worker().await;
    let request = request(&pipeline, "ada").await;
    let answer = exchange(&pipeline, &request).await;
    assert_eq!((&answer["outcome"], &answer["request"]), (&json!("on-device"), &request["id"]), "{answer}");
    let held = tokens(&answer);
    unparked(&pipeline, "ada").await;

    let record = record(&pipeline, "ada").await.unwrap();
    assert_eq!((record.metadata.custody, record.metadata.next_due), (Custody::Device, None));
    assert!(record.metadata.access_expires_at.is_some());
    let store = pipeline.store().await;
    let refresh = held["refresh_token"].as_str().unwrap().into();
    assert_eq!(record.token, Some(store.hash_of(&refresh)));
    let key = LocalKeys::open(&pipeline.keyring()).unwrap().get(record.key()).await.unwrap();
    let content = record.open(&key).unwrap();
    assert!(content.tokens.access_token.is_none() && content.tokens.refresh_token.is_none(), "{content:?}");
    assert_eq!(pipeline.held(&pipeline.newest_version().await).await, 2, "record and ledger entry");

    let event = pipeline.event("connection.on-device").await;
    let mut public = answer.clone();
    public.as_object_mut().unwrap().remove("tokens");
    assert_eq!(event.json(), public);
    for token in ["access_token", "refresh_token"] {
        let token = held[token].as_str().unwrap();
        assert!(!at_rest(&pipeline).contains(token) && !worker.log().contains(token), "{token}");
    }
}

#[tokio::test]
async fn without_a_queue_to_answer_to_nothing_is_spent() {
    let pipeline = Pipeline::start().await;
    let _worker = pipeline.worker().await;
    let request = request(&pipeline, "ada").await;
    let bytes = serde_json::to_vec(&request).unwrap();
    let nowhere = properties("exchange-request.v1", request["id"].as_str().unwrap());
    pipeline.send_raw("exchange-request.v1", &bytes, nowhere.with_reply_to("".into())).await;
    let event = pipeline.event("connection.failed").await.json();
    assert_eq!(event["failure"]["code"], "reply-to-required", "{event}");
    assert_eq!(calls(&pipeline, "authorization_code").await, Value::Null);
    // the code is as good as before
    let mut again = request.clone();
    again["id"] = json!(sealpost_shared::ids::fresh());
    tokens(&exchange(&pipeline, &again).await);
}

#[tokio::test]
async fn the_same_request_is_answered_as_often_as_it_comes_and_with_tokens_until_they_arrived() {
    let pipeline = Pipeline::start().await;
    let _worker = pipeline.worker().await;
    let request = request(&pipeline, "ada").await;
    let first = exchange(&pipeline, &request).await;
    unparked(&pipeline, "ada").await;
    let mut second = exchange(&pipeline, &request).await;
    assert!(second["tokens"].is_null(), "{second}");
    second["tokens"] = tokens(&first);
    assert_eq!(first, second);
    assert_eq!(calls(&pipeline, "authorization_code").await, json!({"ok": 1}));
}

#[tokio::test]
async fn a_new_consent_moves_the_tokens_to_the_device_and_back() {
    let pipeline = Pipeline::start().await;
    let _worker = pipeline.worker().await;
    pipeline.connect("ada").await;
    let first = record(&pipeline, "ada").await.unwrap();
    assert_eq!(first.metadata.custody, Custody::Vault);
    let old = request(&pipeline, "ada").await;
    tokens(&exchange(&pipeline, &old).await);
    unparked(&pipeline, "ada").await;
    let second = record(&pipeline, "ada").await.unwrap();
    assert_eq!((second.metadata.custody, second.metadata.next_due), (Custody::Device, None));
    assert_eq!(second.metadata.created_at, first.metadata.created_at);
    pipeline.connect("ada").await;
    let third = record(&pipeline, "ada").await.unwrap();
    assert_eq!(third.metadata.custody, Custody::Vault);
    assert!(park(&pipeline, "ada").await.is_none());
    // the older request is told that its tokens are none any more
    assert_eq!(code(&exchange(&pipeline, &old).await), "tokens-superseded");
}

#[tokio::test]
async fn a_token_that_rests_with_the_user_is_not_brought_in_and_one_that_rests_here_not_given_out() {
    let pipeline = Pipeline::start().await;
    let _worker = pipeline.worker().await;
    let held = connected(&pipeline, "ada").await;
    let mut bring = exchange_request("acme", "ada", &pipeline.consent("ada").await);
    bring["grant"] = json!({"type": "refresh_token", "refresh_token": held["refresh_token"]});
    assert_eq!(code(&exchange(&pipeline, &bring).await), "token-held");

    let minted = pipeline.sandbox.mint_tokens("grace").await;
    let mut bring = exchange_request("acme", "grace", &pipeline.consent("grace").await);
    bring["grant"] = json!({"type": "refresh_token", "refresh_token": minted["refresh_token"]});
    bring["store_on_device"] = true.into();
    let answer = exchange(&pipeline, &bring).await;
    assert_eq!(answer["outcome"], "on-device", "{answer}");
    assert_ne!(tokens(&answer)["refresh_token"], minted["refresh_token"]);
    assert_eq!(calls(&pipeline, "refresh_token").await, json!({"ok": 1}));
}
