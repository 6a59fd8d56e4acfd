//! serde's error texts without the values that they quote.

/// How the words on a value begin that is none of those which a field may have.
pub const UNKNOWN_VALUE: &str = "unknown value";

/// Keeps what was expected, and drops what was found: it may be a secret in the wrong place.
#[must_use]
pub fn without_value(text: &str) -> String {
    let expected = || text.rfind("expected ").map_or("something else", |at| &text[at..]);
    if let Some(found) = text.strip_prefix("invalid type: ") {
        let kind = found.split([' ', ',']).next().unwrap_or_default();
        return format!("{}, found {}", expected(), kind_in_words(kind));
    }
    for prefix in ["invalid value: ", "invalid length "] {
        if text.starts_with(prefix) {
            return expected().into();
        }
    }
    if text.starts_with("unknown variant ") {
        return format!("{UNKNOWN_VALUE}, {}", expected());
    }
    // names of fields, and the texts of our own types
    if text.starts_with("missing field ")
        || text.starts_with("unknown field ")
        || text.starts_with("duplicate field ")
        || text.starts_with("must ")
    {
        return text.into();
    }
    "not a valid value".into()
}

fn kind_in_words(kind: &str) -> &'static str {
    match kind {
        "string" => "a string",
        "integer" | "floating" => "a number",
        "boolean" => "true or false",
        "null" | "unit" => "null",
        "map" => "an object",
        "sequence" => "an array",
        _ => "something else",
    }
}
