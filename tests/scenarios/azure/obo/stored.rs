//! What a consent of the Microsoft identity platform becomes: a connection like any other.

use reqwest::Method;
use sealpost_shared::clock::{Clock, SystemClock};
use sealpost_shared::ids;
use sealpost_shared::records::Custody;
use sealpost_tests::pipeline::{REDIRECT, SOON};
use sealpost_tests::until;
use serde_json::{Value, json};
use url::Url;

use super::{Proof, World};

/// The example of RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const PKCE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

#[tokio::test]
async fn a_users_token_becomes_a_connection_that_publishes_and_is_refreshed_however_the_client_proves_itself() {
    for proof in [Proof::Secret, Proof::Certificate] {
        let world = World::start(proof).await;
        let _worker = world.pipeline.worker().await;
        let owner = world.owner("ada").await;
        world.settings(2, "stays-good").await;
        let request = world.request(&owner, "ada").await;
        let answer = world.ask(&request).await;
        let (oid, tid) = (owner["user"].as_str().unwrap(), world.tenant());
        assert_eq!(answer["outcome"], "stored", "{proof:?}: {answer}");
        let subject = json!({"id": format!("{oid}.{tid}"), "name": "ada@contoso.example", "changed": false});
        assert_eq!(answer["subject"], subject, "{proof:?}");
        assert!(answer["scopes"].as_array().unwrap().contains(&json!("https://graph.microsoft.com/ChatMessage.Send")));
        assert!(answer.get("tokens").is_none() && !answer.to_string().contains("eyJ"), "{answer}");
        assert_eq!(world.ask(&request).await, answer, "the same is told again");
        assert_eq!(world.pipeline.event("connection.stored").await.json(), answer);
        assert_eq!(world.exchanges().await, 1, "{proof:?}");

        let record = world.record(&owner).await.unwrap();
        assert_eq!(record.metadata.custody, Custody::Vault);
        let expires = record.metadata.access_expires_at.unwrap();
        until("the access token expires", SOON, async || SystemClock.now() > expires).await;
        world.settings(3600, "stays-good").await;
        for _ in 0..2 {
            let published = world.publish(&owner).await;
            assert_eq!(published["outcome"], "published", "{proof:?}: {published}");
        }
        let client = &world.azure.places.client_id;
        assert_eq!(world.azure.count(tid, "refresh_token", client).await, 1, "{proof:?}");
        assert_eq!(world.azure.asked(tid, "message").await, 2, "{proof:?}");
        assert_eq!(world.pipeline.event("connection.refreshed").await.json()["connection"]["user"], owner["user"]);
    }
}

#[tokio::test]
async fn a_code_from_the_page_of_all_tenants_is_exchanged_at_the_owners_own_and_kept_for_that_owner_alone() {
    for proof in [Proof::Secret, Proof::Certificate] {
        let world = World::start(proof).await;
        let _worker = world.pipeline.worker().await;
        let (ada, grace) = (world.owner("ada").await, world.owner("grace").await);
        let answer = world.ask(&by_code(&world, &ada).await).await;
        assert_eq!(answer["outcome"], "stored", "{proof:?}: {answer}");
        let client = &world.azure.places.client_id;
        assert_eq!(world.azure.count(world.tenant(), "authorization_code", client).await, 1, "{proof:?}");

        let answer = world.ask(&by_code(&world, &grace).await).await;
        super::failed(&answer, "owner-mismatch");
        assert!(world.record(&grace).await.is_none(), "ada said yes, and not grace");
        let acme = json!({"tenant": "acme", "user": "ada"});
        let answer = world.ask(&by_code(&world, &acme).await).await;
        super::failed(&answer, "owner-mismatch");
        assert_eq!(
            world.azure.asked(world.tenant(), "authorization_code").await,
            2,
            "not asked for a tenant that is none"
        );
    }
}

/// A request of this owner with a code that ada's consent brought.
async fn by_code(world: &World, owner: &Value) -> Value {
    let form = [
        ("client_id", world.azure.places.client_id.as_str()),
        ("redirect_uri", REDIRECT),
        ("response_type", "code"),
        ("scope", "https://graph.microsoft.com/ChatMessage.Send openid offline_access"),
        ("nonce", "n-1"),
        ("code_challenge", PKCE),
        ("code_challenge_method", "S256"),
        ("user", "ada@contoso.example"),
        ("decision", "allow"),
    ];
    let url = format!("{}/organizations/oauth2/v2.0/authorize", world.azure.places.authority);
    let answer = world.azure.request(Method::POST, &url).form(&form).send().await.unwrap();
    let back = Url::parse(answer.headers()["location"].to_str().unwrap()).unwrap();
    let code = back.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();
    json!({
        "id": ids::fresh(), "owner": owner, "provider": "entra",
        "grant": {
            "type": "authorization_code", "code": code, "redirect_uri": REDIRECT, "code_verifier": VERIFIER, "nonce": "n-1",
            "iss": format!("{}/{}/v2.0", world.azure.places.authority, world.tenant()),
        },
    })
}
