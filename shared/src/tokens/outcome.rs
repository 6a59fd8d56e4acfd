//! What becomes of a refresh's answer: kept, dropped for a newer one, or the end of the connection.
//!
//! Everything here is judged by the generation: does the record still hold the token that was sent? A revision says
//! less, since a re-seal moves it too.

use std::time::Duration;

use jiff::SignedDuration;
use sealpost_schemas::events::{ConnectionNeedsConsent, ConnectionRefreshed};
use sealpost_schemas::{Answer, Code, Connection, Message, Owner, ProviderError};
use tokio::time::sleep;
use uuid::Uuid;

use super::access::{self, Access};
use super::refresh::Attempt;
use super::subject::to_judge;
use super::turn::{Turn, put_off};
use super::{TokenKeeper, superseded};
use crate::failure::Failure;
use crate::ids;
use crate::metrics::{self, Act, Used};
use crate::oauth::TokenAnswer;
use crate::records::{Content, Custody, Expected, Marker, Metadata, Parking, Record, Saved, Standing, State, TokenSet};

/// How long new tokens that cannot be saved are held on to: the provider has replaced the old ones already.
const HOLD_ON: Duration = Duration::from_mins(2);

/// Between two attempts to save them.
const PAUSE: Duration = Duration::from_millis(500);

/// How often a record that moves is looked at again.
pub(super) const LOOKS: usize = 8;

impl TokenKeeper {
    /// Saves new tokens, however late they came, if the token that they were had for is still stored.
    pub(super) async fn keep(
        &self,
        attempt: &Attempt<'_>,
        answer: TokenAnswer,
        turn: &mut Turn,
    ) -> Result<Access, Failure> {
        let (content, metadata) = self.renewed(attempt, &answer);
        let id = attempt.record.id;
        let began = self.calls.clock.since_boot();
        let saved = loop {
            match self.save(attempt, &content, &metadata).await {
                Ok(saved) => break saved,
                Err(failure) if self.calls.clock.since_boot().saturating_sub(began) > HOLD_ON => {
                    tracing::error!(record = %id, reason = failure.message, "refreshed tokens could not be saved");
                    return Err(failure);
                }
                Err(failure) => tracing::warn!(record = %id, reason = failure.message, "refreshed tokens wait"),
            }
            sleep(PAUSE).await;
        };
        let ours = match saved {
            Saved::Written(_) => true,
            // also after an answer of Redis that was lost: the tokens that moved it may be these
            Saved::Moved => match self.store.load(&id).await? {
                Some(record) if record.metadata.request == metadata.request => {
                    record.metadata.generation == metadata.generation
                }
                stored => {
                    let is_its_own = |record: &Record| self.is_of_the_grant_of(attempt, &answer, record);
                    if !stored.as_ref().is_some_and(is_its_own) {
                        self.orphaned(attempt, (&content, metadata.generation), &answer, turn).await;
                    }
                    return match stored {
                        // what a newer consent brought, whose family these are not of
                        Some(_) => self.adopt(attempt.wanted).await,
                        None => Ok(access::no_connection()),
                    };
                }
            },
        };
        if !ours {
            // not revoked: that can take the family, and with it what is stored
            return self.adopt(attempt.wanted).await;
        }
        metrics::refresh_saved();
        if let Some(ended) = self.judge_subject(attempt.wanted, &content, &metadata).await? {
            return Ok(ended);
        }
        let connection = attempt.wanted.connection.clone();
        let event = ConnectionRefreshed {
            id: event_id(&connection, ConnectionRefreshed::NAME, metadata.generation),
            connection,
            scopes: metadata.scopes,
            expires_at: metadata.access_expires_at,
        };
        let events: Vec<_> = Answer::of(event).into_iter().collect();
        if let Err(why) = answer.usable() {
            // the refresh token is kept and the user left alone: the provider may think better of it
            let message = format!("refreshing record {id} at {}: {why}", attempt.wanted.connection.provider);
            return Err(Failure::retry(Code::TokenTypeUnsupported, message).with_events(events));
        }
        metrics::token_used(attempt.wanted.connection.provider.as_str(), Used::Access, SignedDuration::ZERO);
        let (token, generation) = (answer.access_token, metadata.generation);
        let newer = metadata.custody == Custody::Device;
        Ok(Access::Granted { token, generation, consent: metadata.request, newer, events })
    }

    /// Whether a newer consent's record holds a refresh token that this attempt's connection had or got: some platforms give the
    /// same one with every consent, and what is of the same grant must not end.
    fn is_of_the_grant_of(&self, attempt: &Attempt<'_>, answer: &TokenAnswer, newer: &Record) -> bool {
        let old = &attempt.record;
        let got = answer.refresh_token.as_ref().map(|token| self.store.hash_of(token));
        newer.token.is_some_and(|has| [got, old.token].contains(&Some(has)) || old.metadata.superseded.contains(&has))
    }

    /// The record with the new tokens.
    fn renewed(&self, attempt: &Attempt<'_>, answer: &TokenAnswer) -> (Content, Metadata) {
        let (old, tokens) = (&attempt.record.metadata, &attempt.content.tokens);
        let spent = tokens.refresh_token.as_ref().filter(|_| answer.refresh_token.is_some());
        let superseded = superseded::with(&old.superseded, spent.map(|spent| self.store.hash_of(spent)));
        let mut device = attempt.content.device.clone();
        if old.custody == Custody::Device {
            device.access = superseded::with(&device.access, [self.store.hash_of_access(&answer.access_token)]);
        }
        let content = Content {
            device,
            tokens: TokenSet {
                access_token: match old.custody {
                    Custody::Vault => answer.kept_access_token(),
                    // it is owed to the device
                    Custody::Device => Some(answer.access_token.clone()),
                },
                // RFC 6749 §6: an answer without one leaves the old one good
                refresh_token: answer.refresh_token.clone().or_else(|| tokens.refresh_token.clone()),
                token_type: answer.token_type.clone().or_else(|| tokens.token_type.clone()),
                id_token: to_judge(attempt, answer),
            },
            ..attempt.content.clone()
        };
        let metadata = Metadata {
            generation: ids::fresh(),
            access_expires_at: answer.expires_at,
            next_due: answer.expires_at.filter(|_| old.custody == Custody::Vault),
            // it may be narrower than what was granted first
            scopes: answer.scopes.clone().unwrap_or_else(|| old.scopes.clone()),
            refreshed_at: attempt.marker.at,
            marker: None,
            superseded,
            ..old.clone()
        };
        (content, metadata)
    }

