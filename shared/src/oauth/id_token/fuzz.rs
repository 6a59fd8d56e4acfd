//! ID tokens, the keys that sign them and their claims, spoilt.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD as BASE64, Engine};
use jiff::Timestamp;
use jsonwebtoken::jwk::Jwk;
use ring::signature::{Ed25519KeyPair, KeyPair};
use sealpost_fuzz::{ITERATIONS, near, near_text};
use serde_json::{Map, Value, json};

use super::super::provider::tests::provider;
use super::{claims, keys, signature};

fn signed(header: &Value, claims: &Value) -> (String, Vec<Jwk>) {
    let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
    let signing = [header, claims].map(|part| BASE64.encode(part.to_string())).join(".");
    let token = format!("{signing}.{}", BASE64.encode(pair.sign(signing.as_bytes())));
    let key = json!({"kty": "OKP", "crv": "Ed25519", "kid": "1", "x": BASE64.encode(pair.public_key())});
    (token, vec![serde_json::from_value(key).unwrap()])
}

#[test]
fn a_signed_token_that_is_altered_anywhere_is_not_believed() {
    let claims = json!({"iss": "https://p", "aud": "us", "sub": "17"});
    let (token, keys) = signed(&json!({"alg": "EdDSA", "kid": "1"}), &claims);
    assert_eq!(Value::from(signature::verified(&token, &keys).unwrap()), claims);
    bolero::check!().with_iterations(ITERATIONS).with_generator(near_text(vec![token.clone()])).for_each(|altered| {
        assert_eq!(signature::verified(altered, &keys).is_ok(), *altered == token, "{altered}");
    });
}

#[test]
fn a_spoilt_set_of_keys_is_read_or_not() {
    let set = json!({"keys": [
        {"kty": "OKP", "crv": "Ed25519", "kid": "1", "x": "AAAA"},
        {"kty": "RSA", "kid": "2", "use": "sig", "alg": "RS256", "n": "AQAB", "e": "AQAB"},
        {"kty": "EC", "kid": "3", "crv": "P-256", "x": "AAAA", "y": "AAAA"},
        {"kty": "oct", "k": "AAAA"},
    ]});
    let (token, _) = signed(&json!({"alg": "RS256"}), &json!({"sub": "17"}));
    bolero::check!().with_iterations(ITERATIONS).with_generator(near(vec![set.to_string().into()])).for_each(|body| {
        let keys = keys::read(body).unwrap_or_default();
        assert!(keys.iter().all(|key| keys::family(key).is_some()));
        assert!(signature::verified(&token, &keys).is_err(), "none of these signed it");
    });
}

#[test]
fn spoilt_claims_make_no_account_that_is_long_or_not_plain() {
    let seed = json!({
        "iss": "https://p", "aud": ["us"], "exp": 60, "iat": 0, "nbf": 0, "sub": "17", "nonce": "n",
        "name": "Ada", "preferred_username": "ada\u{1b}[2J", "email": "a@p",
    });
    let provider = provider("issuer = 'https://p'");
    bolero::check!().with_iterations(ITERATIONS).with_generator(near(vec![seed.to_string().into()])).for_each(|body| {
        let Ok(claims) = serde_json::from_slice::<Map<String, Value>>(body) else { return };
        let Ok(account) = claims::check(&claims, &provider, Some("n"), Timestamp::UNIX_EPOCH) else { return };
        assert!((1..=255).contains(&account.id.len()), "{account:?}");
        let name = account.name.unwrap_or_default();
        assert!(!account.id.contains(char::is_control) && !name.contains(char::is_control), "{name:?}");
        assert!(name.chars().count() <= 300);
    });
}
