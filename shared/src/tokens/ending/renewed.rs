//! An access token that is had only to be revoked, where nothing else ends what the refresh token is good for.

use sealpost_schemas::Code;
use tokio::time::sleep;

use super::PATIENCE;
use super::late::{HOLD_ON, PAUSE};
use super::revoking::{Revoking, revoking};
use super::settle::NotYet;
use crate::failure::{Failure, Verdict};
use crate::metrics;
use crate::oauth::{self, OAuthProvider, RefreshError, TokenAnswer};
use crate::records::TokenSet;
use crate::tokens::{TokenKeeper, unspent};

impl TokenKeeper {
    /// Has new tokens with the refresh token of a tombstone, and buries them there before anything else. `false`: none are to
    /// be had any more.
    pub(super) async fn access_anew(&self, of: &mut Revoking<'_>, provider: &OAuthProvider) -> Result<bool, NotYet> {
        let Some(token) = of.content.tokens.refresh_token.clone() else { return Ok(false) };
        let credential = self.credential(provider).await.map_err(NotYet::later)?;
        let pass = self.pass(of).await?;
        self.in_time(of)?;
        let times = (self.calls.limit, self.calls.clock.now());
        let known = (&token, of.content.tokens.access_token.as_ref());
        let began = self.calls.clock.since_boot();
        let answer = oauth::refresh(&pass, provider, &credential, known, times).await;
        let outcome = answer.as_ref().map_or_else(RefreshError::label, |_| "ok");
        metrics::token_call(of.content.connection.provider.as_str(), "refresh_token", outcome, self.took(began));
        let error = match answer {
            Ok(answer) => {
                self.bury_anew(of, answer).await;
                return Ok(true);
            }
            Err(error) => error,
        };
        let message = revoking(of, &format!("no access token to revoke it by: {error}"));
        match error {
            RefreshError::Dead(_) => Ok(false),
            RefreshError::Rejected(_) if of.tombstone.tries >= PATIENCE => Ok(false),
            RefreshError::Rejected(_) => Err(NotYet { failure: unspent(&error, message), refused: true }),
            RefreshError::Lost(_) => {
                let verdict = Verdict::Retry { after: Some(self.run_out(of)) };
                Err(NotYet::later(Failure::new(verdict, Code::ProviderUnavailable, message)))
            }
            error => Err(NotYet::later(unspent(&error, message))),
        }
    }

    /// Puts new tokens where the old ones are. What cannot be written down is revoked all the same.
    async fn bury_anew(&self, of: &mut Revoking<'_>, answer: TokenAnswer) {
        let tokens = &of.content.tokens;
        of.content.tokens = TokenSet {
            access_token: Some(answer.access_token),
            refresh_token: answer.refresh_token.or_else(|| tokens.refresh_token.clone()),
            token_type: answer.token_type.or_else(|| tokens.token_type.clone()),
            id_token: None,
        };
        let began = self.calls.clock.since_boot();
        loop {
            match self.write_anew(of).await {
                Ok(true) => return,
                Ok(false) => {}
                Err(failure) if self.calls.clock.since_boot().saturating_sub(began) > HOLD_ON => {
                    let (record, reason) = (of.tombstone.id.record, failure.message);
                    tracing::error!(%record, reason, "tokens that are to be revoked could not be buried");
                    return;
                }
                Err(failure) => tracing::warn!(reason = failure.message, "tokens that are to be revoked wait"),
            }
            sleep(PAUSE).await;
        }
    }

    /// `false`: the tombstone moved, and is as it is now.
    async fn write_anew(&self, of: &mut Revoking<'_>) -> Result<bool, Failure> {
        let key = match self.keys.newest_of(&of.content.connection.tenant).await {
            Ok(newest) => newest,
            Err(_) => (of.tombstone.key().clone(), self.keys.get(of.tombstone.key()).await?),
        };
        let anew = of.tombstone.with_content(&of.content, (&key.0, &key.1))?;
        if self.noticed(&key.0, self.store.reseal_tombstone(&of.tombstone, &anew).await)? {
            of.tombstone = anew;
            return Ok(true);
        }
        match self.store.load_tombstone(&of.tombstone.id).await? {
            Some(now) => of.tombstone = now,
            // it was taken away, whoever did
            None => return Ok(true),
        }
        Ok(false)
    }
}
