//! Tokens that come when their connection has ended: they are buried before anything else, and then revoked.

use crate::tokens::Providers;
use std::sync::Arc;
use std::time::Duration;

use sealpost_schemas::{Code, Connection, ProviderId};
use tokio::time::sleep;
use uuid::Uuid;

use super::settle::Settled;
use crate::failure::Failure;
use crate::oauth::{OAuthProvider, TokenAnswer};
use crate::records::{Content, TokenSet};
use crate::seal::{Key, KeyRef};
use crate::tokens::TokenKeeper;
use crate::tokens::refresh::Attempt;
use crate::tokens::turn::{ConsentTurn, Turn};

/// How long tokens that cannot be buried are held on to, and how long is waited between two attempts.
pub(super) const HOLD_ON: Duration = Duration::from_mins(2);
pub(super) const PAUSE: Duration = Duration::from_secs(1);

/// How often they are tried to be revoked, as long as the turn lasts, before that is left to the sweep.
const TRIES: u32 = 4;

impl TokenKeeper {
    /// New tokens of a connection that was deleted while they were asked for, or of a consent that another one took the place
    /// of. What is stored is left as it is.
    pub(in crate::tokens) async fn orphaned(
        &self,
        attempt: &Attempt<'_>,
        (content, generation): (&Content, Uuid),
        answer: &TokenAnswer,
        turn: &mut Turn,
    ) {
        let connection = &attempt.wanted.connection;
        match self.bury_late(content, generation, answer, &attempt.key).await {
            Ok(()) => self.end_late_in(connection, &attempt.wanted.provider, turn).await,
            Err(failure) => {
                let (record, reason) = (attempt.record.id, failure.message);
                let advice = "they are good until they expire: end them in the user's account at the provider";
                tracing::error!(%record, reason, advice, "tokens of a deleted connection could not be buried");
            }
        }
    }

    /// Puts tokens into a tombstone, however long Redis takes for it.
    pub(in crate::tokens) async fn bury_late(
        &self,
        content: &Content,
        generation: Uuid,
        answer: &TokenAnswer,
        key: &(KeyRef, Arc<Key>),
    ) -> Result<(), Failure> {
        // also one that is not kept
        let tokens = TokenSet { access_token: Some(answer.access_token.clone()), ..content.tokens.clone() };
        let content = Content { tokens, ..content.clone() };
        let began = self.calls.clock.since_boot();
        loop {
            let newest = self.keys.newest_of(&content.connection.tenant).await;
            let (name, key) = newest.unwrap_or_else(|_| key.clone());
            let tombstone = self.store.tombstone(&content, generation, (&name, &key))?.expiring(answer.expires_at);
            match self.noticed(&name, self.store.bury_late(&tombstone, self.calls.clock.now()).await) {
                Ok(()) => {
                    tracing::info!(record = %tombstone.id.record, "tokens of a deleted connection are buried");
                    return Ok(());
                }
                Err(error) if self.calls.clock.since_boot().saturating_sub(began) > HOLD_ON => return Err(error.into()),
                Err(error) => tracing::warn!(%error, "tokens of a deleted connection wait"),
            }
            sleep(PAUSE).await;
        }
    }

    /// Has the tokens in a connection's tombstones revoked by who has its turn. What cannot be done now is left to the sweep.
    pub async fn end_late(&self, connection: &Connection, provider: &OAuthProvider, turn: &mut ConsentTurn) {
        self.end_late_in(connection, provider, turn.as_mut()).await;
    }

    async fn end_late_in(&self, connection: &Connection, provider: &OAuthProvider, turn: &mut Turn) {
        let entry = |name: &ProviderId| (*name == connection.provider).then(|| provider.clone());
        for tries in 1..=TRIES {
            let failure = match self.end_once(connection, &entry, turn).await {
                Ok(()) => return,
                Err(failure) => failure,
            };
            let passes = matches!(failure.code, Code::ProviderUnavailable | Code::RateLimited | Code::StoreUnavailable);
            if !passes || tries == TRIES {
                tracing::warn!(reason = failure.message, "tokens of a deleted connection wait for the sweep");
                return;
            }
            sleep(PAUSE).await;
        }
    }

    async fn end_once<P>(&self, connection: &Connection, provider: &P, turn: &mut Turn) -> Result<(), Failure>
    where
        P: Providers,
    {
        for id in self.store.tombstones_of(&self.store.locate(connection)).await? {
            // it is in every exchange's way, and seldom gone
            if let Settled::NotYet(_, failure) = Box::pin(self.settle(&id, provider, None, turn)).await? {
                return Err(failure);
            }
        }
        Ok(())
    }
}
