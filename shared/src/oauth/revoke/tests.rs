//! What a revocation endpoint is sent.

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use super::super::certificate::Certified;
use super::super::credential::{Credential, Proof};
use super::super::provider::tests::provider;
use super::{TokenKind, request};

/// The method, the Authorization header and the body, and what they prove us with.
fn sent(entry: &str, proof: Proof) -> (String, String, String, Vec<SecretString>) {
    let client = crate::http::client(std::time::Duration::from_secs(1)).unwrap();
    let (provider, url) = (provider(entry), "https://p/revoke".parse().unwrap());
    let now = "2027-06-01T00:00:00Z".parse::<Timestamp>().unwrap();
    let token = (&"t&".into(), TokenKind::Refresh);
    let (request, proofs) = request(&client, (&provider, &url), &Credential::from(proof), token, now).unwrap();
    let request = request.build().unwrap();
    assert_eq!(*request.url(), url);
    let header = request.headers().get("authorization").map_or("", |value| value.to_str().unwrap()).to_owned();
    let body = request.body().and_then(|body| body.as_bytes()).unwrap_or_default().to_vec();
    (request.method().to_string(), header, String::from_utf8(body).unwrap(), proofs)
}

fn by_secret(entry: &str) -> [String; 3] {
    let (method, header, body, _) = sent(entry, Proof::Secret("s".into()));
    [method, header, body]
}

#[test]
fn our_client_proves_itself_as_at_the_token_endpoint_unless_whoever_has_the_token_may_ask() {
    let form = "token=t%26&token_type_hint=refresh_token";
    assert_eq!(by_secret(""), ["POST", "Basic dXM6cw==", form]);
    let post = format!("client_id=us&client_secret=s&{form}");
    assert_eq!(by_secret("client_auth = 'post'"), ["POST", "", &post]);
    // how token requests are written says nothing of revocations
    assert_eq!(by_secret("client_auth = 'post'\ntoken_request = 'json'"), ["POST", "", &post]);
    let own = "revocation = { method = 'DELETE', body = 'json', field = 'access_token' }";
    assert_eq!(by_secret(own), ["DELETE", "Basic dXM6cw==", r#"{"access_token":"t&"}"#]);
    assert_eq!(by_secret("revocation = { auth = 'bearer', body = 'none' }"), ["POST", "Bearer t&", ""]);
}

#[test]
fn a_client_with_a_certificate_signs_an_assertion_for_its_revocation_too() {
    let (key, certificate) =
        (include_str!("../certificate/practice/key.pem"), include_str!("../certificate/practice/certificate.pem"));
    let now = "2027-06-01T00:00:00Z".parse().unwrap();
    let proof = Proof::Certificate(Box::new(Certified::read(&key.into(), &certificate.into(), now).unwrap()));
    let (_, header, body, proofs) = sent("client_auth = 'private_key_jwt'", proof);
    let [assertion] = &proofs[..] else { panic!("one assertion") };
    let said = [
        format!("client_assertion={}", assertion.expose_secret()),
        "client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer".into(),
        "client_id=us&token=t%26&token_type_hint=refresh_token".into(),
    ];
    assert_eq!((header.as_str(), body), ("", said.join("&")));
}
