//! Signatures of JWTs (RFC 7515), checked: with public keys only, each for the algorithm that it is for.

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::jwk::{Jwk, PublicKeyUse};
use jsonwebtoken::{AlgorithmFamily, DecodingKey, Header, Validation};
use jsonwebtoken::{decode, decode_header};
use serde_json::{Map, Value};

use super::super::by_ring;
use super::keys::family;

/// Why the claims of a token are not to be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unsigned {
    Malformed,
    Algorithm,
    UnknownKey,
    Wrong,
}

/// The claims of a token that was signed with one of these keys. Nothing of them is checked.
pub(super) fn verified(token: &str, keys: &[Jwk]) -> Result<Map<String, Value>, Unsigned> {
    let header = decode_header(token).map_err(|_| unreadable(token))?;
    if header.alg.family() == AlgorithmFamily::Hmac {
        return Err(Unsigned::Algorithm);
    }
    // RFC 7515 §4.1.11: what must be understood, and is not
    if header.crit.is_some() {
        return Err(Unsigned::Malformed);
    }
    by_ring::install();
    let mut validation = Validation::new(header.alg);
    // the claims are checked one by one elsewhere, so that an error can name the check, with a clock of our choice
    (validation.validate_exp, validation.validate_aud) = (false, false);
    validation.required_spec_claims.clear();
    let mut why = Unsigned::UnknownKey;
    for key in keys.iter().filter(|key| is_for(key, &header)) {
        let Ok(key) = DecodingKey::from_jwk(key) else { continue };
        match decode(token, &key, &validation) {
            Ok(signed) => return Ok(signed.claims),
            // without a name for its key, it may be one that is not known yet
            Err(error) if matches!(error.kind(), ErrorKind::InvalidSignature) => {
                why = if header.kid.is_some() { Unsigned::Wrong } else { Unsigned::UnknownKey };
            }
            Err(_) => return Err(Unsigned::Malformed),
        }
    }
    Err(why)
}

/// A header without an algorithm that is known tells one mistake from another.
fn unreadable(token: &str) -> Unsigned {
    use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
    let header = token.split('.').next().and_then(|header| BASE64_URL_SAFE_NO_PAD.decode(header).ok());
    let header: Option<Value> = header.and_then(|header| serde_json::from_slice(&header).ok());
    if header.is_some_and(|header| header["alg"].is_string()) { Unsigned::Algorithm } else { Unsigned::Malformed }
}

/// Whether a key may have made the signature: it is of the algorithm's family and for it, and has the name.
fn is_for(key: &Jwk, header: &Header) -> bool {
    let about = &key.common;
    family(key) == Some(header.alg.family())
        && about.public_key_use.as_ref().is_none_or(|used| *used == PublicKeyUse::Signature)
        && about.key_algorithm.is_none_or(|named| named.to_string().parse() == Ok(header.alg))
        && header.kid.as_ref().is_none_or(|kid| about.key_id.as_ref() == Some(kid))
}
