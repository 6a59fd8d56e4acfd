//! The vault: tokens, roles, versions, and the way to deletion and back.

use std::collections::BTreeSet;

use reqwest::Method;
use sealpost_tests::Azure;
use sealpost_tests::azure::{VAULT_SCOPE, answered};
use serde_json::{Value, json};

use super::{Caller, codes, text};

fn version(bundle: &Value) -> &str {
    text(bundle, "id").rsplit('/').next().unwrap()
}

#[tokio::test]
async fn versions_are_set_got_listed_over_pages_and_disabled() {
    let azure = Azure::start().await;
    let caller = Caller::officer(&azure, "keys-one").await;
    let mut made = Vec::new();
    for value in ["a", "b", "c"] {
        let (status, set) = caller.call(Method::PUT, "secrets/tokens-acme", json!({"value": value})).await;
        assert_eq!(status, 200, "{set}");
        made.push(version(&set).to_owned());
    }
    let (_, latest) = caller.get("secrets/tokens-acme/").await;
    assert_eq!((text(&latest, "value"), version(&latest)), ("c", made[2].as_str()));
    let first = format!("secrets/tokens-acme/{}", made[0]);
    assert_eq!(text(&caller.get(&first).await.1, "value"), "a");

    let (mut page, mut found) = (caller.get("secrets/tokens-acme/versions?maxresults=2").await.1, BTreeSet::new());
    let mut pages = 1;
    loop {
        for listed in page["value"].as_array().unwrap() {
            assert_eq!(listed.get("value"), None, "a list tells no value");
            found.insert(version(listed).to_owned());
        }
        let Some(next) = page["nextLink"].as_str() else { break };
        page = answered(azure.request(Method::GET, next).bearer_auth(&caller.token)).await.1;
        pages += 1;
    }
    assert_eq!((found, pages), (made.iter().cloned().collect(), 2));

    let off = json!({"attributes": {"enabled": false}});
    assert_eq!(caller.call(Method::PATCH, &first, off).await.0, 200);
    let (status, refused) = caller.get(&first).await;
    assert_eq!((status, codes(&refused)), (403, ("Forbidden", Some("SecretDisabled"))));
    assert_eq!(caller.get("secrets/tokens-acme").await.0, 200, "the latest is another");
    assert_eq!(codes(&caller.get("secrets/tokens-acme/0000").await.1).0, "SecretNotFound");
    assert_eq!(azure.count("keys-one", "get-version", "tokens-acme").await, 1, "only what was told");
}

#[tokio::test]
async fn a_deleted_secret_is_gone_until_it_is_recovered_or_purged() {
    let azure = Azure::start().await;
    let caller = Caller::officer(&azure, "keys-one").await;
    azure.new_version("keys-one", "dek", "a").await;
    assert_eq!(caller.call(Method::DELETE, "secrets/dek", Value::Null).await.0, 200);
    assert_eq!(caller.get("secrets/dek").await.0, 404);
    let (status, conflict) = caller.call(Method::PUT, "secrets/dek", json!({"value": "b"})).await;
    assert_eq!((status, codes(&conflict)), (409, ("Conflict", Some("ObjectIsDeletedButRecoverable"))));
    let listed = caller.get("deletedsecrets").await.1;
    assert!(text(&listed["value"][0], "recoveryId").ends_with("/deletedsecrets/dek"), "{listed}");
    assert_eq!(caller.call(Method::POST, "deletedsecrets/dek/recover", Value::Null).await.0, 200);
    assert_eq!(text(&caller.get("secrets/dek").await.1, "value"), "a");
    assert_eq!(caller.call(Method::DELETE, "secrets/dek", Value::Null).await.0, 200);
    azure.admin(Method::POST, "vaults", json!({"name": "keys-one", "purge_protection": true})).await;
    assert_eq!(caller.call(Method::DELETE, "deletedsecrets/dek", Value::Null).await.0, 403);
    azure.admin(Method::POST, "vaults", json!({"name": "keys-one"})).await;
    assert_eq!(caller.call(Method::DELETE, "deletedsecrets/dek", Value::Null).await.0, 204);
    assert_eq!(caller.call(Method::PUT, "secrets/dek", json!({"value": "b"})).await.0, 200);
}

#[tokio::test]
async fn who_may_only_get_sets_and_lists_nothing() {
    let azure = Azure::start().await;
    azure.new_version("keys-one", "dek", "a").await;
    let token = azure.vault_token(&azure.places.reader_id, &azure.places.reader_secret).await;
    let reader = Caller { azure: &azure, vault: "keys-one", token };
    assert_eq!(reader.get("secrets/dek").await.0, 200);
    assert_eq!(reader.get("secrets/dek/versions").await.0, 200);
    let (status, refused) = reader.call(Method::PUT, "secrets/dek", json!({"value": "b"})).await;
    assert_eq!((status, codes(&refused)), (403, ("Forbidden", Some("ForbiddenByRbac"))));
    azure.role("keys-one", &azure.places.reader_id, "get-only").await;
    assert_eq!(reader.get("secrets/dek").await.0, 200);
    assert_eq!(reader.get("secrets/dek/versions").await.0, 403);
    azure.role("keys-one", &azure.places.reader_id, "none").await;
    azure.admin(Method::POST, "vaults", json!({"name": "keys-one", "policies": true})).await;
    assert_eq!(codes(&reader.get("secrets/dek").await.1).1, Some("AccessDenied"));
}

