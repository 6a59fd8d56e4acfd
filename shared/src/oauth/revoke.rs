//! Token revocation (RFC 7009).

use std::time::Duration;

use jiff::Timestamp;
use reqwest::Client;
use sealpost_schemas::ProviderError;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::request::ask;
use super::token_call::{said, words};
use super::{Credential, OAuthProvider};
use crate::http::NoAnswer;

/// What a token is: the hint of RFC 7009 §2.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// With it, the provider should end what came of the same grant (§2.1).
    Refresh,
    /// With it, the provider may end the refresh token too.
    Access,
}

/// Why a token may still be good.
#[derive(Debug, thiserror::Error)]
pub enum RevokeError {
    /// Nothing was sent.
    #[error("its entry has no revocation_url")]
    NoEndpoint,
    /// Whether it was revoked is not known. To revoke it again does no harm.
    #[error("the revocation endpoint: {0}")]
    NoAnswer(#[from] NoAnswer),
    /// It was not revoked.
    #[error("the revocation endpoint refused ({})", words(.0))]
    Refused(ProviderError),
}

impl RevokeError {
    /// Whether another try may do better (§2.2.1 has 503 for that).
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::NoEndpoint => false,
            Self::NoAnswer(_) => true,
            Self::Refused(said) => said.status.is_some_and(|status| status == 429 || status >= 500),
        }
    }
}

/// Revokes one token. `times`: how long that may take, and when it begins. A token that the provider does not know counts as revoked (RFC 7009 §2.2).
///
/// # Errors
/// [`RevokeError`] says whether another try may do better.
pub async fn revoke(
    client: &Client,
    provider: &OAuthProvider,
    credential: &Credential,
    (token, kind): (&SecretString, TokenKind),
    times: (Duration, Timestamp),
) -> Result<(), RevokeError> {
    let url = provider.revocation_url.as_ref().ok_or(RevokeError::NoEndpoint)?;
    let hint = match kind {
        TokenKind::Refresh => "refresh_token",
        TokenKind::Access => "access_token",
    };
    let form = [("token", token.expose_secret()), ("token_type_hint", hint)];
    let replied = ask(client, provider, credential, (url, &form), times).await?;
    if (200..=299).contains(&replied.answer.status) {
        return Ok(());
    }
    let body: Value = serde_json::from_slice(&replied.answer.body).unwrap_or_default();
    Err(RevokeError::Refused(said(replied.answer.status, &body, &replied.sent(&[token]))))
}
