//! What a provider's answers mean: the entry's rules first, then what HTTP says.

use schemars::JsonSchema;
use sealpost_shared::http::Answered;
use serde::Deserialize;
use serde_json::Value;

/// What an answer means for the job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Meaning {
    /// The answer of a success, if it has the post's id where one is expected.
    Posted,
    /// Nothing was posted, and the same request may succeed later.
    Retry,
    /// Nothing was posted, and the same request will be refused again.
    Rejected,
    /// Nothing was posted: the access token is no good.
    TokenExpired,
    /// Nothing was posted: too many requests.
    RateLimited,
    /// Nothing proves it either way.
    Unknown,
}

/// One of an entry's rules; the first that fits counts. All that is given must be met.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ErrorRule {
    /// The HTTP status.
    pub status: u16,
    /// JSON pointer into the body; the rule fits only where something is there that is not null or false.
    pub at: Option<String>,
    /// What must stand there, as text.
    pub is: Option<String>,
    /// Whether the body must be empty, to the last byte.
    #[serde(default)]
    pub empty: bool,
    /// What it means.
    pub means: Meaning,
}

impl ErrorRule {
    fn fits(&self, answer: &Answered, body: &Value) -> bool {
        let there = |pointer: &String| stands(body, pointer, self.is.as_deref());
        self.status == answer.status && (!self.empty || answer.body.is_empty()) && self.at.as_ref().is_none_or(there)
    }
}

/// Whether something is there that is neither null nor false, and is this text.
pub(super) fn stands(body: &Value, pointer: &str, is: Option<&str>) -> bool {
    match body.pointer(pointer) {
        None | Some(Value::Null | Value::Bool(false)) => false,
        Some(Value::String(text)) => is.is_none_or(|is| is == text),
        Some(other) => {
            let text = other.to_string();
            is.is_none_or(|is| is == text)
        }
    }
}

/// What the first of these rules that fits says.
pub(super) fn rule(rules: &[ErrorRule], answer: &Answered, body: &Value) -> Option<Meaning> {
    rules.iter().find(|rule| rule.fits(answer, body)).map(|rule| rule.means)
}

/// What an answer with this body means. Unless the entry says otherwise, 408, 409 and a 5xx prove nothing, but a 503 that says when to
/// come back.
pub(super) fn meaning(rules: &[ErrorRule], answer: &Answered, body: &Value) -> Meaning {
    if let Some(means) = rule(rules, answer, body) {
        return means;
    }
    match answer.status {
        200..=299 => Meaning::Posted,
        429 => Meaning::RateLimited,
        503 if answer.retry_after.is_some() => Meaning::RateLimited,
        401 => Meaning::TokenExpired,
        408 | 409 => Meaning::Unknown,
        400..=499 => Meaning::Rejected,
        _ => Meaning::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sealpost_shared::http::Answered;
    use serde_json::{Value, json};

    use super::{ErrorRule, Meaning, meaning};

    /// No body for a null.
    fn answer(status: u16, body: &Value, retry_after: Option<Duration>) -> Answered {
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        Answered { status, retry_after, body }
    }

    fn means(status: u16, body: &Value) -> Meaning {
        let rules: Vec<ErrorRule> = serde_json::from_value(json!([
            {"status": 400, "at": "/code", "is": "expired_token", "means": "token-expired"},
            {"status": 400, "at": "/code", "is": "17", "means": "rate-limited"},
            {"status": 200, "at": "/error", "means": "rejected"},
            {"status": 403, "empty": true, "means": "token-expired"},
            {"status": 409, "means": "rejected"},
        ]))
        .unwrap();
        meaning(&rules, &answer(status, body, None), body)
    }

    #[test]
    fn the_first_rule_that_fits_counts_and_no_other() {
        assert_eq!(means(400, &json!({"code": "expired_token"})), Meaning::TokenExpired);
        assert_eq!(means(400, &json!({"code": 17})), Meaning::RateLimited);
        assert_eq!(means(400, &json!({"code": "other"})), Meaning::Rejected);
        assert_eq!(means(400, &Value::Null), Meaning::Rejected);
        assert_eq!(means(200, &json!({"error": {"code": 1}})), Meaning::Rejected);
        for none in [json!({"id": "1"}), json!({"id": "1", "error": null}), json!({"error": false})] {
            assert_eq!(means(200, &none), Meaning::Posted, "{none}");
        }
        assert_eq!(means(403, &Value::Null), Meaning::TokenExpired);
        for said in [json!(""), json!({}), json!({"error": "insufficient_scope"})] {
            assert_eq!(means(403, &said), Meaning::Rejected, "{said}");
        }
        assert_eq!(means(409, &Value::Null), Meaning::Rejected);
    }

    #[test]
    fn what_is_known_not_to_be_posted_is_told_from_what_is_not_known() {
        let plain = |status, later: bool| {
            let after = later.then_some(Duration::from_secs(1));
            meaning(&[], &answer(status, &Value::Null, after), &Value::Null)
        };
        assert_eq!(plain(503, true), Meaning::RateLimited);
        assert_eq!(plain(429, false), Meaning::RateLimited);
        assert_eq!(plain(401, false), Meaning::TokenExpired);
        for refused in [400, 403, 404, 422] {
            assert_eq!(plain(refused, false), Meaning::Rejected, "{refused}");
        }
        for unknown in [302, 408, 409, 500, 502, 503, 504] {
            assert_eq!(plain(unknown, false), Meaning::Unknown, "{unknown}");
        }
    }
}
