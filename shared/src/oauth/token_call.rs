//! The token call: a grant in, tokens or a refusal out (RFC 6749 §4.1.3, §5).

#[cfg(test)]
mod tests;

use std::time::Duration;

use jiff::Timestamp;
use sealpost_schemas::ProviderError;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};

use super::request::ask;
use super::{Credential, OAuthProvider};
use crate::http::{self, Answered, NoAnswer};
use crate::pace::Pass;
use crate::plain::plain;

/// The most that is kept of a provider's words, in characters.
const MAX_WORDS: usize = 300;

/// A shorter text than this, in bytes, is a word and not a secret, where it stands in a good answer.
const SHORTEST: usize = 8;

/// The most of `error_codes` that are kept.
const MAX_CODES: usize = 10;

/// The longest claims challenge that is kept, in bytes.
const MAX_CHALLENGE: usize = 4096;

/// The most scopes that are kept.
const MAX_SCOPES: usize = 200;

/// An authorization code and what it is spent with.
#[derive(Clone, Copy)]
pub struct CodeGrant<'a> {
    /// The code.
    pub code: &'a SecretString,
    /// The verifier of RFC 7636.
    pub code_verifier: &'a SecretString,
    /// The redirect URI of the authorization request.
    pub redirect_uri: &'a str,
}

/// What a provider gave.
#[derive(Debug)]
pub struct TokenAnswer {
    /// The access token.
    pub access_token: SecretString,
    /// The refresh token, if it gave one.
    pub refresh_token: Option<SecretString>,
    /// The type of the access token, as the provider writes it.
    pub token_type: Option<String>,
    /// When the access token expires, counted from before the call; unknown if the provider does not say.
    pub expires_at: Option<Timestamp>,
    /// Whether the access token may be stored.
    pub keep_access_token: bool,
    /// The scopes that were granted; `None`: those that were asked for (RFC 6749 §5.1).
    pub scopes: Option<Vec<String>>,
    /// The ID token (`OpenID` Connect Core §3.1.3.3), as it came: nothing of it is checked yet.
    pub id_token: Option<SecretString>,
}

impl TokenAnswer {
    /// Whether the access token can be used: a client that does not understand its type must not (RFC 6749 §7.1), and
    /// Bearer is the one that is understood, in any case of letters (§5.1). Without a type it is taken for Bearer, as
    /// platforms mean it that leave it out.
    ///
    /// # Errors
    /// In words, with the type.
    pub fn usable(&self) -> Result<(), String> {
        match self.token_type.as_deref() {
            None => Ok(()),
            Some(bearer) if bearer.eq_ignore_ascii_case("bearer") => Ok(()),
            Some(other) => Err(format!(
                "the provider gave an access token of type {other:?}; only Bearer is understood, so it must not be used \
                 (RFC 6749 §7.1). Have the provider give our client Bearer tokens"
            )),
        }
    }

    /// The access token, if it may be stored and can be used.
    pub(crate) fn kept_access_token(&self) -> Option<SecretString> {
        (self.keep_access_token && self.usable().is_ok()).then(|| self.access_token.clone())
    }
}

/// Why there are no tokens.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// Nothing was sent, so nothing was spent.
    #[error("the token endpoint could not be reached")]
    NotSent,
    /// Nothing was spent.
    #[error("the token endpoint asks for fewer requests (429)")]
    RateLimited {
        /// Not before this much time.
        after: Option<Duration>,
    },
    /// The grant is refused for good.
    #[error("the provider refused the grant ({})", words(.0))]
    Refused(ProviderError),
    /// Our client is refused; the grant was not looked at.
    #[error("the provider refused our client credentials ({})", words(.0))]
    InvalidClient(ProviderError),
    /// Nothing proves that the grant was not spent.
    #[error("the token endpoint's answer was lost: {0}")]
    Lost(String),
}

impl TokenError {
    /// The label of the metric of token calls.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::NotSent => "not-sent",
            Self::RateLimited { .. } => "rate-limited",
            Self::InvalidClient(_) => "invalid-client",
            Self::Refused(_) => "refused",
            Self::Lost(_) => "lost",
        }
    }
}

/// Spends an authorization code. `times`: how long that may take, answer included, and when it begins.
///
/// # Errors
/// [`TokenError`] tells whether the code may be spent.
pub async fn exchange_code(
    pass: &Pass,
    provider: &OAuthProvider,
    credential: &Credential,
    grant: &CodeGrant<'_>,
    times: (Duration, Timestamp),
) -> Result<TokenAnswer, TokenError> {
    let form = [
        ("grant_type", "authorization_code"),
        ("code", grant.code.expose_secret()),
        ("redirect_uri", grant.redirect_uri),
        ("code_verifier", grant.code_verifier.expose_secret()),
    ];
    spend(pass, provider, credential, (&form, &[grant.code, grant.code_verifier]), times).await
}

