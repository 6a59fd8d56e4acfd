//! A server that others wrote: native clients are registered there with a loopback address without a port.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use sealpost_tests::Pipeline;
use sealpost_tests::browser::Browser;
use sealpost_tests::oidc_peer::OidcPeer;
use sealpost_tests::pipeline::SOON;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::world::{Connecting, asked, shown};

async fn start() -> (Pipeline, OidcPeer) {
    let (pipeline, peer) = tokio::join!(Pipeline::start(), OidcPeer::start());
    let at = peer.issuer();
    let entry = format!(
        "[peer.oauth]\nissuer = '{at}'\njwks_url = '{at}/jwks'\nauthorize_url = '{at}/auth'\ntoken_url = '{at}/token'\n\
         client_id = 'sealpost'\nclient_secret = {{ file = 'client.secret' }}\n\
         scopes = ['openid', 'offline_access', 'posts.write']\n"
    );
    pipeline.write("providers.toml", &entry);
    (pipeline, peer)
}

#[tokio::test]
async fn another_makes_server_takes_any_port_and_tells_whose_account_it_is() {
    let (pipeline, peer) = start().await;
    let _worker = pipeline.worker().await;
    let connecting = Connecting::start(&pipeline, "peer", &["--json"]).await;
    let landed = peer.consent("ada", connecting.url.clone()).await;
    assert_eq!(landed.path(), "/callback");
    assert!(landed.query_pairs().any(|(name, value)| name == "iss" && value == peer.issuer()), "{landed}");
    let said = connecting.end().await;
    assert!(said.good, "{said:?}");
    let answer = said.json();
    assert_eq!(
        (answer["outcome"].as_str(), answer["subject"]["id"].as_str()),
        (Some("stored"), Some("ada")),
        "{answer}"
    );
}

#[tokio::test]
async fn the_request_brings_along_what_the_worker_must_compare() {
    let (pipeline, peer) = start().await;
    let connecting = Connecting::start(&pipeline, "peer", &[]).await;
    let fields = [("code", "c-1"), ("state", &connecting.state()), ("iss", peer.issuer())];
    let landing = connecting.landing(&fields);
    let browser = tokio::spawn(async move { Browser::new().visit(landing).await });
    let sent = pipeline.rig.broker.next("exchange-requests", SOON).await.json();
    assert!(sent["grant"]["code"]["sealed"].is_string() && sent["grant"]["nonce"]["sealed"].is_string(), "{sent}");
    let request = pipeline.opened(&sent).await;
    let grant = &request["grant"];
    let sent = |name: &str| Value::from(asked(&connecting.url, name));
    assert_eq!((&grant["code"], &grant["iss"]), (&"c-1".into(), &peer.issuer().into()));
    assert_eq!((&grant["nonce"], &grant["redirect_uri"]), (&sent("nonce"), &sent("redirect_uri")));
    let challenge = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(grant["code_verifier"].as_str().unwrap()));
    assert_eq!(sent("code_challenge"), challenge);
    connecting.interrupt();
    let page = browser.await.unwrap();
    assert!(page.status == 400 && shown(&page).1.contains("stopped before an answer came"), "{page:?}");
    assert!(!connecting.end().await.good);
}

#[tokio::test]
async fn another_makes_no_is_understood_too() {
    let (pipeline, _peer) = start().await;
    let connecting = Connecting::start(&pipeline, "peer", &[]).await;
    let mut browser = Browser::new();
    let mut page = browser.visit(connecting.url.clone()).await.url;
    page.set_path(&format!("{}/abort", page.path()));
    let page = browser.visit(page).await;
    assert!(page.status == 400 && shown(&page).1.contains("access_denied"), "{page:?}");
    assert!(connecting.end().await.stderr.contains("access_denied"));
}
