//! New tokens of a connection that was deleted while they were asked for.

use std::time::Duration;

use secrecy::SecretString;
use tokio::time::sleep;

use super::TokenKeeper;
use super::access::{self, Access};
use super::refresh::Attempt;
use crate::oauth::{self, RevokeError, TokenAnswer, TokenKind};

/// How often one token is revoked before a person must do it, and how long is waited between.
const TRIES: u32 = 4;
const PAUSE: Duration = Duration::from_secs(1);

impl TokenKeeper {
    /// The record is not made again. Nobody knows these tokens after this, so they are revoked at the provider: the refresh
    /// token first, which ends both where the provider follows RFC 7009 §2.1.
    pub(super) async fn orphaned(&self, attempt: &Attempt<'_>, answer: &TokenAnswer) -> Access {
        // RFC 6749 §6: an answer without one leaves the old one good
        let refresh = answer.refresh_token.as_ref().or(attempt.content.tokens.refresh_token.as_ref());
        let tokens = refresh.map(|token| (token, TokenKind::Refresh));
        let (id, provider) = (attempt.record.id, &attempt.wanted.connection.provider);
        for (token, kind) in tokens.into_iter().chain([(&answer.access_token, TokenKind::Access)]) {
            match self.revoke(attempt, token, kind).await {
                Ok(()) => tracing::info!(record = %id, %provider, ?kind, "a token of a deleted connection was revoked"),
                Err(why) => {
                    let advice = "it is good until it expires: end it in the user's account at the provider";
                    tracing::error!(record = %id, %provider, ?kind, why, advice, "a token of a deleted connection was not revoked");
                }
            }
        }
        access::no_connection()
    }

    async fn revoke(&self, attempt: &Attempt<'_>, token: &SecretString, kind: TokenKind) -> Result<(), String> {
        let provider = &attempt.wanted.provider;
        let secret = provider.client_secret()?;
        for _ in 1..TRIES {
            match oauth::revoke(&self.calls.http, provider, &secret, (token, kind)).await {
                Err(error) if error.may_pass() => sleep(PAUSE).await,
                done => return done.map_err(|error: RevokeError| error.to_string()),
            }
        }
        oauth::revoke(&self.calls.http, provider, &secret, (token, kind)).await.map_err(|error| error.to_string())
    }
}
