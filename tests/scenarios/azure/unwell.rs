//! The faults of vault, tenant and managed identity.

use std::time::Duration;

use reqwest::Method;
use sealpost_tests::azure::answered;
use sealpost_tests::{Azure, until};
use serde_json::json;

use super::{Caller, codes, number};

#[tokio::test]
async fn a_throttled_vault_says_when_to_come_again_and_is_well_after_as_many_requests() {
    let azure = Azure::start().await;
    azure.new_version("keys-one", "dek", "a").await;
    let caller = Caller::officer(&azure, "keys-one").await;
    let throttled = json!({"at": "vault", "kind": "status", "status": 429, "headers": {"retry-after": "7"}, "n": 2});
    azure.fault(throttled).await;
    let url = format!("{}/secrets/dek?api-version=7.4", azure.vault_url("keys-one"));
    let bare = answered(azure.request(Method::GET, &url)).await;
    assert_eq!(bare.0, 401, "a request without a token eats no fault");
    let answer = azure.request(Method::GET, &url).bearer_auth(&caller.token).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), &answer.headers()["retry-after"]), (429, &"7".parse().unwrap()));
    assert_eq!(codes(&caller.get("secrets/dek").await.1), ("Throttled", None));
    assert_eq!(caller.get("secrets/dek").await.0, 200);
    assert_eq!((azure.faults_fired().await, azure.count("keys-one", "get-latest", "dek").await), (2, 1));
}

#[tokio::test]
async fn a_fault_lasts_until_it_is_taken_back_and_meets_only_what_it_is_for() {
    let azure = Azure::start().await;
    azure.new_version("keys-one", "dek", "a").await;
    azure.new_version("keys-two", "dek", "a").await;
    let (one, two) = tokio::join!(Caller::officer(&azure, "keys-one"), Caller::officer(&azure, "keys-two"));
    azure.fault(json!({"at": "vault", "vault": "keys-one", "kind": "status", "status": 503, "always": true})).await;
    for _ in 0..3 {
        assert_eq!(one.get("secrets/dek").await.0, 503);
    }
    assert_eq!(two.get("secrets/dek").await.0, 200);
    azure.well_again().await;
    assert_eq!(one.get("secrets/dek").await.0, 200);
    azure.fault(json!({"at": "vault", "operation": "set", "kind": "status", "status": 500})).await;
    assert_eq!(one.get("secrets/dek").await.0, 200);
    assert_eq!(one.call(Method::PUT, "secrets/dek", json!({"value": "b"})).await.0, 500);
    assert_eq!(one.call(Method::PUT, "secrets/dek", json!({"value": "b"})).await.0, 200);
}

#[tokio::test]
async fn a_vault_can_hang_and_break_off() {
    let azure = Azure::start().await;
    azure.new_version("keys-one", "dek", "a").await;
    let caller = Caller::officer(&azure, "keys-one").await;
    let url = format!("{}/secrets/dek?api-version=7.4", azure.vault_url("keys-one"));
    let ask = || azure.request(Method::GET, &url).bearer_auth(&caller.token).send();
    azure.fault(json!({"at": "vault", "kind": "drop"})).await;
    assert!(ask().await.is_err());
    azure.fault(json!({"at": "vault", "kind": "tear", "when": "after"})).await;
    assert!(ask().await.unwrap().bytes().await.is_err());
    azure.fault(json!({"at": "vault", "kind": "hang"})).await;
    let hanging = tokio::spawn(ask());
    until("the fault meets it", Duration::from_secs(20), async || azure.faults_fired().await == 3).await;
    assert!(!hanging.is_finished());
    hanging.abort();
    assert_eq!(caller.get("secrets/dek").await.0, 200);
}

#[tokio::test]
async fn the_tenant_and_the_managed_identity_can_be_unwell_too() {
    let azure = Azure::start().await;
    let places = &azure.places;
    azure.fault(json!({"at": "tenant", "path": "token", "kind": "status", "status": 503})).await;
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", &places.client_id),
        ("client_secret", &places.client_secret),
        ("scope", "https://vault.azure.net/.default"),
    ];
    let (status, refused) = azure.token(&form).await;
    assert_eq!((status, number(&refused)), (503, ("temporarily_unavailable", 90033)));
    assert_eq!(azure.token(&form).await.0, 200);
    azure.fault(json!({"at": "identity", "kind": "status", "status": 500})).await;
    let url = format!("{}?resource=https://vault.azure.net&api-version=2019-08-01", places.identity_endpoint);
    let ask = || azure.request(Method::GET, &url).header("x-identity-header", &places.identity_header);
    assert_eq!(answered(ask()).await.0, 500);
    assert_eq!(answered(ask()).await.0, 200);
}
