//! The refresh grant (RFC 6749 §6): a refresh token in, new tokens or a refusal out. Every error says whether the refresh
//! token may be spent.

use std::time::Duration;

use jiff::Timestamp;
use sealpost_schemas::ProviderError;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::request::ask;
use super::token_call::{TokenAnswer, said, tokens, words};
use super::{Credential, OAuthProvider};
use crate::http::{Answered, NoAnswer};
use crate::pace::Pass;

/// Why there are no new tokens.
#[derive(Debug, thiserror::Error)]
pub enum RefreshError {
    /// Nothing was sent, so nothing was spent.
    #[error("the token endpoint could not be reached")]
    NotSent,
    /// Nothing was spent.
    #[error("the token endpoint asks for fewer requests (429)")]
    RateLimited {
        /// Not before this much time.
        after: Option<Duration>,
    },
    /// Our client is refused; the token was not looked at.
    #[error("the provider refused our client credentials ({})", words(.0))]
    InvalidClient(ProviderError),
    /// The request is refused whatever its token is (RFC 6749 §5.2): our configuration.
    #[error("the provider refused the request as such ({})", words(.0))]
    Rejected(ProviderError),
    /// The token is no good any more.
    #[error("the provider no longer takes the refresh token ({})", words(.0))]
    Dead(ProviderError),
    /// Nothing proves that the token was not spent.
    #[error("the token endpoint's answer was lost: {0}")]
    Lost(String),
}

impl RefreshError {
    /// The label of the metric of token calls.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::NotSent => "not-sent",
            Self::RateLimited { .. } => "rate-limited",
            Self::InvalidClient(_) => "invalid-client",
            Self::Rejected(_) => "rejected",
            Self::Dead(_) => "dead-token",
            Self::Lost(_) => "lost",
        }
    }
}

/// Spends a refresh token, within `limit`, answer included. The provider knows the connection's access token too: neither goes
/// on in its words.
///
/// # Errors
/// [`RefreshError`] tells whether the token may be spent.
pub async fn refresh(
    pass: &Pass,
    provider: &OAuthProvider,
    credential: &Credential,
    (token, access_token): (&SecretString, Option<&SecretString>),
    (limit, now): (Duration, Timestamp),
) -> Result<TokenAnswer, RefreshError> {
    let form = [("grant_type", "refresh_token"), ("refresh_token", token.expose_secret())];
    match ask(pass, provider, credential, (&provider.token_url, &form), (limit, now)).await {
        Ok(replied) => {
            let known: Vec<_> = [token].into_iter().chain(access_token).collect();
            read(provider, &replied.answer, &replied.sent(&known), now)
        }
        Err(NoAnswer::NotSent) => Err(RefreshError::NotSent),
        Err(lost) => Err(RefreshError::Lost(lost.to_string())),
    }
}