    async fn save(&self, attempt: &Attempt<'_>, content: &Content, metadata: &Metadata) -> Result<Saved, Failure> {
        // the newest as it is now; a key source that went away meanwhile must not cost the tokens
        let (name, key) =
            self.keys.newest_of(&attempt.wanted.connection.tenant).await.unwrap_or_else(|_| attempt.key.clone());
        let draft = match metadata.custody {
            Custody::Vault => self.store.draft(content, metadata.clone(), &name, &key)?,
            Custody::Device => {
                let parking = Parking { lasts: self.parked_for, exchange: false, owed_to_holder: true };
                self.store.draft_parking(content, metadata.clone(), (&name, &key), parking)?
            }
        };
        let parent = Expected::Generation(attempt.record.metadata.generation);
        Ok(self.noticed(&name, self.store.save(&draft, parent).await)?)
    }

    /// The provider no longer takes the token that was sent. That counts only while it is still the one that is stored.
    pub(super) async fn denied(&self, attempt: &Attempt<'_>, said: ProviderError) -> Result<Access, Failure> {
        // with an earlier attempt of unknown outcome, it is that one which spent it
        let code = if attempt.has_predecessor() { Code::RefreshOutcomeLost } else { meaning(&said) };
        for _ in 0..LOOKS {
            let Some(record) = self.store.load(&attempt.record.id).await? else { return Ok(access::no_connection()) };
            let is_sent = record.metadata.generation == attempt.record.metadata.generation;
            if !is_sent || record.metadata.standing.state != State::Active {
                return self.adopt(attempt.wanted).await;
            }
            if !is_of(attempt, record.metadata.marker) {
                // somebody took this attempt for lost: what the token is worth, the answer to the newest one says
                return Err(put_off(&record.id, "another attempt was begun meanwhile"));
            }
            let standing = Standing::needs_consent(self.calls.clock.now(), code);
            if let Saved::Moved = self.store.end_refresh(&record, &standing).await? {
                continue;
            }
            tracing::warn!(record = %record.id, code = code.as_str(), "consent is needed again");
            metrics::needs_consent(code);
            if code == Code::RefreshOutcomeLost {
                metrics::outcome_unknown(Act::Refresh);
            }
            let event = ConnectionNeedsConsent {
                id: event_id(&attempt.wanted.connection, ConnectionNeedsConsent::NAME, record.metadata.generation),
                connection: attempt.wanted.connection.clone(),
                code,
                provider_error: Some(said.clone().public()),
            };
            return Ok(access::ended(&standing, Some(said), Answer::of(event).into_iter().collect()));
        }
        Err(put_off(&attempt.record.id, "it moved under every attempt to mark it"))
    }

    /// Nothing was spent: takes one's own marker away, unless it stands for an earlier attempt too. A marker that stays
    /// does no harm but to the reason that a later refusal is given.
    pub(super) async fn unmark(&self, attempt: &Attempt<'_>) {
        if attempt.has_predecessor() {
            return;
        }
        for _ in 0..LOOKS {
            let written = match self.store.load(&attempt.record.id).await {
                Ok(Some(record)) if is_of(attempt, record.metadata.marker) => {
                    self.store.set_marker(&record, None).await
                }
                Ok(_) => return,
                Err(error) => Err(error),
            };
            match written {
                Ok(Saved::Written(_)) => return,
                Ok(Saved::Moved) => {}
                Err(error) => {
                    tracing::warn!(%error, "a marker stays");
                    return;
                }
            }
        }
    }
}

/// What it means that a provider does not take a code, an assertion or a refresh token: whether the user can do something
/// about it. The words of `suberror` that say so are those of the Microsoft identity platform
/// (<https://learn.microsoft.com/entra/msal/dotnet/advanced/exceptions/msal-error-handling>).
#[must_use]
pub fn meaning(said: &ProviderError) -> Code {
    const BY_USER: [&str; 5] =
        ["basic_action", "additional_action", "message_only", "consent_required", "user_password_expired"];
    match said.error.as_deref() {
        Some("interaction_required" | "login_required" | "consent_required") => Code::InteractionRequired,
        _ if said.claims.is_some() => Code::InteractionRequired,
        _ if said.suberror.as_deref().is_some_and(|word| BY_USER.contains(&word)) => Code::InteractionRequired,
        _ => Code::InvalidGrant,
    }
}

/// Whether this attempt wrote the marker. Its time is stored in milliseconds only.
fn is_of(attempt: &Attempt<'_>, marker: Option<Marker>) -> bool {
    marker.is_some_and(|marker| marker.attempt == attempt.marker.attempt)
}

/// The id of an event about a token set of a connection, the same however often it is told.
pub(super) fn event_id(connection: &Connection, name: &str, generation: Uuid) -> Uuid {
    let owner = Owner { tenant: connection.tenant.clone(), user: connection.user.clone() };
    ids::follow_up(Some(&owner), generation, name, "")
}
