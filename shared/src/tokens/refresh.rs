//! The refresh protocol: the only code that spends refresh tokens.
//!
//! A rotating refresh token that is spent twice is taken for a stolen one, and the provider ends the whole family. So
//! there is one call at a time (the lease), after a look at what is stored (under the lease), with a durable note that
//! it was sent (the marker), by a process whose own clock says that the lease lasts longer than the call may take. The
//! provider itself cannot be fenced: what can still go wrong is in [`super::outcome`].

use std::sync::Arc;

use sealpost_schemas::Code;

use super::TokenKeeper;
use super::access::{Access, Found, Wanted};
use super::turn::{Turn, put_off};
use crate::failure::{Failure, Verdict};
use crate::ids;
use crate::metrics::{self, Used};
use crate::oauth::{self, Credential, RefreshError, TokenAnswer};
use crate::pace::{Endpoint, Line, Pass};
use crate::records::{Content, Marker, Record, Saved};
use crate::seal::{Key, KeyRef};

/// One attempt, from its marker on.
pub(super) struct Attempt<'a> {
    pub(super) wanted: &'a Wanted,
    /// What was read under the lease. Its generation is the parent of what the attempt brings.
    pub(super) record: Record,
    pub(super) content: Content,
    pub(super) marker: Marker,
    /// The key that was the newest before the call: without one, no new token is asked for.
    pub(super) key: (KeyRef, Arc<Key>),
}

impl Attempt<'_> {
    /// Whether an earlier attempt left its marker: its outcome is not known.
    pub(super) fn has_predecessor(&self) -> bool {
        self.record.metadata.marker.is_some()
    }
}

impl TokenKeeper {
    /// Refreshes a connection, or uses what somebody else's refresh brought meanwhile.
    pub(super) async fn refresh(&self, wanted: &Wanted) -> Result<Access, Failure> {
        let credential = self.credential(&wanted.provider).await?;
        let mut turn = match self.turn(wanted).await? {
            Ok(turn) => turn,
            Err(access) => {
                metrics::refresh_awaited();
                return Ok(access);
            }
        };
        let result = self.refresh_in_turn(wanted, &credential, &mut turn).await;
        self.end_turn(turn).await;
        result
    }

    async fn refresh_in_turn(
        &self,
        wanted: &Wanted,
        credential: &Credential,
        turn: &mut Turn,
    ) -> Result<Access, Failure> {
        let pass = self.calls.paces.pass(&wanted.connection.provider, Endpoint::Token, Line::Beside).await?;
        let attempt = match self.mark(wanted, turn).await? {
            Ok(attempt) => attempt,
            Err(access) => {
                metrics::refresh_awaited();
                return Ok(access);
            }
        };
        let id = attempt.record.id;
        if self.left(turn) <= self.calls.limit {
            self.unmark(&attempt).await;
            return Err(put_off(&id, "this worker was too slow to send it within its lease"));
        }
        let error = match self.call(&attempt, credential, &pass).await {
            Ok(answer) => return self.keep(&attempt, answer, turn).await,
            Err(error) => error,
        };
        let message = format!("refreshing record {id} at {}: {error}", wanted.connection.provider);
        match error {
            RefreshError::Dead(said) => self.denied(&attempt, said).await,
            RefreshError::Lost(_) => {
                turn.run_out();
                let verdict = Verdict::Retry { after: Some(self.left(turn)) };
                Err(Failure::new(verdict, Code::ProviderUnavailable, message))
            }
            error => {
                self.unmark(&attempt).await;
                Err(unspent(&error, message))
            }
        }
    }

    /// Reads under the lease what is stored, and writes the marker on it.
    async fn mark<'a>(&self, wanted: &'a Wanted, turn: &Turn) -> Result<Result<Attempt<'a>, Access>, Failure> {
        loop {
            let (record, content) = match self.look(wanted).await? {
                Found::Settled(access) => return Ok(Err(access)),
                Found::Stale(stale) => *stale,
            };
            let key = self.keys.newest_of(&wanted.connection.tenant).await?;
            let marker = Marker { attempt: ids::fresh(), at: self.calls.clock.now() };
            if let Saved::Written(_) = self.store.set_marker(&record, Some(marker)).await? {
                return Ok(Ok(Attempt { wanted, record, content, marker, key }));
            }
            if self.left(turn) <= self.calls.limit {
                return Err(put_off(&record.id, "it moved under every attempt to mark it"));
            }
        }
    }

    async fn call(
        &self,
        attempt: &Attempt<'_>,
        credential: &Credential,
        pass: &Pass,
    ) -> Result<TokenAnswer, RefreshError> {
        let Wanted { connection, provider, .. } = attempt.wanted;
        let tokens = &attempt.content.tokens;
        let Some(token) = &tokens.refresh_token else { return Err(RefreshError::NotSent) };
        let known = (token, tokens.access_token.as_ref());
        let times = (self.calls.limit, self.calls.clock.now());
        let age = times.1.duration_since(attempt.record.metadata.refreshed_at);
        metrics::token_used(connection.provider.as_str(), Used::Refresh, age);
        let began = self.calls.clock.since_boot();
        let answer = oauth::refresh(pass, provider, credential, known, times).await;
        let outcome = answer.as_ref().map_or_else(RefreshError::label, |_| "ok");
        metrics::token_call(connection.provider.as_str(), "refresh_token", outcome, self.took(began));
        answer
    }
}

/// A refresh that spent nothing, as a failure of who wanted it.
#[must_use]
pub fn unspent(error: &RefreshError, message: String) -> Failure {
    match error {
        RefreshError::RateLimited { after } => {
            Failure::new(Verdict::Retry { after: *after }, Code::RateLimited, message)
        }
        RefreshError::InvalidClient(_) => Failure::retry(
            Code::InvalidClient,
            format!("{message}; check client_id and client_secret (or key and certificate) of its entry"),
        ),
        RefreshError::Rejected(_) => {
            Failure::retry(Code::ProviderRejected, format!("{message}; check the provider's entry"))
        }
        _ => Failure::retry(Code::ProviderUnavailable, message),
    }
}
