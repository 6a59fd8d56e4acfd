//! The ID token that a refresh may bring, judged after the new tokens were saved: no check may destroy a good token. It is
//! saved with them, and who dies before the verdict leaves it to the next one that wants to use them.

use sealpost_schemas::events::ConnectionNeedsConsent;
use sealpost_schemas::{Answer, Code, Message};
use secrecy::SecretString;
use uuid::Uuid;

use super::TokenKeeper;
use super::access::{self, Access, Wanted};
use super::outcome::{LOOKS, event_id};
use super::refresh::Attempt;
use super::turn::put_off;
use crate::failure::Failure;
use crate::oauth::TokenAnswer;
use crate::records::{Content, Expected, Metadata, RecordId, Saved, Standing, State};
use crate::{ids, metrics};

/// The ID token to be saved with an answer's tokens, where it can say that they are another account's.
pub(super) fn to_judge(attempt: &Attempt<'_>, answer: &TokenAnswer) -> Option<SecretString> {
    let provider = &attempt.wanted.provider;
    answer.id_token.clone().filter(|_| attempt.content.subject.is_some() && provider.jwks_url.is_some())
}

impl TokenKeeper {
    /// Ends the connection if its saved tokens turn out to be another account's than it is of. What cannot be verified says
    /// nothing.
    pub(super) async fn judge_subject(
        &self,
        wanted: &Wanted,
        content: &Content,
        metadata: &Metadata,
    ) -> Result<Option<Access>, Failure> {
        let (Some(known), Some(token)) = (&content.subject, &content.tokens.id_token) else { return Ok(None) };
        let id = self.store.locate(&wanted.connection);
        // OpenID Connect Core §12.2: its nonce was checked at the exchange
        match self.id_tokens.account_of_refresh(&wanted.provider, token, metadata.refreshed_at).await {
            Ok(Some(account)) if account.id != known.id => {
                return self.end_for_subject(wanted, &id, metadata.generation).await.map(Some);
            }
            Ok(_) => {}
            Err(error) => {
                metrics::id_token_unverified();
                tracing::warn!(record = %id, %error, "a refresh's ID token was not verified");
            }
        }
        if let Err(failure) = self.forget_id_token(&id, metadata.generation).await {
            tracing::warn!(record = %id, reason = failure.message, "a refresh's ID token will be judged once more");
        }
        Ok(None)
    }

    /// Nobody uses the tokens before this is done: the ID token is still with them.
    async fn end_for_subject(&self, wanted: &Wanted, id: &RecordId, generation: Uuid) -> Result<Access, Failure> {
        for _ in 0..LOOKS {
            let Some(record) = self.store.load(id).await? else { return Ok(access::no_connection()) };
            if record.metadata.standing.state == State::NeedsConsent {
                return Ok(access::ended(&record.metadata.standing, None, Vec::new()));
            }
            if record.metadata.generation != generation {
                return Err(put_off(id, "its tokens were replaced while they were judged"));
            }
            let standing = Standing::needs_consent(self.calls.clock.now(), Code::SubjectChanged);
            // so that a refresh under way, begun by who could not verify the ID token, does not make it good again
            let ended = ids::fresh();
            if let Saved::Moved = self.store.end_generation(&record, &standing, ended).await? {
                continue;
            }
            tracing::error!(record = %id, "a refresh brought the tokens of another account; consent is needed again");
            metrics::needs_consent(Code::SubjectChanged);
            let event = ConnectionNeedsConsent {
                id: event_id(&wanted.connection, ConnectionNeedsConsent::NAME, ended),
                connection: wanted.connection.clone(),
                code: Code::SubjectChanged,
                provider_error: None,
            };
            return Ok(access::ended(&standing, None, Answer::of(event).into_iter().collect()));
        }
        Err(put_off(id, "it moved under every attempt to mark it"))
    }

    /// The tokens may be used from now on.
    async fn forget_id_token(&self, id: &RecordId, generation: Uuid) -> Result<(), Failure> {
        for _ in 0..LOOKS {
            let record = self.store.load(id).await?.filter(|record| record.metadata.generation == generation);
            let Some(record) = record else { return Ok(()) };
            let key = self.keys.get(record.key()).await?;
            let mut content = record.open(&key)?;
            if content.tokens.id_token.take().is_none() {
                return Ok(());
            }
            let draft = self.store.draft(&content, record.metadata.clone(), record.key(), &key)?;
            if let Saved::Written(_) = self.store.save(&draft, Expected::Revision(record.revision)).await? {
                return Ok(());
            }
        }
        Err(put_off(id, "it moved under every attempt to write it"))
    }
}
