//! A refresh token that comes from elsewhere: whether it may be spent here, and its one refresh.
//!
//! A token that a connection here has or had is never spent for another one: with a provider that rotates, that would end
//! the first one's family. Two who bring one token in at the same time are told apart by its lease.

use std::time::Duration;

use sealpost_schemas::{Connection, ProviderId};
use secrecy::SecretString;
use uuid::Uuid;

use super::TokenKeeper;
use crate::failure::Failure;
use crate::metrics;
use crate::oauth::{self, Credential, OAuthProvider, RefreshError, TokenAnswer};
use crate::pace::Pass;
use crate::records::{Custody, Metadata, State, Subject, TokenLease};

/// How long a lease of a token lasts: from the look at who has it until it is stored, however slow Redis is meanwhile.
const LEASE: Duration = Duration::from_mins(10);

/// What is known of a refresh token that is brought in.
pub enum Brought {
    /// Nobody has it, nor had: it may be spent under this lease.
    Free(TokenLease),
    /// Somebody else brings it in right now.
    Busy,
    /// Another connection has or had it.
    Held,
    /// This connection had it, and cannot be used any more.
    Spent,
    /// It is or was this connection's, whose tokens rest with the user.
    OnDevice,
    /// This connection came of it and works.
    Kept(Box<Metadata>, Option<Subject>),
}

impl TokenKeeper {
    /// Finds out whether a refresh token may be spent for this connection. `by` is who asks: who asks again has the lease.
    ///
    /// # Errors
    /// If Redis does not answer, or the connection's record cannot be read.
    pub async fn bring(&self, connection: &Connection, token: &SecretString, by: Uuid) -> Result<Brought, Failure> {
        let hash = self.store.hash_of(token);
        let Some(lease) = self.store.lease_token(&hash, by, LEASE).await? else { return Ok(Brought::Busy) };
        match self.known(connection, &hash).await {
            Ok(None) => Ok(Brought::Free(lease)),
            Ok(Some(known)) => {
                self.end_bringing(lease).await;
                Ok(known)
            }
            Err(failure) => {
                self.end_bringing(lease).await;
                Err(failure)
            }
        }
    }

    async fn known(&self, connection: &Connection, hash: &[u8; 32]) -> Result<Option<Brought>, Failure> {
        let id = self.store.locate(connection);
        if self.store.holders(hash).await?.iter().any(|holder| *holder != id) {
            return Ok(Some(Brought::Held));
        }
        let Some(record) = self.store.load(&id).await? else { return Ok(None) };
        let (has, had) = (record.token == Some(*hash), record.metadata.superseded.contains(hash));
        Ok(match record.metadata.standing.state {
            State::Active if (has || had) && record.metadata.custody == Custody::Device => Some(Brought::OnDevice),
            State::Active if has || had => {
                let subject = self.subject_of(Some(&record)).await?;
                Some(Brought::Kept(Box::new(record.metadata), subject))
            }
            // one that is no longer taken, or does not open, may be tried once more: nobody else uses it
            _ if had => Some(Brought::Spent),
            _ => None,
        })
    }

    /// Gives the lease of a token back. If that fails it runs out by itself.
    pub async fn end_bringing(&self, lease: TokenLease) {
        if let Err(error) = self.store.release_token(lease).await {
            tracing::warn!(%error, "the lease of a refresh token runs out by itself");
        }
    }

    /// Spends a refresh token that is brought in.
    ///
    /// # Errors
    /// [`RefreshError`] tells whether it may be spent.
    pub async fn spend(
        &self,
        name: &ProviderId,
        provider: &OAuthProvider,
        (credential, token): (&Credential, &SecretString),
        pass: &Pass,
    ) -> Result<TokenAnswer, RefreshError> {
        let times = (self.calls.limit, self.calls.clock.now());
        let began = self.calls.clock.since_boot();
        let answer = oauth::refresh(pass, provider, credential, (token, None), times).await;
        let outcome = answer.as_ref().map_or_else(RefreshError::label, |_| "ok");
        metrics::token_call(name.as_str(), "refresh_token", outcome, self.took(began));
        // RFC 6749 §6: an answer without one leaves the old one good
        answer
            .map(|answer| TokenAnswer { refresh_token: answer.refresh_token.or_else(|| Some(token.clone())), ..answer })
    }
}
