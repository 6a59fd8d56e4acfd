//! Whose tokens are kept for whom: the owner's, by the word of a verified ID token.

use reqwest::Method;
use sealpost_shared::clock::{Clock, SystemClock};
use serde_json::{Value, json};

use super::{Proof, World, failed, request, said};

#[tokio::test]
async fn an_assertion_of_another_user_or_tenant_is_refused_and_nothing_is_spent() {
    let world = World::start(Proof::Secret).await;
    let _worker = world.pipeline.worker().await;
    let (ada, mut elsewhere) = (world.owner("ada").await, world.owner("ada").await);
    elsewhere["tenant"] = world.azure.places.tenants[1].as_str().into();
    let mut loud = ada.clone();
    loud["user"] = loud["user"].as_str().unwrap().to_uppercase().into();
    for (owner, user) in [(&ada, "grace"), (&elsewhere, "ada"), (&loud, "ada")] {
        let request = world.request(owner, user).await;
        let answer = world.ask(&request).await;
        failed(&answer, "owner-mismatch");
        assert!(answer["failure"]["message"].as_str().unwrap().contains("it was not sent"), "{answer}");
        assert_eq!(world.ask(&request).await, answer, "the same is told again");
        assert!(world.record(owner).await.is_none());
    }
    let answer = world.ask(&world.request(&json!({"tenant": "acme", "user": "ada"}), "ada").await).await;
    failed(&answer, "owner-mismatch");
    let mut other_issuer = world.request(&ada, "ada").await;
    other_issuer["grant"]["iss"] = "https://elsewhere.example/v2.0".into();
    failed(&world.ask(&other_issuer).await, "invalid-grant");
    assert_eq!(world.exchanges().await, 0);
    assert_eq!(world.pipeline.rig.broker.depth("dead-letters").await, 0, "an assertion lies among the dead letters");
    let answer = world.ask(&world.request(&ada, "ada").await).await;
    assert_eq!(answer["outcome"], "stored", "{answer}");
}

#[tokio::test]
async fn an_id_token_that_is_not_the_owners_or_fails_a_check_stores_nothing() {
    let world = World::start(Proof::Secret).await;
    let worker = world.pipeline.worker().await;
    let owner = world.owner("ada").await;
    let (client, at) = (&world.azure.places.client_id, SystemClock.now().as_second());
    let other_tenant = &world.azure.places.tenants[1];
    let issuer = |tenant: &str| format!("{}/{tenant}/v2.0", world.azure.places.authority);
    let id_token = async |user: &str, changed: Value| {
        let mut claims = json!({"aud": client, "scp": null});
        claims.as_object_mut().unwrap().extend(changed.as_object().unwrap().clone());
        Value::from(world.azure.user_token(user, claims).await)
    };
    let good = id_token("ada", json!({})).await;
    let (signed, _) = good.as_str().unwrap().rsplit_once('.').unwrap();
    let forged = json!(format!("{signed}.{}", "A".repeat(342)));
    let whole = json!({"tid": other_tenant, "iss": issuer(other_tenant)});
    for (id_token, code, named) in [
        (id_token("grace", json!({})).await, "owner-mismatch", "another user or tenant"),
        (id_token("ada", whole).await, "owner-mismatch", "another user or tenant"),
        (id_token("ada", json!({"iss": issuer(other_tenant)})).await, "id-token-invalid", "issuer"),
        (id_token("ada", json!({"tid": other_tenant})).await, "id-token-invalid", "issuer"),
        (id_token("ada", json!({"iss": issuer("common"), "tid": "common"})).await, "id-token-invalid", "issuer"),
        (id_token("ada", json!({"tid": null})).await, "id-token-invalid", "issuer"),
        (id_token("ada", json!({"oid": null})).await, "id-token-invalid", "user and tenant"),
        (id_token("ada", json!({"aud": "api://wall"})).await, "id-token-invalid", "another client"),
        (id_token("ada", json!({"exp": at - 400})).await, "id-token-invalid", "expired"),
        (forged, "id-token-invalid", "signature"),
        (json!("garbage"), "id-token-invalid", "no signed JWT"),
        (Value::Null, "id-token-invalid", "there is none"),
    ] {
        let request = world.request(&owner, "ada").await;
        let edit =
            json!({"at": "tenant", "path": "token", "kind": "edit", "when": "after", "set": {"id_token": id_token}});
        world.azure.fault(edit).await;
        let answer = world.ask(&request).await;
        failed(&answer, code);
        let message = answer["failure"]["message"].as_str().unwrap();
        assert!(message.contains(named) && message.contains("nothing was stored"), "{id_token}: {message}");
        assert!(world.record(&owner).await.is_none(), "{id_token}");
        assert!(!answer.to_string().contains("eyJ"), "a token is quoted in {answer}");
    }
    assert!(!worker.log().contains("eyJ"), "a token is in the log");
    world.connect("ada").await;
}

