//! Public keys as JWK (RFC 7517, RFC 8037).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::PublicKey;

/// The public key that a client's tokens are sealed to. Its id is its thumbprint (RFC 7638).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplyKey(pub(super) PublicKey);

/// Why a reply key is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwkError {
    /// Not the kind of key.
    #[error("must be a JWK with kty \"OKP\" and crv \"X25519\"")]
    Kind,
    /// The key itself.
    #[error("x must be 32 bytes in base64url without padding")]
    X,
    /// It brings its private half.
    #[error("holds a private key, which others have seen now; make a new one, and send its public half")]
    Private,
    /// A key for signatures, say.
    #[error("use must be \"enc\", or be left out")]
    Use,
    /// What is sealed to it everybody can open.
    #[error("x is of low order: what is sealed to it anybody can open")]
    LowOrder,
}

impl ReplyKey {
    /// Reads a JWK; members that say nothing about what it is for are left alone.
    ///
    /// # Errors
    /// In words, without a value of it.
    pub fn of(jwk: &Value) -> Result<Self, JwkError> {
        let text = |name: &str| jwk.get(name).and_then(Value::as_str);
        if text("kty") != Some("OKP") || text("crv") != Some("X25519") {
            return Err(JwkError::Kind);
        }
        if jwk.get("d").is_some() {
            return Err(JwkError::Private);
        }
        if jwk.get("use").is_some() && text("use") != Some("enc") {
            return Err(JwkError::Use);
        }
        let x = text("x").ok_or(JwkError::X)?;
        let bytes = URL_SAFE_NO_PAD.decode(x).ok().and_then(|bytes| bytes.try_into().ok()).ok_or(JwkError::X)?;
        PublicKey::from_bytes(&thumbprint(x), &bytes).map(Self).ok_or(JwkError::LowOrder)
    }

    /// Its thumbprint.
    #[must_use]
    pub fn thumbprint(&self) -> &str {
        self.0.id()
    }
}

impl PublicKey {
    /// The key under its thumbprint, as a client's.
    #[must_use]
    pub fn reply_key(&self) -> ReplyKey {
        ReplyKey(self.named(&thumbprint(&self.x())))
    }

    /// The JWK, for producers.
    #[must_use]
    pub fn jwk(&self) -> Value {
        json!({"kty": "OKP", "crv": "X25519", "use": "enc", "kid": self.id(), "x": self.x()})
    }

    fn x(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.bytes())
    }
}

/// A JWK Set; what is to be sealed with comes first.
#[must_use]
pub fn jwk_set(keys: &[PublicKey]) -> Value {
    json!({"keys": keys.iter().map(PublicKey::jwk).collect::<Vec<_>>()})
}

/// RFC 7638 §3, over the members of RFC 8037 §2.
fn thumbprint(x: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(format!(r#"{{"crv":"X25519","kty":"OKP","x":"{x}"}}"#)))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{JwkError, ReplyKey};

    /// The key of RFC 8037 §A.6.
    const X: &str = "3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08";

    fn with(changes: &Value) -> Value {
        let mut jwk = json!({"kty": "OKP", "crv": "X25519", "x": X, "kid": "mine", "alg": "HPKE"});
        for (name, value) in changes.as_object().unwrap() {
            jwk[name] = value.clone();
        }
        jwk
    }

    #[test]
    fn a_reply_key_goes_by_its_thumbprint_whatever_it_is_called() {
        // Python: base64.urlsafe_b64encode(hashlib.sha256(b'{"crv":"X25519","kty":"OKP","x":"…"}').digest())
        let thumbprint = "giQqigT_IKcuzHl0FVJ3k5ts3_TWNAxvsC08UZsfcM8";
        for jwk in [with(&json!({})), with(&json!({"kid": 5, "use": "enc"}))] {
            assert_eq!(ReplyKey::of(&jwk).unwrap().thumbprint(), thumbprint);
        }
    }

    #[test]
    fn what_is_no_x25519_public_key_is_refused_in_words_that_quote_nothing() {
        let (short, long) = (&X[..42], format!("{X}AA"));
        for (changes, expected) in [
            (json!({"kty": "EC"}), JwkError::Kind),
            (json!({"kty": null}), JwkError::Kind),
            (json!({"crv": "Ed25519"}), JwkError::Kind),
            (json!({"x": 5}), JwkError::X),
            (json!({"x": ""}), JwkError::X),
            (json!({"x": short}), JwkError::X),
            (json!({"x": long}), JwkError::X),
            (json!({"x": format!("{X}=")}), JwkError::X),
            (json!({"x": X.replace('-', "+")}), JwkError::X),
            (json!({"x": X.replace("K08", "K09")}), JwkError::X),
            (json!({"d": X}), JwkError::Private),
            (json!({"use": "sig"}), JwkError::Use),
            (json!({"use": null}), JwkError::Use),
        ] {
            assert_eq!(ReplyKey::of(&with(&changes)), Err(expected), "{changes}");
        }
        for no_object in [json!(null), json!([]), json!(X)] {
            assert_eq!(ReplyKey::of(&no_object), Err(JwkError::Kind));
        }
    }

    #[test]
    fn a_key_of_low_order_is_refused_however_it_is_written() {
        // all u that X25519 maps to zero, those beyond the field's prime and with the unused bit set included
        let of_eight = [
            "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
            "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        ];
        let small = [0_u8, 1].map(|low| hex::encode([&[low][..], &[0; 31]].concat()));
        let beyond = [0xec_u8, 0xed, 0xee].map(|low| hex::encode([&[low][..], &[0xff; 30], &[0x7f]].concat()));
        for u in of_eight.iter().map(ToString::to_string).chain(small).chain(beyond) {
            for unused_bit in [0, 0x80] {
                let mut bytes = hex::decode(&u).unwrap();
                bytes[31] |= unused_bit;
                let x = base64::Engine::encode(&super::URL_SAFE_NO_PAD, bytes);
                assert_eq!(ReplyKey::of(&with(&json!({"x": x}))), Err(JwkError::LowOrder), "{u}");
            }
        }
    }
}
