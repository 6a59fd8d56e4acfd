//! ID tokens of a server that others wrote, with each of its signatures.

use std::fmt::Write;

use sealpost_tests::Pipeline;
use sealpost_tests::oidc_peer::OidcPeer;
use sealpost_tests::pipeline::{Consent, REDIRECT, exchange_request};
use serde_json::{Value, json};

use super::{exchange, failed, pkce, stored};

/// The server's clients: the algorithm of its ID tokens is in the client's name.
const CLIENTS: [&str; 4] = ["sealpost", "ps256", "es256", "eddsa"];

/// A pipeline that has each client as a provider of its own.
async fn start() -> (Pipeline, OidcPeer) {
    let (pipeline, peer) = tokio::join!(Pipeline::start(), OidcPeer::start());
    let (at, mut entries) = (peer.issuer(), String::new());
    for client in CLIENTS {
        writeln!(
            entries,
            "[{client}.oauth]\nissuer = '{at}'\njwks_url = '{at}/jwks'\nauthorize_url = '{at}/auth'\n\
             token_url = '{at}/token'\nclient_id = '{client}'\nclient_secret = {{ file = 'client.secret' }}"
        )
        .unwrap();
    }
    pipeline.write("providers.toml", &entries);
    (pipeline, peer)
}

async fn request(peer: &OidcPeer, client: &str, account: &str) -> Value {
    let (verifier, challenge) = pkce();
    let consent = json!({
        "user": account, "client_id": client, "redirect_uri": REDIRECT, "code_challenge": challenge, "nonce": "n-1",
    });
    let code = peer.mint_code(consent).await;
    let mut request = exchange_request("acme", "ada", &Consent { code, verifier });
    request["provider"] = client.into();
    (request["grant"]["nonce"], request["grant"]["iss"]) = ("n-1".into(), peer.issuer().into());
    request
}

#[tokio::test]
async fn every_signature_of_another_make_is_checked_and_its_account_kept() {
    let (pipeline, peer) = start().await;
    let worker = pipeline.worker().await;
    for client in CLIENTS {
        let subject = |changed: bool| json!({"id": "ada", "changed": changed});
        let answer = exchange(&pipeline, &request(&peer, client, "ada").await).await;
        assert_eq!(stored(&answer), subject(false), "{client}");
        failed(&exchange(&pipeline, &request(&peer, client, "grace").await).await, "subject-changed");
        assert_eq!(
            stored(&exchange(&pipeline, &request(&peer, client, "ada").await).await),
            subject(false),
            "{client}"
        );
    }
    assert!(!worker.log().contains("eyJ"), "a token is in the log");
}

#[tokio::test]
async fn another_nonce_or_issuer_than_the_consents_stores_nothing() {
    let (pipeline, peer) = start().await;
    let _worker = pipeline.worker().await;
    let mut odd = request(&peer, "sealpost", "ada").await;
    odd["grant"]["nonce"] = "n-2".into();
    let answer = exchange(&pipeline, &odd).await;
    failed(&answer, "id-token-invalid");
    assert!(answer["failure"]["message"].as_str().unwrap().contains("nonce"), "{answer}");
    let mut mixed = request(&peer, "sealpost", "ada").await;
    mixed["grant"]["iss"] = "https://elsewhere.example".into();
    failed(&exchange(&pipeline, &mixed).await, "invalid-grant");
    // it was not sent, so it is still good
    mixed["grant"]["iss"] = peer.issuer().into();
    mixed["id"] = json!(sealpost_shared::ids::fresh());
    assert_eq!(stored(&exchange(&pipeline, &mixed).await)["id"], "ada");
}
