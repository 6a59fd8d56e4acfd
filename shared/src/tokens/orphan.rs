//! New tokens of a connection that was deleted while they were asked for.

use std::time::Duration;

use secrecy::SecretString;
use tokio::time::sleep;

use super::TokenKeeper;
use super::access::{self, Access};
use super::refresh::Attempt;
use crate::oauth::{self, Credential, OAuthProvider, RevokeError, TokenAnswer, TokenKind};

/// How often one token is revoked before a person must do it, and how long is waited between.
const TRIES: u32 = 4;
const PAUSE: Duration = Duration::from_secs(1);

/// What became of a token.
enum End {
    Revoked,
    /// There is a connection again.
    Left,
}

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
                Ok(End::Revoked) => {
                    tracing::info!(record = %id, %provider, ?kind, "a token of a deleted connection was revoked");
                }
                Ok(End::Left) => {
                    tracing::info!(record = %id, %provider, ?kind, "a token of a deleted connection is left: it was connected anew");
                }
                Err(why) => {
                    let advice = "it is good until it expires: end it in the user's account at the provider";
                    tracing::error!(record = %id, %provider, ?kind, why, advice, "a token of a deleted connection was not revoked");
                }
            }
        }
        access::no_connection()
    }

    /// Asked before every try: a consent that was given meanwhile would end with the token where the provider ends the
    /// whole grant of its user.
    async fn revoke(&self, attempt: &Attempt<'_>, token: &SecretString, kind: TokenKind) -> Result<End, String> {
        let provider = &attempt.wanted.provider;
        let credential = self.credential(provider).await.map_err(|failure| failure.message)?;
        let mut tries = 0;
        loop {
            tries += 1;
            let (why, may_pass) = match self.store.load(&attempt.record.id).await {
                Ok(Some(_)) => return Ok(End::Left),
                Ok(None) => match self.revoke_once(provider, &credential, (token, kind)).await {
                    Ok(()) => return Ok(End::Revoked),
                    Err(error) => (error.to_string(), error.may_pass()),
                },
                Err(error) => (error.to_string(), true),
            };
            if !may_pass || tries == TRIES {
                return Err(why);
            }
            sleep(PAUSE).await;
        }
    }

    async fn revoke_once(
        &self,
        provider: &OAuthProvider,
        credential: &Credential,
        token: (&SecretString, TokenKind),
    ) -> Result<(), RevokeError> {
        let times = (self.calls.limit, self.calls.clock.now());
        oauth::revoke(&self.calls.http, provider, credential, token, times).await
    }
}
