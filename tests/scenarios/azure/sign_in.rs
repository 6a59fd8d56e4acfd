//! A user signs in with PKCE, at a tenant or at `common`, and refreshes: as in Entra, and as where reuse is punished.

use reqwest::Method;
use sealpost_tests::Azure;
use sealpost_tests::azure::answered;
use serde_json::{Value, json};
use url::Url;

use super::{WALL, number, text};

/// The example of RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const REDIRECT: &str = "http://127.0.0.1:7777/callback";

/// The form as the page has it, filled in; what comes back to the redirect address.
async fn signed_in(azure: &Azure, tenant: &str, more: &[(&str, &str)]) -> Url {
    let url = format!("{}/{tenant}/oauth2/v2.0/authorize", azure.places.authority);
    let asked = [
        ("client_id", azure.places.client_id.as_str()),
        ("redirect_uri", REDIRECT),
        ("response_type", "code"),
        ("scope", WALL),
        ("state", "s-1"),
        ("nonce", "n-1"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    let page = azure.request(Method::GET, &url).query(&asked).send().await.unwrap();
    assert_eq!(page.status(), 200);
    let page = page.text().await.unwrap();
    assert!(
        page.contains(r#"name="user" value="ada@contoso.example""#) && page.contains("Sign in to Sealpost"),
        "{page}"
    );
    let form = [&asked[..], &[("user", "ada@contoso.example"), ("decision", "allow")], more].concat();
    let answer = azure.request(Method::POST, &url).form(&form).send().await.unwrap();
    assert_eq!(answer.status(), 302);
    Url::parse(answer.headers()["location"].to_str().unwrap()).unwrap()
}

fn field(url: &Url, name: &str) -> String {
    let found = url.query_pairs().find(|(key, _)| key == name);
    found.unwrap_or_else(|| panic!("no {name} in {url}")).1.into_owned()
}

async fn redeemed(azure: &Azure, code: &str, verifier: &str) -> (u16, Value) {
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", &azure.places.client_id),
        ("client_secret", &azure.places.client_secret),
        ("code", code),
        ("redirect_uri", REDIRECT),
        ("code_verifier", verifier),
    ];
    azure.token(&form).await
}

async fn refreshed(azure: &Azure, token: &str, more: &[(&str, &str)]) -> (u16, Value) {
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", &azure.places.client_id),
        ("client_secret", &azure.places.client_secret),
        ("refresh_token", token),
    ];
    azure.token(&[&form[..], more].concat()).await
}

async fn session(azure: &Azure) -> String {
    let code = field(&signed_in(azure, "common", &[]).await, "code");
    text(&redeemed(azure, &code, VERIFIER).await.1, "refresh_token").into()
}

#[tokio::test]
async fn a_code_is_good_once_and_with_its_verifier_only() {
    let azure = Azure::start().await;
    for tenant in [azure.places.tenant.as_str(), "common"] {
        let back = signed_in(&azure, tenant, &[]).await;
        assert_eq!(field(&back, "state"), "s-1");
        let code = field(&back, "code");
        let wrong = VERIFIER.replace('d', "e");
        assert_eq!(number(&redeemed(&azure, &code, &wrong).await.1), ("invalid_grant", 501_481));
        let (status, tokens) = redeemed(&azure, &code, VERIFIER).await;
        assert_eq!(status, 200, "a wrong verifier does not spend the code: {tokens}");
        assert!(tokens["id_token"].is_string() && tokens["refresh_token"].is_string());
        assert_eq!(number(&redeemed(&azure, &code, VERIFIER).await.1), ("invalid_grant", 54_005));
    }
    let back = signed_in(&azure, "common", &[]).await;
    assert!(!back.as_str().contains("error="));
    let about = format!("{}/common/v2.0/.well-known/openid-configuration", azure.places.authority);
    let about = answered(azure.request(Method::GET, &about)).await.1;
    assert_eq!(text(&about, "issuer"), format!("{}/{{tenantid}}/v2.0", azure.places.authority));
}

#[tokio::test]
async fn an_old_refresh_token_stays_good_as_in_entra_or_ends_its_family() {
    let azure = Azure::start().await;
    let first = session(&azure).await;
    let (status, tokens) = refreshed(&azure, &first, &[]).await;
    assert_eq!((status, refreshed(&azure, &first, &[]).await.0), (200, 200));
    let second = text(&tokens, "refresh_token").to_owned();
    azure.admin(Method::POST, "settings", json!({"reuse": "ends-the-family"})).await;
    assert_eq!(number(&refreshed(&azure, &first, &[]).await.1), ("invalid_grant", 70_008));
    let (status, refused) = refreshed(&azure, &second, &[]).await;
    assert_eq!((status, number(&refused)), (400, ("invalid_grant", 50_173)), "the whole family");
    assert_eq!(text(&refused, "suberror"), "bad_token");
}

#[tokio::test]
async fn a_refresh_is_refused_for_what_was_not_consented_to_and_after_a_revocation() {
    let azure = Azure::start().await;
    let token = session(&azure).await;
    let (_, refused) = refreshed(&azure, &token, &[("scope", "api://wall/Posts.Read")]).await;
    assert_eq!((number(&refused), text(&refused, "suberror")), (("invalid_grant", 65_001), "consent_required"));
    assert_eq!(number(&refreshed(&azure, "spr_other", &[]).await.1).0, "invalid_grant");
    azure.admin(Method::POST, "users", json!({"user": "ada", "revoke": true})).await;
    assert_eq!(number(&refreshed(&azure, &token, &[]).await.1), ("invalid_grant", 50_173));
}
