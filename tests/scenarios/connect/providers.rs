//! A server that others wrote: native clients are registered there with a loopback address without a port.

use sealpost_tests::Pipeline;
use sealpost_tests::browser::Browser;
use sealpost_tests::oidc_peer::OidcPeer;

use super::world::{Connecting, shown};

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
async fn another_makes_server_takes_any_port_and_its_id_token_repeats_the_nonce() {
    let (pipeline, peer) = start().await;
    let _worker = pipeline.worker().await;
    let connecting = Connecting::start(&pipeline, "peer", &["--json"]).await;
    let landed = peer.consent("ada", connecting.url.clone()).await;
    assert_eq!(landed.path(), "/callback");
    assert!(landed.query_pairs().any(|(name, value)| name == "iss" && value == peer.issuer()), "{landed}");
    let said = connecting.end().await;
    assert!(said.good, "{said:?}");
    let answer = said.json();
    // an ID token without the nonce, or with another one, stores nothing
    assert_eq!(
        (answer["outcome"].as_str(), answer["subject"]["id"].as_str()),
        (Some("stored"), Some("ada")),
        "{answer}"
    );
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
