//! How a client proves itself: by secret, by a certificate's assertion, and as a workload.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use reqwest::Method;
use sealpost_tests::Azure;
use sealpost_tests::azure::VAULT_SCOPE;
use serde_json::{Value, json};

use super::number;

async fn by(azure: &Azure, name: &str, value: &str) -> (u16, Value) {
    let mut form = vec![
        ("grant_type", "client_credentials"),
        ("client_id", azure.places.client_id.as_str()),
        ("scope", VAULT_SCOPE),
        (name, value),
    ];
    if name == "client_assertion" {
        form.push(("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"));
    }
    azure.token(&form).await
}

#[tokio::test]
async fn a_secret_is_compared_and_a_tenant_looked_for() {
    let azure = Azure::start().await;
    assert_eq!(by(&azure, "client_secret", &azure.places.client_secret).await.0, 200);
    let (status, refused) = by(&azure, "client_secret", "other").await;
    assert_eq!((status, number(&refused)), (401, ("invalid_client", 7_000_215)));
    assert_eq!(number(&by(&azure, "other", "x").await.1), ("invalid_client", 7_000_218));
    assert_eq!(azure.count(&azure.places.tenant, "client_credentials", &azure.places.client_id).await, 1);
}

#[tokio::test]
async fn a_workloads_token_is_exchanged_when_it_is_of_its_cluster_for_the_exchange_and_timely() {
    let azure = Azure::start().await;
    let token = azure.workload_token().await;
    assert_eq!(std::fs::read_to_string(&azure.places.federated_token_file).unwrap(), token);
    assert_eq!(by(&azure, "client_assertion", &token).await.0, 200);
    assert_eq!(by(&azure, "client_assertion", &token).await.0, 200, "it is no assertion of the client's own");
    for (changed, code) in [
        (json!({"iss": "https://elsewhere"}), 700_211),
        (json!({"aud": ["api://other"]}), 700_212),
        (json!({"sub": "system:serviceaccount:other:worker"}), 700_213),
        (json!({"exp": 1_700_000_000}), 700_024),
    ] {
        let token = azure.admin(Method::POST, "workload", changed).await;
        let (status, refused) = by(&azure, "client_assertion", token["token"].as_str().unwrap()).await;
        assert_eq!((status, number(&refused)), (401, ("invalid_client", code)));
    }
    let (signed, _) = token.rsplit_once('.').unwrap();
    let forged = format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode([0; 256]));
    assert_eq!(number(&by(&azure, "client_assertion", &forged).await.1), ("invalid_client", 50_013));
}