/// Spends a grant of these fields within `limit`; those of its values that are secret again.
pub(super) async fn spend(
    pass: &Pass,
    provider: &OAuthProvider,
    credential: &Credential,
    (form, secrets): (&[(&str, &str)], &[&SecretString]),
    (limit, now): (Duration, Timestamp),
) -> Result<TokenAnswer, TokenError> {
    match ask(pass, provider, credential, (&provider.token_url, form), (limit, now)).await {
        Ok(replied) => read(provider, &replied.answer, &replied.sent(secrets), now),
        Err(NoAnswer::NotSent) => Err(TokenError::NotSent),
        Err(lost) => Err(TokenError::Lost(lost.to_string())),
    }
}

fn read(provider: &OAuthProvider, answer: &Answered, sent: &[&str], now: Timestamp) -> Result<TokenAnswer, TokenError> {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    match answer.status {
        200..=299 => tokens(provider, &body, sent, now)
            .ok_or_else(|| TokenError::Lost(format!("status {} without an access token", answer.status))),
        429 => Err(TokenError::RateLimited { after: answer.retry_after }),
        400..=499 => {
            let error = said(answer.status, &body, sent);
            match (error.error.as_deref(), answer.status) {
                // RFC 6749 §5.2: 401 speaks of the client, also where no words say so
                (Some("invalid_client" | "unauthorized_client"), _) | (None, 401) => {
                    Err(TokenError::InvalidClient(error))
                }
                (None, 408 | 409 | 425) => Err(TokenError::Lost(format!("status {}", answer.status))),
                _ => Err(TokenError::Refused(error)),
            }
        }
        status => Err(TokenError::Lost(format!("status {status}"))),
    }
}

/// What an answer says of an error (RFC 6749 §5.2), without the secrets that were sent.
pub(super) fn said(status: u16, body: &Value, sent: &[&str]) -> ProviderError {
    let said = |field: &str| body[field].as_str().map(|words| bounded(words, sent));
    ProviderError {
        status: Some(status),
        error: said("error"),
        description: said("error_description"),
        error_codes: numbers(&body["error_codes"]),
        suberror: said("suberror"),
        claims: body["claims"].as_str().and_then(|claims| challenge(claims, sent)),
    }
}

fn numbers(list: &Value) -> Vec<u32> {
    let list = list.as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(|number| u32::try_from(number.as_u64()?).ok()).take(MAX_CODES).collect()
}

/// A claims challenge, to the letter: what is not to be told of it cannot be left out.
fn challenge(claims: &str, sent: &[&str]) -> Option<Box<str>> {
    let is_object = || serde_json::from_str::<Map<String, Value>>(claims).is_ok();
    let is_clean = || http::scrubbed(plain(claims), sent) == claims;
    (claims.len() <= MAX_CHALLENGE && is_clean() && is_object()).then(|| claims.into())
}

/// The tokens of an answer; `None` if it has no access token that a header can carry (RFC 6749 appendix A.12).
pub(super) fn tokens(provider: &OAuthProvider, body: &Value, sent: &[&str], now: Timestamp) -> Option<TokenAnswer> {
    let text = |field: &str| body[field].as_str().filter(|token| !token.is_empty());
    let token = |field: &str| text(field).map(SecretString::from);
    let access_token = text("access_token").filter(|token| token.bytes().all(|byte| matches!(byte, b' '..=b'~')))?;
    // what else the answer says goes on to others
    let given = ["access_token", "refresh_token", "id_token"].into_iter().filter_map(text);
    let secrets: Vec<&str> = sent.iter().copied().chain(given).filter(|secret| secret.len() >= SHORTEST).collect();
    let number = |field: &str| whole(&body[field]);
    let lifetime = match &provider.expires_in_ms {
        Some(field) => number(field).map(|milliseconds| milliseconds / 1000),
        None => number("expires_in"),
    };
    let lifetime = lifetime.filter(|seconds| *seconds > 0);
    Some(TokenAnswer {
        access_token: access_token.into(),
        refresh_token: token("refresh_token"),
        token_type: match &body["token_type"] {
            Value::Null => None,
            Value::String(words) => Some(bounded(words, &secrets)),
            other => Some(bounded(&other.to_string(), &secrets)),
        },
        // in whole seconds, as lifetimes are
        expires_at: lifetime.and_then(|seconds| Timestamp::from_second(now.as_second().checked_add(seconds)?).ok()),
        keep_access_token: provider.keep_access_token,
        id_token: token("id_token"),
        scopes: body["scope"]
            .as_str()
            .map(|scopes| scopes.split_whitespace().take(MAX_SCOPES).map(|scope| bounded(scope, &secrets)).collect()),
    })
}

/// A number as providers write it: also as a text, or with a fraction, which does not count.
#[expect(clippy::cast_possible_truncation, reason = "what is too large saturates, and is too large as a time")]
fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::String(text) => text.parse().ok(),
        Value::Number(number) => number.as_i64().or_else(|| number.as_f64().map(|number| number as i64)),
        _ => None,
    }
}

/// A provider's words: plain, so that nothing hides what it was sent, without that, and bounded.
pub(super) fn bounded(text: &str, sent: &[&str]) -> String {
    http::scrubbed(plain(text), sent).chars().take(MAX_WORDS).collect()
}

pub(super) fn words(error: &ProviderError) -> String {
    let status = error.status.map(|status| status.to_string()).unwrap_or_default();
    [Some(status), error.error.clone(), error.description.clone()].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod fuzz;
