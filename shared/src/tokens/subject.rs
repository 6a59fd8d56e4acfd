//! The ID token that a refresh may bring, judged after the new tokens were saved: no check may destroy a good token.

use sealpost_schemas::events::ConnectionNeedsConsent;
use sealpost_schemas::{Answer, Code, Message};
use tokio::time::sleep;
use uuid::Uuid;

use super::TokenKeeper;
use super::access::{self, Access};
use super::outcome::{HOLD_ON, PAUSE, event_id};
use super::refresh::Attempt;
use crate::failure::Failure;
use crate::metrics;
use crate::oauth::TokenAnswer;
use crate::records::{Saved, Standing};

impl TokenKeeper {
    /// Ends the connection if its saved tokens, of this generation, turn out to be another account's than it is of. What
    /// cannot be verified says nothing.
    pub(super) async fn check_subject(
        &self,
        attempt: &Attempt<'_>,
        answer: &TokenAnswer,
        generation: Uuid,
    ) -> Result<Option<Access>, Failure> {
        let Some(known) = &attempt.content.subject else { return Ok(None) };
        let provider = &attempt.wanted.provider;
        // OpenID Connect Core §12.2: an answer to a refresh need not have one, and its nonce was checked at the exchange
        match self.id_tokens.account(provider, answer.id_token.as_ref(), None, &[]).await {
            Ok(Some(account)) if account.id != known.id => self.end_for_subject(attempt, generation).await.map(Some),
            Ok(_) => Ok(None),
            Err(error) => {
                metrics::id_token_unverified();
                tracing::warn!(record = %attempt.record.id, %error, "a refresh's ID token was not verified");
                Ok(None)
            }
        }
    }

    /// Another account's tokens must not be used, so that this does not give up at the first trouble.
    async fn end_for_subject(&self, attempt: &Attempt<'_>, generation: Uuid) -> Result<Access, Failure> {
        let began = self.calls.clock.since_boot();
        loop {
            match self.mark_subject(attempt, generation).await {
                Ok(Some(access)) => return Ok(access),
                Err(failure) if self.calls.clock.since_boot().saturating_sub(began) > HOLD_ON => return Err(failure),
                Ok(None) | Err(_) => sleep(PAUSE).await,
            }
        }
    }

    /// `None` if the record moved meanwhile.
    async fn mark_subject(&self, attempt: &Attempt<'_>, generation: Uuid) -> Result<Option<Access>, Failure> {
        let Some(record) = self.store.load(&attempt.record.id).await? else { return Ok(Some(access::no_connection())) };
        if record.metadata.generation != generation {
            return self.adopt(attempt.wanted).await.map(Some);
        }
        let standing = Standing::needs_consent(self.calls.clock.now(), Code::SubjectChanged);
        if let Saved::Moved = self.store.mark(&record, &standing).await? {
            return Ok(None);
        }
        tracing::error!(record = %record.id, "a refresh brought the tokens of another account; consent is needed again");
        let event = ConnectionNeedsConsent {
            id: event_id(&attempt.wanted.connection, ConnectionNeedsConsent::NAME, generation),
            connection: attempt.wanted.connection.clone(),
            code: Code::SubjectChanged,
            provider_error: None,
        };
        Ok(Some(access::ended(&standing, None, Answer::of(event).into_iter().collect())))
    }
}