fn read(
    provider: &OAuthProvider,
    answer: &Answered,
    sent: &[&str],
    now: Timestamp,
) -> Result<TokenAnswer, RefreshError> {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let said = said(answer.status, &body, sent);
    if provider.says_dead(&said) {
        return Err(RefreshError::Dead(said));
    }
    let lost = |why: &str| Err(RefreshError::Lost(format!("status {}{why}", answer.status)));
    match (answer.status, said.error.as_deref()) {
        (200..=299, _) => tokens(provider, &body, sent, now).map_or_else(|| lost(" without an access token"), Ok),
        (429, _) => Err(RefreshError::RateLimited { after: answer.retry_after }),
        // RFC 6749 §5.2: 401 speaks of the client, also where no words say so
        (400..=499, Some("invalid_client" | "unauthorized_client")) | (401, None) => {
            Err(RefreshError::InvalidClient(said))
        }
        (400..=499, Some("invalid_request" | "invalid_scope" | "unsupported_grant_type")) => {
            Err(RefreshError::Rejected(said))
        }
        // a firewall's page, a gateway's time-out, a word that no standard knows
        _ => lost(""),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::super::provider::tests::provider;
    use super::{RefreshError, TokenAnswer, read};
    use crate::http::Answered;

    fn answer(entry: &str, status: u16, body: &str) -> Result<TokenAnswer, RefreshError> {
        let answered = Answered { status, retry_after: None, body: body.into() };
        read(&provider(entry), &answered, &["the-token"], Timestamp::UNIX_EPOCH)
    }

    fn label(entry: &str, status: u16, body: &str) -> &'static str {
        answer(entry, status, body).err().map_or("ok", |error| error.label())
    }

    #[test]
    fn only_a_word_that_speaks_of_the_token_declares_it_dead() {
        for (status, body, expected) in [
            (400, r#"{"error":"invalid_grant"}"#, "dead-token"),
            (401, r#"{"error":"invalid_grant"}"#, "dead-token"),
            (400, r#"{"error":"interaction_required"}"#, "dead-token"),
            (400, r#"{"error":"unauthorized_client"}"#, "invalid-client"),
            (400, r#"{"error":"invalid_client"}"#, "invalid-client"),
            (401, r#"{"error":"invalid_client"}"#, "invalid-client"),
            (401, r#"{"error":"unauthorized_client"}"#, "invalid-client"),
            (401, "<html>", "invalid-client"),
            (400, r#"{"error":"invalid_scope"}"#, "rejected"),
            (400, r#"{"error":"invalid_request"}"#, "rejected"),
            (429, r#"{"error":"invalid_request"}"#, "rate-limited"),
            (400, r#"{"error":"moon"}"#, "lost"),
            (400, "<html>", "lost"),
            (403, "", "lost"),
            (408, "", "lost"),
            (409, "{}", "lost"),
            (301, "", "lost"),
            (500, r#"{"error":"invalid_grant"}"#, "lost"),
            (503, "", "lost"),
            (200, r#"{"error":"invalid_grant"}"#, "lost"),
            (200, r#"{"access_token":""}"#, "lost"),
            (200, "<html>", "lost"),
            (200, r#"{"access_token":"a"}"#, "ok"),
        ] {
            assert_eq!(label("", status, body), expected, "{status} {body}");
        }
    }

    #[test]
    fn an_entry_says_how_its_provider_calls_a_dead_token() {
        let gitea = "dead_token = [{ status = 400, error = 'unauthorized_client', description = 'was already used' }]";
        let used = r#"{"error":"unauthorized_client","error_description":"token was already used"}"#;
        let secret = r#"{"error":"unauthorized_client","error_description":"invalid client secret"}"#;
        assert_eq!(label(gitea, 400, used), "dead-token");
        assert_eq!(label(gitea, 401, used), "invalid-client");
        assert_eq!(label(gitea, 400, secret), "invalid-client");
        assert_eq!(label("", 400, used), "invalid-client");
        let github = "dead_token = [{ error = 'bad_refresh_token' }]";
        assert_eq!(label(github, 200, r#"{"error":"bad_refresh_token"}"#), "dead-token");
        assert_eq!(label(github, 200, r#"{"error":"something else"}"#), "lost");
    }

    #[test]
    fn an_entry_says_where_a_lifetime_in_milliseconds_is() {
        let body = r#"{"access_token":"a","expires_in":5,"expires_in_ms":"90000"}"#;
        let expiry = |entry| answer(entry, 200, body).unwrap().expires_at.map(Timestamp::as_second);
        assert_eq!(expiry(""), Some(5));
        assert_eq!(expiry("expires_in_ms = 'expires_in_ms'"), Some(90));
        assert_eq!(expiry("expires_in_ms = 'lifetime'"), None);
    }

    #[test]
    fn an_empty_refresh_token_is_none() {
        let token = |body| answer("", 200, body).unwrap().refresh_token;
        assert!(token(r#"{"access_token":"a","refresh_token":""}"#).is_none());
        assert!(token(r#"{"access_token":"a"}"#).is_none());
        assert!(token(r#"{"access_token":"a","refresh_token":"r"}"#).is_some());
    }
}
