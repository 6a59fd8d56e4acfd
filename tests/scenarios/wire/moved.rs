//! A sealed secret in another place than its own: it does not open, nothing is spent, and the message is put aside as it came.

use sealpost_tests::pipeline::{exchange_request, publish_job};
use serde_json::{Value, json};

use super::{refused, sealed_request, spent, strict};

const TYPE: &str = "exchange-request.v1";

#[tokio::test]
async fn under_another_owner_reply_key_or_content_nothing_opens_and_nothing_is_spent() {
    let pipeline = strict().await;
    let _worker = pipeline.worker().await;
    let request = sealed_request(&pipeline).await;
    let before = spent(&pipeline).await;
    let verifier = request["grant"]["code_verifier"].clone();
    let cut = request["grant"]["code"]["sealed"].as_str().unwrap()[..60].to_owned();
    for (field, value) in [
        ("/owner/user", json!("mallory")),
        ("/owner/tenant", json!("evil")),
        ("/reply_key/x", json!("hSDwCYkwp1R0i33ctD73Wg2_Og0mOBr066SpjqqbTmo")),
        ("/reply_key", Value::Null),
        ("/id", json!("0199ab3c-7d00-7000-8000-000000000001")),
        ("/grant/redirect_uri", json!("http://127.0.0.1:6666/")),
        ("/grant/code", verifier),
        ("/grant/code/sealed", json!(cut)),
        ("/grant/code/sealed", json!("not base64url")),
        ("/store_on_device", json!(true)),
        ("/unknown", json!(1)),
    ] {
        let mut moved = request.clone();
        let (holder, name) = field.rsplit_once('/').unwrap();
        moved.pointer_mut(holder).unwrap()[name] = value;
        let (answer, letter) = refused(&pipeline, TYPE, &moved, "sealed-unreadable").await;
        assert_eq!(letter.json(), moved, "it is put aside as it came");
        assert!(answer["failure"]["message"].as_str().unwrap().starts_with("/grant/code"), "{answer}");
    }
    assert_eq!(spent(&pipeline).await, before);
    // and where it belongs it still does
    assert_eq!(pipeline.ask(TYPE, &request).await["outcome"], "stored");
}

#[tokio::test]
async fn in_another_queue_nothing_opens() {
    let pipeline = strict().await;
    let _worker = pipeline.worker().await;
    let mut request = exchange_request("acme", "ada", &pipeline.consent("ada").await);
    request["grant"] = json!({"type": "refresh_token", "refresh_token": "spr_anything"});
    let sealed = pipeline.sealed(TYPE, &request).await["grant"]["refresh_token"].clone();
    let mut job = publish_job("acme", "ada", "Hello");
    job["id"] = request["id"].clone();
    job["device_tokens"] = json!({"access_token": sealed});
    let (answer, _) = refused(&pipeline, "publish-job.v1", &job, "sealed-unreadable").await;
    assert!(answer["failure"]["message"].as_str().unwrap().starts_with("/device_tokens/access_token"), "{answer}");
}

#[tokio::test]
async fn a_key_that_is_not_there_is_told_from_a_secret_that_does_not_open() {
    let pipeline = strict().await;
    let _worker = pipeline.worker().await;
    let request = sealed_request(&pipeline).await;
    for key in ["4387e9f3d6e14c459867679a90fd0f79", "latest", "", "../tokens/x", "wire"] {
        let mut other = request.clone();
        other["grant"]["code"]["key"] = json!(key);
        let (answer, letter) = refused(&pipeline, TYPE, &other, "sealed-key-unknown").await;
        assert!(answer["failure"]["message"].as_str().unwrap().contains("sealpost keys jwks"), "{answer}");
        assert_eq!(letter.json(), other);
    }
}

#[tokio::test]
async fn a_number_that_not_all_read_as_the_same_is_refused_beside_a_sealed_secret() {
    let pipeline = strict().await;
    let _worker = pipeline.worker().await;
    let mut request = sealed_request(&pipeline).await;
    request["newer"] = json!(9_007_199_254_740_993_u64);
    let (answer, _) = refused(&pipeline, TYPE, &request, "sealed-unreadable").await;
    assert!(answer["failure"]["message"].as_str().unwrap().contains("2^53"), "{answer}");
}