#[tokio::test]
async fn a_vault_takes_no_token_that_is_not_signed_for_it_and_good_now() {
    let azure = Azure::start().await;
    azure.new_version("keys-one", "dek", "a").await;
    let url = format!("{}/secrets/dek?api-version=7.4", azure.vault_url("keys-one"));
    let bare = azure.request(Method::GET, &url).send().await.unwrap();
    let challenge = bare.headers()["www-authenticate"].to_str().unwrap().to_owned();
    let wanted = format!(
        r#"Bearer authorization="{}/{}", resource="https://vault.azure.net""#,
        azure.places.authority, azure.places.tenant
    );
    assert_eq!((bare.status().as_u16(), challenge), (401, wanted));

    let good = azure.vault_token(&azure.places.client_id, &azure.places.client_secret).await;
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let other = azure.user_token("ada", json!({})).await;
    let (other_signed, _) = other.rsplit_once('.').unwrap();
    let vaults = |claims: Value| {
        let mut claims = claims;
        claims["aud"] = claims.get("aud").cloned().unwrap_or_else(|| "https://vault.azure.net".into());
        claims["azp"] = azure.places.client_id.as_str().into();
        claims
    };
    let issuer = format!("{}/{}/v2.0", azure.places.authority, azure.places.tenants[1]);
    let bad = [
        "garbage".to_owned(),
        format!("{signed}."),
        format!("{other_signed}.{signature}"),
        azure.user_token("ada", vaults(json!({"aud": "api://sealpost"}))).await,
        azure.user_token("ada", vaults(json!({"exp": 1_700_000_000}))).await,
        azure.user_token("ada", vaults(json!({"exp": null}))).await,
        azure.user_token("ada", vaults(json!({"nbf": 4_000_000_000_u64, "exp": 4_000_000_001_u64}))).await,
        azure.user_token("ada", vaults(json!({"iss": issuer}))).await,
    ];
    for token in &bad {
        let answer = azure.request(Method::GET, &url).bearer_auth(token).send().await.unwrap();
        assert_eq!(answer.status(), 401, "{token}");
        assert!(answer.headers().contains_key("www-authenticate"));
    }
    let same_but_good = azure.user_token("ada", vaults(json!({}))).await;
    for token in [good, same_but_good] {
        assert_eq!(answered(azure.request(Method::GET, &url).bearer_auth(token)).await.0, 200);
    }
}

#[tokio::test]
async fn what_azure_would_not_take_is_not_taken() {
    let azure = Azure::start().await;
    let caller = Caller::officer(&azure, "keys-one").await;
    let long = "n".repeat(128);
    for (name, body) in [
        ("a_b", json!({"value": "v"})),
        (long.as_str(), json!({"value": "v"})),
        ("dek", json!({"value": "v".repeat(25_601)})),
        ("dek", json!({"attributes": {"enabled": true}})),
        ("dek", json!({"value": "v", "attributes": {"nbf": 5, "exp": 4}})),
    ] {
        let (status, refused) = caller.call(Method::PUT, &format!("secrets/{name}"), body).await;
        assert_eq!((status, codes(&refused).0), (400, "BadParameter"), "{name}");
    }
    let past = json!({"value": "v", "attributes": {"exp": 1_700_000_000}});
    assert_eq!(caller.call(Method::PUT, "secrets/dek", past).await.0, 200);
    assert_eq!(caller.get("secrets/dek").await.0, 200, "an expired secret is told: exp is informational");
    assert_eq!(caller.get("secrets?maxresults=26").await.0, 400);
    let url = format!("{}/secrets/dek", azure.vault_url("keys-one"));
    assert_eq!(answered(azure.request(Method::GET, &url).bearer_auth(&caller.token)).await.0, 400, "no api-version");
    let elsewhere = format!("https://localhost:{}/secrets/dek?api-version=7.4", azure.places.vault_port);
    assert_eq!(answered(azure.request(Method::GET, &elsewhere).bearer_auth(&caller.token)).await.0, 404);
}

#[tokio::test]
async fn vaults_are_apart_and_a_managed_identity_answers_in_texts() {
    let azure = Azure::start().await;
    azure.new_version("keys-one", "dek", "a").await;
    let url = format!("{}?resource=https://vault.azure.net&api-version=2019-08-01", azure.places.identity_endpoint);
    assert_eq!(answered(azure.request(Method::GET, &url)).await.0, 401, "without the header");
    let asked = azure.request(Method::GET, &url).header("x-identity-header", &azure.places.identity_header);
    let (status, token) = answered(asked).await;
    assert_eq!(status, 200, "{token}");
    assert!(text(&token, "expires_on").parse::<i64>().is_ok() && text(&token, "expires_in") == "3600", "{token}");
    let token = text(&token, "access_token").to_owned();
    let here = Caller { azure: &azure, vault: "keys-one", token: token.clone() };
    assert_eq!(here.get("secrets/dek").await.0, 200);
    let there = Caller { azure: &azure, vault: "keys-two", token };
    assert_eq!(there.get("secrets/dek").await.0, 404);
    assert!(VAULT_SCOPE.starts_with("https://vault.azure.net/"));
}
