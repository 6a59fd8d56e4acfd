//! The forms that bytes take in files, logs and answers.

use base64::prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD, Engine};
use url::form_urlencoded;

/// A form's name, and the bytes to look for.
pub(super) type Form = (&'static str, Vec<u8>);

/// Every form of a secret. What is no text has no forms of texts.
pub(super) fn of(secret: &[u8]) -> Vec<Form> {
    let mut forms = vec![("plain", secret.to_vec())];
    forms.extend(base64(secret));
    forms.extend(digits(secret));
    forms.extend(escaped_in_urls(secret));
    // b"…" in Rust, and "\x…" in many
    forms.push(("a byte string's literal", secret.escape_ascii().to_string().into_bytes()));
    forms.push(("\\x escapes", each(secret, |byte| format!("\\x{byte:02x}"), "")));
    if let Ok(text) = str::from_utf8(secret) {
        forms.extend(escaped_in_strings(text));
    }
    forms
}

/// Bytes by bytes, in a way of writing each.
fn each(bytes: &[u8], write: impl Fn(u8) -> String, between: &str) -> Vec<u8> {
    bytes.iter().map(|&byte| write(byte)).collect::<Vec<_>>().join(between).into_bytes()
}

/// In both alphabets; in the middle of something that is base64 as a whole it may begin at any of three places. What also carries
/// bits of a neighbour is left out, and so is padding.
fn base64(secret: &[u8]) -> Vec<Form> {
    let inside = |before: usize, encoded: &str| {
        encoded.as_bytes()[(before * 8).div_ceil(6)..(before + secret.len()) * 8 / 6].to_vec()
    };
    let at = |before: usize| {
        let bytes = [&b"xx"[..before], secret].concat();
        [
            ("base64", inside(before, &BASE64_STANDARD_NO_PAD.encode(&bytes))),
            ("base64url", inside(before, &BASE64_URL_SAFE_NO_PAD.encode(&bytes))),
        ]
    };
    (0..3).flat_map(at).collect()
}

fn digits(secret: &[u8]) -> Vec<Form> {
    let mut forms = vec![
        ("decimal bytes", each(secret, |byte| byte.to_string(), ", ")),
        ("decimal bytes without spaces", each(secret, |byte| byte.to_string(), ",")),
        ("decimal bytes with spaces alone", each(secret, |byte| byte.to_string(), " ")),
        ("hexadecimal bytes with 0x", each(secret, |byte| format!("{byte:#04x}"), ", ")),
    ];
    for between in ["", " ", ":", ", "] {
        forms.push(("hex", each(secret, |byte| format!("{byte:02x}"), between)));
        forms.push(("upper-case hex", each(secret, |byte| format!("{byte:02X}"), between)));
    }
    forms
}

/// As of forms, as of RFC 3986 with all but its unreserved characters escaped, and with everything escaped.
fn escaped_in_urls(secret: &[u8]) -> Vec<Form> {
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let escaped = |keep: fn(u8) -> bool, upper: bool| {
        each(
            secret,
            |byte| match (keep(byte), upper) {
                (true, _) => char::from(byte).to_string(),
                (false, true) => format!("%{byte:02X}"),
                (false, false) => format!("%{byte:02x}"),
            },
            "",
        )
    };
    let mut forms = vec![("form-escaped", form_urlencoded::byte_serialize(secret).collect::<String>().into_bytes())];
    for upper in [true, false] {
        forms.push(("URL-escaped", escaped(unreserved, upper)));
        forms.push(("URL-escaped but for letters and digits", escaped(|byte| byte.is_ascii_alphanumeric(), upper)));
        forms.push(("URL-escaped throughout", escaped(|_| false, upper)));
    }
    forms
}

/// As of JSON with as few escapes as possible, with those that some writers add, and twice; and as Rust writes strings for people.
fn escaped_in_strings(text: &str) -> Vec<Form> {
    let json = |text: &str| {
        let quoted = serde_json::Value::from(text).to_string();
        quoted[1..quoted.len() - 1].to_owned()
    };
    let once = json(text);
    let units = |text: &str, keep: fn(char) -> bool, upper: bool| -> String {
        let escape = |c: char| {
            let unit = |unit: &u16| if upper { format!("\\u{unit:04X}") } else { format!("\\u{unit:04x}") };
            let written = || c.encode_utf16(&mut [0; 2]).iter().map(unit).collect();
            if keep(c) { c.to_string() } else { written() }
        };
        text.chars().map(escape).collect()
    };
    let mut forms = vec![
        ("JSON-escaped", once.clone()),
        ("JSON-escaped with \\/", once.replace('/', "\\/")),
        ("JSON-escaped twice", json(&once)),
        ("Rust's Debug", text.escape_debug().to_string()),
        ("Rust's Debug of Debug", text.escape_debug().to_string().escape_debug().to_string()),
    ];
    for upper in [false, true] {
        forms.push(("JSON-escaped to ASCII", units(&once, |c| c.is_ascii(), upper)));
        // as for pages: \u003c
        forms.push(("JSON-escaped for HTML", units(&once, |c| !"<>&'+".contains(c), upper)));
        forms.push(("JSON-escaped throughout", units(text, |_| false, upper)));
    }
    forms.into_iter().map(|(form, text)| (form, text.into_bytes())).collect()
}

#[cfg(test)]
mod tests {
    use base64::prelude::BASE64_STANDARD;

    use super::super::{
        Canaries,
        written::{self, AWKWARD},
    };
    use super::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD, Engine};

    /// The forms in which the search finds it.
    fn found(text: impl AsRef<[u8]>) -> Vec<&'static str> {
        let mut canaries = Canaries::default();
        canaries.add("the secret", AWKWARD);
        canaries.add("another", "spa_another/secret");
        let finds = canaries.search().text("a text", text);
        assert!(finds.iter().all(|find| find.secret == "the secret"), "{finds:?}");
        finds.iter().map(|find| find.form).collect()
    }

    #[test]
    fn a_secret_is_found_however_it_is_written() {
        for (form, text) in written::every_way(AWKWARD) {
            assert!(found(&text).contains(&form), "{form} in {text}: {:?}", found(&text));
        }
        for (form, text) in written::every_way(&AWKWARD.replace('2', "3")) {
            assert!(found(&text).is_empty(), "it is another secret: {form} in {text}");
        }
    }

    #[test]
    fn base64_is_found_in_both_alphabets_padded_or_not_wherever_it_begins_and_ends() {
        for before in 0..4 {
            for after in 0..4 {
                let text = format!("{}{AWKWARD}{}", "b".repeat(before), "a".repeat(after));
                assert_eq!(found(BASE64_STANDARD.encode(&text)), ["base64"], "{text}");
                assert_eq!(found(BASE64_STANDARD_NO_PAD.encode(&text)), ["base64"], "{text}");
                assert_eq!(found(BASE64_URL_SAFE_NO_PAD.encode(&text)), ["base64url"], "{text}");
            }
        }
        let key = [0xfb; 32];
        let mut canaries = Canaries::default();
        canaries.add("a key", key);
        let forms = |text: String| canaries.search().text("a text", text).first().map(|find| find.form);
        assert_eq!(forms(BASE64_STANDARD.encode(key)), Some("base64"));
        assert_eq!(forms(BASE64_URL_SAFE_NO_PAD.encode(key)), Some("base64url"));
        assert_eq!(forms(format!("{key:?}")), Some("decimal bytes"));
        assert_eq!(forms(BASE64_STANDARD.encode([0xfa; 32])), None);
    }
}
