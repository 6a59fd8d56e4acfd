//! On behalf of a user: what is given out, what is checked of the assertion, and what the user's troubles look like.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use reqwest::Method;
use sealpost_tests::Azure;
use serde_json::{Value, json};

use super::{WALL, number, text};

const USE: &str = "on_behalf_of";

async fn asked(azure: &Azure, assertion: &str, how: &str, scope: &str) -> (u16, Value) {
    let form = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
        ("client_id", &azure.places.client_id),
        ("client_secret", &azure.places.client_secret),
        ("assertion", assertion),
        ("scope", scope),
        ("requested_token_use", how),
    ];
    azure.token(&form).await
}

fn claims(token: &str) -> Value {
    let claims = token.split('.').nth(1).expect("three parts");
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap()
}

#[tokio::test]
async fn a_users_token_for_us_becomes_one_for_another_with_refresh_and_id_token() {
    let azure = Azure::start().await;
    let mine = azure.user_token("ada", json!({})).await;
    let (status, tokens) = asked(&azure, &mine, USE, WALL).await;
    assert_eq!(status, 200, "{tokens}");
    let (mine, access, id) = (claims(&mine), claims(text(&tokens, "access_token")), claims(text(&tokens, "id_token")));
    assert_eq!((&access["aud"], &access["scp"]), (&json!("api://wall"), &json!("Posts.Write")));
    for claim in ["oid", "tid", "iss"] {
        assert_eq!((&access[claim], &id[claim]), (&mine[claim], &mine[claim]), "{claim}");
    }
    assert_eq!((&access["azp"], &id["aud"]), (&json!(azure.places.client_id), &json!(azure.places.client_id)));
    assert!(id.get("nonce").is_none() && id["sub"] != access["sub"], "pairwise: {id}");
    assert!(text(&tokens, "refresh_token").starts_with("spr_"));
    let less = asked(&azure, &azure.user_token("ada", json!({})).await, USE, "api://wall/.default").await.1;
    assert!(less.get("refresh_token").is_none() && less.get("id_token").is_none(), "only what is asked for: {less}");
}

#[tokio::test]
async fn an_assertion_is_checked_in_every_way() {
    let azure = Azure::start().await;
    let good = azure.user_token("ada", json!({})).await;
    let (signed, _) = good.rsplit_once('.').unwrap();
    let (_, signature) = good.rsplit_once('.').unwrap();
    let other = azure.user_token("grace", json!({})).await;
    let (other, _) = other.rsplit_once('.').unwrap();
    let service = azure.vault_token(&azure.places.client_id, &azure.places.client_secret).await;
    let issuer = format!("{}/{}/v2.0", azure.places.authority, azure.places.tenants[1]);
    for (assertion, code) in [
        ("garbage".to_owned(), 50_027),
        (format!("{signed}.AAAA"), 50_013),
        (format!("{other}.{signature}"), 50_013),
        (azure.user_token("ada", json!({"iss": issuer})).await, 50_013),
        (azure.user_token("ada", json!({"aud": "api://wall"})).await, 500_131),
        (azure.user_token("ada", json!({"exp": 1_700_000_000})).await, 500_133),
        (azure.user_token("ada", json!({"scp": null})).await, 7_000_114),
        (service, 500_131),
    ] {
        let (status, refused) = asked(&azure, &assertion, USE, WALL).await;
        assert_eq!((status, number(&refused)), (400, ("invalid_grant", code)), "{refused}");
        for member in ["trace_id", "correlation_id", "timestamp"] {
            assert!(refused[member].is_string(), "{member}: {refused}");
        }
        assert!(text(&refused, "error_description").starts_with(&format!("AADSTS{code}: ")));
    }
    assert_eq!(number(&asked(&azure, &good, "other", WALL).await.1), ("invalid_request", 90_014));
    assert_eq!(number(&asked(&azure, &good, USE, "api://wall/Posts.Burn").await.1), ("invalid_scope", 70_011));
    assert_eq!(number(&asked(&azure, &good, USE, "api://nowhere/X").await.1), ("invalid_resource", 500_011));
    assert_eq!(asked(&azure, &good, USE, WALL).await.0, 200);
}

#[tokio::test]
async fn a_claims_challenge_is_told_whole_until_the_user_has_met_it() {
    let azure = Azure::start().await;
    let wanted = r#"{"access_token":{"acrs":{"essential":true,"value":"c1"}}}"#;
    let refuse = json!({"error": "interaction_required", "code": 50076, "message": "Use multi-factor authentication.",
                        "suberror": "basic_action", "claims": wanted});
    let mine = azure.user_token("ada", json!({})).await;
    azure.admin(Method::POST, "users", json!({"user": "ada", "refuse": refuse})).await;
    let (status, refused) = asked(&azure, &mine, USE, WALL).await;
    assert_eq!((status, number(&refused)), (400, ("interaction_required", 50_076)));
    assert_eq!((text(&refused, "claims"), text(&refused, "suberror")), (wanted, "basic_action"));
    let theirs = azure.user_token("grace", json!({})).await;
    assert_eq!(asked(&azure, &theirs, USE, WALL).await.0, 200, "nobody else is asked");
    let met = azure.user_token("ada", json!({"acrs": ["c1"]})).await;
    assert_eq!(asked(&azure, &met, USE, WALL).await.0, 200);
    azure.admin(Method::POST, "users", json!({"user": "ada"})).await;
    assert_eq!(asked(&azure, &mine, USE, WALL).await.0, 200, "it was taken back");
}

#[tokio::test]
async fn a_new_signing_key_leaves_old_tokens_good_until_the_old_key_is_forgotten() {
    let azure = Azure::start().await;
    let old = azure.user_token("ada", json!({})).await;
    azure.admin(Method::POST, "keys", json!({})).await;
    assert_eq!(asked(&azure, &old, USE, WALL).await.0, 200);
    azure.admin(Method::POST, "keys", json!({"forget_old": true})).await;
    assert_eq!(number(&asked(&azure, &old, USE, WALL).await.1), ("invalid_grant", 50_013));
    let new = azure.user_token("ada", json!({})).await;
    assert_eq!(asked(&azure, &new, USE, WALL).await.0, 200);
}
