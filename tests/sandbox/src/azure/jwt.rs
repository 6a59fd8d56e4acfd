//! JWTs (RFC 7519) signed with RS256, taken apart and checked by hand.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, UnparsedPublicKey};
use serde_json::{Map, Value, json};

/// A token taken apart; nothing in it is trusted yet.
pub(crate) struct Jwt {
    header: Value,
    pub(crate) claims: Value,
    signed: String,
    signature: Vec<u8>,
}

/// Head and claims, without a signature.
pub(crate) fn unsigned(header: &Value, claims: &Map<String, Value>) -> String {
    let encoded = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", encoded(header), encoded(&json!(claims)))
}

impl Jwt {
    /// None where it has not the form of one.
    pub(crate) fn parse(token: &str) -> Option<Self> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let bytes = |text: &str| BASE64_URL_SAFE_NO_PAD.decode(text).ok();
        let value = |text: &str| serde_json::from_slice(&bytes(text)?).ok();
        let (header, claims, signature) = (value(header)?, value(claims)?, bytes(signature)?);
        Some(Self { header, claims, signed: signed.to_owned(), signature })
    }

    /// A text of its header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.header[name].as_str()
    }

    /// A text of its claims, or nothing.
    pub(crate) fn claim(&self, name: &str) -> &str {
        self.claims[name].as_str().unwrap_or_default()
    }

    /// Whether it is signed with RS256 or PS256, and by the owner of this public key (DER).
    pub(crate) fn is_signed_by(&self, public: &[u8]) -> bool {
        let algorithm = match self.header("alg") {
            Some("RS256") => &RSA_PKCS1_2048_8192_SHA256,
            Some("PS256") => &RSA_PSS_2048_8192_SHA256,
            _ => return false,
        };
        UnparsedPublicKey::new(algorithm, public).verify(self.signed.as_bytes(), &self.signature).is_ok()
    }

    /// Whether `at` (seconds) is within `nbf` (if it has one) and `exp` (which it must have).
    pub(crate) fn is_timely(&self, at: i64) -> bool {
        let begun = self.claims["nbf"].as_i64().is_none_or(|begins| begins <= at);
        begun && self.claims["exp"].as_i64().is_some_and(|ends| ends > at)
    }
}
