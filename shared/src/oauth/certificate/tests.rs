//! Keys and certificates made with OpenSSL for these tests alone.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use jiff::{SignedDuration, Timestamp};
use ring::signature::{RSA_PSS_2048_8192_SHA256, UnparsedPublicKey};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::Certified;

const KEY: &str = include_str!("practice/key.pem");
const CERTIFICATE: &str = include_str!("practice/certificate.pem");

/// As `openssl x509 -outform DER | openssl dgst -sha256` says it.
const THUMBPRINT: &str = "Fu5CLPVeEIaD93AUT7-_--RSggR5pgCZi5J4LoH6RpU";

/// While the certificate is good.
fn now() -> Timestamp {
    "2027-06-01T00:00:00Z".parse().unwrap()
}

fn read(key: &str, certificate: &str) -> Result<Certified, String> {
    Certified::read(&key.into(), &certificate.into(), now())
}

fn problem(read: Result<Certified, String>) -> String {
    read.err().expect("it is refused")
}

#[test]
fn an_assertion_says_who_we_are_to_this_server_for_minutes_and_is_signed_with_the_certificates_key() {
    let certified = read(KEY, CERTIFICATE).unwrap();
    let assertion = || certified.assertion("us", &"https://p/t".parse().unwrap(), now()).unwrap();
    let (one, other) = (assertion(), assertion());
    let (signed, signature) = one.expose_secret().rsplit_once('.').unwrap();
    let decode = |text: &str| BASE64_URL_SAFE_NO_PAD.decode(text).unwrap();
    let part =
        |token: &str, at| -> Value { serde_json::from_slice(&decode(token.split('.').nth(at).unwrap())).unwrap() };
    assert_eq!(part(signed, 0), json!({"typ": "JWT", "alg": "PS256", "x5t#S256": THUMBPRINT}));
    let mut claims = part(signed, 1);
    let jti = claims["jti"].take();
    let at = now().as_second();
    let expected = json!({
        "aud": "https://p/t", "iss": "us", "sub": "us", "jti": null, "iat": at, "nbf": at, "exp": at + 600,
    });
    assert_eq!(claims, expected);
    assert!(jti.is_string() && jti != part(other.expose_secret(), 1)["jti"], "each is good once");
    let der = CertificateDer::from_pem_slice(CERTIFICATE.as_bytes()).unwrap();
    let (_, parsed) = X509Certificate::from_der(&der).unwrap();
    let public = UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, &parsed.public_key().subject_public_key.data);
    public.verify(signed.as_bytes(), &decode(signature)).unwrap();
}

#[test]
fn the_key_may_be_pkcs_1_or_8_and_both_may_be_in_one_file() {
    let both = format!("{CERTIFICATE}{KEY}");
    for (key, certificate) in [(include_str!("practice/key.pkcs1.pem"), CERTIFICATE), (&both, &both)] {
        assert_eq!(read(key, certificate).unwrap().thumbprint, THUMBPRINT);
    }
}

#[test]
fn a_key_or_certificate_that_cannot_work_is_refused_with_its_field_and_without_its_text() {
    for (key, certificate, named) in [
        ("", CERTIFICATE, "client_key: it has no private key"),
        ("garbage", CERTIFICATE, "client_key: it has no private key"),
        (&KEY[..600], CERTIFICATE, "client_key: it has no private key"),
        (&KEY.replace("MII", "MIJ"), CERTIFICATE, "client_key: it is no RSA key"),
        (CERTIFICATE, CERTIFICATE, "client_key: it has no private key"),
        (include_str!("practice/encrypted.key.pem"), CERTIFICATE, "client_key: it is encrypted"),
        (include_str!("practice/short.key.pem"), CERTIFICATE, "client_key: it is no RSA key of 2048 bits"),
        (include_str!("practice/curve.key.pem"), CERTIFICATE, "client_key: it is no RSA key of 2048 bits"),
        (include_str!("practice/other.key.pem"), CERTIFICATE, "client_certificate: it is not of client_key"),
        (KEY, "", "client_certificate: it is no X.509"),
        (KEY, KEY, "client_certificate: it is no X.509"),
        (KEY, &CERTIFICATE.replace("MII", "MIJ"), "client_certificate: it is no X.509"),
    ] {
        let problem = problem(read(key, certificate));
        assert!(problem.starts_with(&format!("oauth.{named}")), "{named}: {problem}");
        let lines = KEY.lines().chain(CERTIFICATE.lines()).filter(|line| line.len() > 20 && !line.contains("---"));
        assert!(lines.into_iter().all(|line| !problem.contains(line)), "{problem}");
    }
}

#[test]
fn a_certificate_is_good_from_its_first_second_to_its_last() {
    let ends = read(KEY, CERTIFICATE).unwrap().ends;
    let at = |now: Timestamp| Certified::read(&KEY.into(), &CERTIFICATE.into(), now);
    assert!(at(ends).is_ok());
    let late = problem(at(ends + SignedDuration::from_secs(1)));
    assert!(late.contains(&format!("it expired at {ends}")), "{late}");
    assert!(problem(at(Timestamp::UNIX_EPOCH)).contains("it is not valid before"));
}