#[tokio::test]
async fn a_key_that_signs_for_one_tenant_is_not_believed_for_another() {
    let world = World::start(Proof::Secret).await;
    let owner = world.owner("ada").await;
    let url = format!("{}/common/discovery/v2.0/keys", world.azure.places.authority);
    let keys: Value = world.azure.request(Method::GET, &url).send().await.unwrap().json().await.unwrap();
    for (tenant, stored) in [(&world.azure.places.tenants[1], false), (&world.azure.places.tenants[0], true)] {
        let mut keys = keys["keys"].clone();
        keys[0]["issuer"] = format!("{}/{tenant}/v2.0", world.azure.places.authority).into();
        world.azure.well_again().await;
        let edit = json!({
            "at": "tenant", "path": "keys", "kind": "edit", "when": "after", "always": true, "set": {"keys": keys},
        });
        world.azure.fault(edit).await;
        // one that has no keys yet
        let worker = world.pipeline.worker().await;
        let answer = world.ask(&world.request(&owner, "ada").await).await;
        if stored {
            assert_eq!(answer["outcome"], "stored", "{answer}");
        } else {
            failed(&answer, "id-token-invalid");
            assert!(
                answer["failure"]["message"].as_str().unwrap().contains("key signs for another issuer"),
                "{answer}"
            );
        }
        worker.terminate();
        assert!(worker.ended().await.success());
    }
}

#[tokio::test]
async fn an_assertion_that_the_tenant_refuses_is_sent_once_and_its_words_are_told() {
    let world = World::start(Proof::Secret).await;
    let _worker = world.pipeline.worker().await;
    let owner = world.owner("ada").await;
    for (number, (changed, code)) in [
        (json!({"aud": "api://wall"}), 500_131),
        (json!({"exp": 1_700_000_000}), 500_133),
        (json!({"scp": null}), 7_000_114),
    ]
    .into_iter()
    .enumerate()
    {
        let request = request(&owner, &world.azure.user_token("ada", changed).await);
        let answer = world.ask(&request).await;
        failed(&answer, "invalid-grant");
        assert_eq!((said(&answer, "error_codes"), said(&answer, "error")), (&json!([code]), &json!("invalid_grant")));
        assert_eq!(world.ask(&request).await, answer);
        assert_eq!(world.exchanges().await, number as u64 + 1);
        assert!(world.record(&owner).await.is_none());
    }
}

#[tokio::test]
async fn an_assertion_for_a_provider_that_does_not_name_accounts_by_tenant_is_not_sent() {
    let world = World::start(Proof::Secret).await;
    world.write_entry(Proof::Secret, |oauth| {
        let tenant = world.tenant();
        for field in ["issuer", "token_url"] {
            let url = oauth[field].as_str().unwrap().replace("{tenantid}", tenant);
            oauth.insert(field.into(), url.into());
        }
        oauth.retain(|name, _| !["account", "owner_is_account"].contains(&name));
    });
    let _worker = world.pipeline.worker().await;
    let answer = world.ask(&world.request(&world.owner("ada").await, "ada").await).await;
    failed(&answer, "not-supported");
    assert_eq!(world.exchanges().await, 0);
    world.pipeline.dead_letter().await;
}
