//! Token revocation (RFC 7009), or in the provider's own way.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::{Client, Method};
use sealpost_schemas::ProviderError;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use url::Url;

use super::provider::{RevocationAuth, RevocationBody, RevocationMethod};
use super::request::{Written, ask_by, identify, proved};
use super::token_call::{said, words};
use super::{Credential, OAuthProvider};
use crate::http::NoAnswer;
use crate::pace::Pass;

/// What a token is: the hint of RFC 7009 §2.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// With it, the provider should end what came of the same grant (§2.1).
    Refresh,
    /// With it, the provider may end the refresh token too.
    Access,
}

/// How a token was found that is no good any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revoked {
    /// It was revoked now. An endpoint that follows RFC 7009 §2.2 says so of a token too that it does not know.
    Now,
    /// The provider did not know it, or not any more.
    Before,
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
    /// Not now (§2.2.1).
    #[error("the revocation endpoint cannot answer now ({})", words(.said))]
    Unavailable {
        /// What it said.
        said: ProviderError,
        /// Not before this much time.
        after: Option<Duration>,
    },
    /// It does not revoke tokens of this kind (§2.2.1).
    #[error("the provider does not revoke tokens of this kind")]
    UnsupportedKind,
    /// Our client was refused.
    #[error("the revocation endpoint refused our client credentials ({})", words(.0))]
    InvalidClient(ProviderError),
    /// It was not revoked.
    #[error("the revocation endpoint refused ({})", words(.0))]
    Refused(ProviderError),
}

impl RevokeError {
    /// The label of the metric of calls.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::NoEndpoint | Self::NoAnswer(NoAnswer::NotSent) => "not-sent",
            Self::NoAnswer(_) => "lost",
            Self::Unavailable { said, .. } if said.status == Some(429) => "rate-limited",
            Self::Unavailable { .. } => "unavailable",
            Self::UnsupportedKind | Self::Refused(_) => "rejected",
            Self::InvalidClient(_) => "invalid-client",
        }
    }
}

/// Revokes one token. `times`: how long that may take, answer included, and when it begins. That the provider does not know the
/// token (RFC 7009 §2.2), also where it says so as an error, is no failure. `known`: the tokens of the connection, none of which goes on in the provider's words, also
/// where it was not sent this time.
///
/// # Errors
/// [`RevokeError`] says whether another try may do better.
pub async fn revoke(
    pass: &Pass,
    provider: &OAuthProvider,
    credential: &Credential,
    (token, kind): (&SecretString, TokenKind),
    known: &[&SecretString],
    times: (Duration, Timestamp),
) -> Result<Revoked, RevokeError> {
    let url = provider.revocation_url.as_ref().ok_or(RevokeError::NoEndpoint)?;
    let write = |credential: &Credential| request(pass.client(), (provider, url), credential, (token, kind), times.1);
    let replied = ask_by(pass, provider, credential, times, write).await?;
    let answer = &replied.answer;
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    // some say errors with 200
    let failed = body.get("error").is_some_and(|error| !error.is_null() && *error != Value::Bool(false))
        || body.get("ok") == Some(&Value::Bool(false));
    if (200..=299).contains(&answer.status) && !failed {
        return Ok(Revoked::Now);
    }
    let said = said(answer.status, &body, &replied.sent(known));
    if answer.status == 429 || answer.status >= 500 {
        return Err(RevokeError::Unavailable { said, after: answer.retry_after });
    }
    let by_bearer = provider.revocation.auth == RevocationAuth::Bearer;
    match said.error.as_deref() {
        // said of what is shown, not of what is to be revoked
        Some("invalid_token") if by_bearer && kind == TokenKind::Refresh => Err(RevokeError::Refused(said)),
        Some("invalid_token" | "token_revoked" | "token_expired") => Ok(Revoked::Before),
        _ if provider.says_dead(&said) => Ok(Revoked::Before),
        Some("unsupported_token_type") => Err(RevokeError::UnsupportedKind),
        Some("invalid_client" | "unauthorized_client") => Err(RevokeError::InvalidClient(said)),
        // the token is what is shown: as an access token, which a refresh token never is
        _ if by_bearer && answer.status == 401 && kind == TokenKind::Access => Ok(Revoked::Before),
        _ if answer.status == 401 && !by_bearer => Err(RevokeError::InvalidClient(said)),
        _ => Err(RevokeError::Refused(said)),
    }
}

fn request(
    client: &Client,
    (provider, url): (&OAuthProvider, &Url),
    credential: &Credential,
    (token, kind): (&SecretString, TokenKind),
    now: Timestamp,
) -> Result<Written, NoAnswer> {
    let way = &provider.revocation;
    let method = match way.method {
        RevocationMethod::Post => Method::POST,
        RevocationMethod::Delete => Method::DELETE,
    };
    let request = client.request(method, url.clone()).header("accept", "application/json");
    let (request, proofs) = match way.auth {
        RevocationAuth::Bearer => (request.bearer_auth(token.expose_secret()), Vec::new()),
        RevocationAuth::Client => proved(request, provider, credential, now)?,
    };
    let mut fields = BTreeMap::from([(way.field.as_str(), token.expose_secret())]);
    if way.body == RevocationBody::Form {
        let hint = match kind {
            TokenKind::Refresh => "refresh_token",
            TokenKind::Access => "access_token",
        };
        fields.insert("token_type_hint", hint);
    }
    if way.auth == RevocationAuth::Client {
        identify(provider, &proofs, &mut fields);
    }
    let request = match way.body {
        RevocationBody::Form => request.form(&fields),
        RevocationBody::Json => request.json(&fields),
        RevocationBody::None => request,
    };
    Ok((request, proofs))
}

#[cfg(test)]
mod tests;
