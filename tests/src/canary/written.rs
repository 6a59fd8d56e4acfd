//! A secret as others write it, to be planted: none of it is made by the search that must find it.

use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD, Engine};
use serde_json::json;
use url::form_urlencoded;

/// A secret that every writer must escape, and that each of the two alphabets of base64 writes in its own way.
pub const AWKWARD: &str = "spa_Zm9v?hunter2/+\"\\ é>~>~?>?";

/// Each form's name in a find, and a text that has the secret in it so.
#[must_use]
pub fn every_way(secret: &str) -> Vec<(&'static str, String)> {
    let bytes = secret.as_bytes();
    let (list, hex) = (format!("{:?}", format!("body {secret}.").as_bytes()), hex::encode(secret));
    let body = json!({"code": secret}).to_string();
    let mut query = form_urlencoded::Serializer::new(String::new());
    let in_pairs = |digits: &str, before: &str| -> String {
        digits
            .as_bytes()
            .chunks(2)
            .map(|pair| format!("{before}{}", String::from_utf8_lossy(pair)))
            .collect::<Vec<_>>()
            .concat()
    };
    vec![
        ("plain", format!("token={secret};")),
        ("base64", BASE64_STANDARD.encode(format!("sealpost:{secret}"))),
        ("base64", BASE64_STANDARD.encode(format!("sealpost1:{secret}"))),
        ("base64", BASE64_STANDARD.encode(format!("sealpost12:{secret} "))),
        ("base64url", BASE64_URL_SAFE_NO_PAD.encode(format!("?{secret}?"))),
        ("hex", format!("<{hex}>")),
        ("hex", format!("{bytes:02x?}")),
        ("hex", in_pairs(&hex, ":")),
        ("upper-case hex", hex::encode_upper(secret)),
        ("hexadecimal bytes with 0x", format!("{bytes:#04x?}").replace(['\n', ' '], "").replace(',', ", ")),
        ("decimal bytes", list.clone()),
        ("decimal bytes without spaces", list.replace(' ', "")),
        ("decimal bytes with spaces alone", list.replace(',', "")),
        ("form-escaped", query.append_pair("code", secret).finish()),
        (
            "URL-escaped",
            form_urlencoded::byte_serialize(bytes).collect::<String>().replace('+', "%20").replace("%7E", "~"),
        ),
        ("URL-escaped throughout", in_pairs(&hex, "%")),
        ("\\x escapes", in_pairs(&hex, "\\x")),
        ("JSON-escaped", body.clone()),
        ("JSON-escaped twice", json!({"body": body}).to_string()),
        ("JSON-escaped with \\/", body.replace('/', "\\/")),
        ("JSON-escaped to ASCII", body.replace('é', "\\u00e9")),
        ("JSON-escaped to ASCII", body.replace('é', "\\u00E9")),
        ("JSON-escaped for HTML", body.replace('>', "\\u003e").replace('+', "\\u002b")),
        (
            "JSON-escaped throughout",
            secret.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect::<Vec<_>>().concat(),
        ),
        ("a byte string's literal", format!("b\"{}\"", bytes.escape_ascii())),
    ]
}
