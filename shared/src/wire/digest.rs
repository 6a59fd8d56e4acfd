//! The digest of what a message says beside its sealed secrets.

use serde_json::{Number, Value};
use sha2::{Digest, Sha256};

/// The largest number that every JSON reader reads as the same, whole or not (RFC 8785 §3.2.2.3, RFC 7493 §2.2): beyond it one
/// reader has a whole number where another has a fraction's nearest, and some cannot tell how it was written.
const MAX: u64 = (1 << 53) - 1;

/// Why a body has no digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    /// A number that not every reader reads as the same.
    #[error("the body holds a number beyond ±(2^53 - 1), which not all read as the same; write it as a text")]
    Number,
    /// A field is not there.
    #[error("the body has no such field as is to be sealed")]
    Field,
    /// It cannot be written down.
    #[error("the body has no canonical form")]
    Form,
}

/// SHA-256 of the canonical form (RFC 8785) of a body in which `true` stands for each secret that is sealed. `sealed`: their
/// places, as JSON pointers.
///
/// `true` is no secret, sealed or plain: so a sealed secret can be neither taken out of its message nor put into another unseen.
///
/// # Errors
/// If the body holds a number that not all readers read as the same.
pub fn rest_digest<'a>(mut body: Value, sealed: impl IntoIterator<Item = &'a str>) -> Result<[u8; 32], DigestError> {
    for field in sealed {
        *body.pointer_mut(field).ok_or(DigestError::Field)? = Value::Bool(true);
    }
    check(&body)?;
    let canonical = serde_json_canonicalizer::to_vec(&body).map_err(|_| DigestError::Form)?;
    Ok(Sha256::digest(canonical).into())
}

fn check(value: &Value) -> Result<(), DigestError> {
    match value {
        Value::Number(number) if !is_exact(number) => Err(DigestError::Number),
        Value::Array(items) => items.iter().try_for_each(check),
        Value::Object(fields) => fields.values().try_for_each(check),
        _ => Ok(()),
    }
}

/// However it is written: as a whole number, with a fraction or with an exponent.
fn is_exact(number: &Number) -> bool {
    let whole = number.as_i64().map(i64::unsigned_abs).or(number.as_u64());
    #[expect(clippy::cast_precision_loss, reason = "2^53 - 1 is a double")]
    let within = |double: f64| double.abs() <= MAX as f64;
    whole.map_or_else(|| number.as_f64().is_some_and(within), |whole| whole <= MAX)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{DigestError, rest_digest};

    fn digest(text: &str) -> Result<[u8; 32], DigestError> {
        rest_digest(serde_json::from_str(text).unwrap(), ["/s"])
    }

    #[test]
    fn how_a_body_is_written_does_not_matter_and_what_it_says_does() {
        let one = digest(r#"{"s": "x", "n": [1.50, 1e2, -0, 0.1], "é": "\u20ac/\n", "a": null}"#).unwrap();
        assert_eq!(digest("{\"a\":null,\"\\u00e9\":\"€\\/\\u000A\",\"n\":[1.5,100,0,1e-1],\"s\":{}}"), Ok(one));
        for other in [
            r#"{"s": "x", "n": [1.50, 1e2, -0, 0.1], "é": "\u20ac/\n"}"#,
            r#"{"s": "x", "n": [1.50, 1e2, -0, 0.1], "e": "\u20ac/\n", "a": null}"#,
            r#"{"s": "x", "n": [1.50, 1e2, 0.1, -0], "é": "\u20ac/\n", "a": null}"#,
            r#"{"s": "x", "n": [1.50, 1e2, -0, "0.1"], "é": "\u20ac/\n", "a": null}"#,
        ] {
            assert_ne!(digest(other), Ok(one), "{other}");
        }
    }

    #[test]
    fn it_is_the_digest_of_the_canonical_form_with_true_for_what_is_sealed() {
        // Python: hashlib.sha256(b'{"a":{"s":true},"b":1}').hexdigest()
        let body = json!({"b": 1, "a": {"s": {"sealed": "x", "key": "k"}}});
        let expected = "451ec4b4fa9957444499e29e398c6756207f471cf71957a44a00015f2bb6f00f";
        assert_eq!(hex::encode(rest_digest(body, ["/a/s"]).unwrap()), expected);
    }

    #[test]
    fn a_secret_that_is_left_out_or_nothing_is_told_from_one_that_is_sealed() {
        let body = json!({"s": {"sealed": "x", "key": "k"}});
        let sealed = rest_digest(body.clone(), ["/s"]).unwrap();
        for other in [json!({}), json!({"s": null}), json!({"s": "plain"}), body] {
            assert_ne!(rest_digest(other, []), Ok(sealed));
        }
        assert_eq!(rest_digest(json!({}), ["/s"]), Err(DigestError::Field));
    }

    #[test]
    fn numbers_that_not_every_reader_reads_as_the_same_are_refused_however_they_are_written() {
        let number = |text: &str| rest_digest(serde_json::from_str::<Value>(&format!("[{text}]")).unwrap(), []);
        for fine in ["9007199254740991", "-9007199254740991", "9007199254740991.0", "9e15", "0.5", "1e-300", "-0.0"] {
            assert!(number(fine).is_ok(), "{fine}");
        }
        for wrong in [
            "9007199254740992",
            "-9007199254740992",
            "18446744073709551615",
            "-9223372036854775808",
            "18446744073709551616",
            "123456789012345678901234567890",
            "9007199254740992.0",
            "9007199254740991.9",
            "1e16",
            "-1e16",
            "1e300",
        ] {
            assert_eq!(number(wrong), Err(DigestError::Number), "{wrong}");
        }
    }
}
