//! JWTs (RFC 7519) by hand, right and wrong ones.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Map, Value, json};

use crate::random::unguessable;
use crate::refusal::Refusal;

/// A key for ES256 (RFC 7518 §3.4).
pub(super) struct Key {
    name: String,
    pair: EcdsaKeyPair,
}

impl Key {
    pub(super) fn new() -> Result<Self, Refusal> {
        let no_key = |why: String| Refusal::server_error(format!("no key was made: {why}"));
        let (how, random) = (&ECDSA_P256_SHA256_FIXED_SIGNING, SystemRandom::new());
        let made = EcdsaKeyPair::generate_pkcs8(how, &random).map_err(|error| no_key(error.to_string()))?;
        let pair = EcdsaKeyPair::from_pkcs8(how, made.as_ref(), &random).map_err(|error| no_key(error.to_string()))?;
        Ok(Self { name: unguessable("spk_")?, pair })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// As a JWK (RFC 7517).
    pub(super) fn public(&self) -> Value {
        // 4, x, y
        let (x, y) = self.pair.public_key().as_ref()[1..].split_at(32);
        let encode = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        json!({"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": self.name, "x": encode(x), "y": encode(y)})
    }

    pub(super) fn sign(&self, name: &str, claims: &Map<String, Value>) -> Result<String, Refusal> {
        let text = unsigned_text(&json!({"alg": "ES256", "typ": "JWT", "kid": name}), claims);
        let signature = self.pair.sign(&SystemRandom::new(), text.as_bytes());
        let signature = signature.map_err(|error| Refusal::server_error(format!("signing failed: {error}")))?;
        Ok(format!("{text}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature)))
    }
}

pub(super) fn unsigned(claims: &Map<String, Value>) -> String {
    unsigned_text(&json!({"alg": "none", "typ": "JWT"}), claims) + "."
}

pub(super) fn signed_with_secret(secret: &str, claims: &Map<String, Value>) -> String {
    let text = unsigned_text(&json!({"alg": "HS256", "typ": "JWT"}), claims);
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), text.as_bytes());
    format!("{text}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
}

/// The head and the signature of one around the claims of another.
pub(super) fn with_other_claims(signed: &str, claims: &Map<String, Value>) -> String {
    let (head, rest) = signed.split_once('.').unwrap_or_default();
    let (_, signature) = rest.split_once('.').unwrap_or_default();
    format!("{head}.{}.{signature}", encoded(&json!(claims)))
}

fn unsigned_text(header: &Value, claims: &Map<String, Value>) -> String {
    format!("{}.{}", encoded(header), encoded(&json!(claims)))
}

fn encoded(value: &Value) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(value.to_string())
}
