//! An access token that can be used now, or why there is none.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use sealpost_schemas::{Answer, Code, Connection, FailureReport, ProviderError};
use secrecy::SecretString;
use uuid::Uuid;

use super::TokenKeeper;
use super::device::{self, JobTokens};
use crate::failure::Failure;
use crate::metrics::{self, Used};
use crate::oauth::OAuthProvider;
use crate::records::{Content, Metadata, Ready, ReadyIf, Record, Standing, State};
use crate::seal::Key;

/// An access token that expires sooner than this counts as expired: clocks differ, and a request takes its time. Of one
/// that lives shortly, a quarter of its life.
const SKEW: SignedDuration = SignedDuration::from_secs(30);

/// How often a token that turned out to be the refused one is asked for again.
const LOOKS: usize = 3;

/// How long a message waits when it met the refused token every time.
const PAUSE: Duration = Duration::from_secs(1);

/// Whether a connection can be used now, and what happened on the way, to be told as events.
pub enum Access {
    /// With this access token.
    Granted {
        /// The token.
        token: SecretString,
        /// The token set that it is of, for [`TokenKeeper::newer_than`].
        generation: Uuid,
        /// The request whose consent it comes from: another one may be of another account.
        consent: Option<Uuid>,
        /// Whether it is of a newer token set than the job's own, which waits for the user's device.
        newer: bool,
        /// What happened.
        events: Vec<Answer>,
    },
    /// It cannot, and no other attempt will.
    Refused {
        /// Why not, and what to do.
        report: FailureReport,
        /// What happened.
        events: Vec<Answer>,
    },
}

/// What is asked for.
#[derive(Clone)]
pub(super) struct Wanted {
    pub(super) connection: Connection,
    pub(super) provider: OAuthProvider,
    /// The token set whose access token the platform does not take.
    pub(super) refused: Option<Uuid>,
    /// The tokens that the job brings, where they rest with the user.
    pub(super) device: Option<JobTokens>,
}

impl Wanted {
    pub(super) fn new(
        connection: &Connection,
        provider: &OAuthProvider,
        refused: Option<Uuid>,
        device: Option<JobTokens>,
    ) -> Result<Self, Failure> {
        let provider = provider.of_tenant(&connection.tenant);
        let provider = provider.map_err(|why| Failure::reject(Code::OwnerMismatch, why))?.into_owned();
        Ok(Self { connection: connection.clone(), provider, refused, device })
    }
}

/// An access token that can be used as it is, and where it comes from; as of [`Access::Granted`].
pub struct Usable {
    /// The token.
    pub token: SecretString,
    /// The token set.
    pub generation: Uuid,
    /// The consent.
    pub consent: Option<Uuid>,
}

/// What is stored.
pub(super) enum Found {
    /// There is nothing to refresh.
    Settled(Access),
    /// A refresh token, and no access token that could be used.
    Stale(Box<(Record, Content)>),
}

impl TokenKeeper {
    /// The access token of a connection, refreshed first if it has expired. While it has not: one read, no write, no
    /// lease. `provider` is the catalogue's entry of the connection's provider.
    pub async fn access_token(
        self: &Arc<Self>,
        connection: &Connection,
        provider: &OAuthProvider,
    ) -> Result<Access, Failure> {
        self.access(connection, provider, None, None).await
    }

    /// The same of a connection whose tokens rest with the user, with those that the job brings: with newer ones, where they were
    /// replaced and those wait for the device. `refused`: the token set whose access token the platform did not take.
    pub async fn device_access(
        self: &Arc<Self>,
        connection: &Connection,
        provider: &OAuthProvider,
        (tokens, refused): (&JobTokens, Option<Uuid>),
    ) -> Result<Access, Failure> {
        self.access(connection, provider, refused, Some(tokens.clone())).await
    }

    async fn access(
        self: &Arc<Self>,
        connection: &Connection,
        provider: &OAuthProvider,
        refused: Option<Uuid>,
        device: Option<JobTokens>,
    ) -> Result<Access, Failure> {
        let wanted = Wanted::new(connection, provider, refused, device)?;
        let found = self.look(&wanted).await?;
        self.obtain(wanted, found).await
    }

    /// When the record of a connection can be used as it is, without being judged; `None`: never.
    #[must_use]
    pub fn usable_if(&self, connection: &Connection, provider: &OAuthProvider) -> Option<ReadyIf> {
        let record = self.store.locate(connection);
        provider.keep_access_token.then(|| ReadyIf { record, now: self.calls.clock.now(), skew: SKEW })
    }

    /// The access token of such a record. Whatever stands against that, nothing is done about it:
    /// [`Self::access_token`] does.
    #[must_use]
    pub fn usable(&self, record: &Ready, key: &Key) -> Option<Usable> {
        let Content { connection, tokens, .. } = record.open(key).ok()?;
        let token = tokens.access_token.filter(|_| tokens.id_token.is_none())?;
        let age = self.calls.clock.now().duration_since(record.refreshed_at);
        metrics::token_used(connection.provider.as_str(), Used::Access, age);
        Some(Usable { token, generation: record.generation, consent: record.consent })
    }

    /// The same, of a newer token set than this one, whose access token the platform refused although it should be
    /// good. If somebody refreshed meanwhile that costs no token call.
    pub async fn newer_than(
        self: &Arc<Self>,
        refused: Uuid,
        connection: &Connection,
        provider: &OAuthProvider,
    ) -> Result<Access, Failure> {
        self.access(connection, provider, Some(refused), None).await
    }

    async fn obtain(self: &Arc<Self>, wanted: Wanted, found: Found) -> Result<Access, Failure> {
        if let Found::Settled(access) = found {
            return Ok(access);
        }
        let id = self.store.locate(&wanted.connection);
        for _ in 0..LOOKS {
            let flight = self.flights.join(id, || {
                let (keeper, wanted) = (self.clone(), wanted.clone());
                async move { keeper.refresh(&wanted).await }
            });
            match flight.landed().await? {
                // the flight of somebody who did not know that its token is no good
                Access::Granted { generation, .. } if Some(generation) == wanted.refused => {}
                access => return Ok(access),
            }
        }
        let message = format!("refreshing record {id}: others came back with the refused token every time");
        Err(Failure::defer(PAUSE, Code::RefreshUnderWay, message))
    }

    /// Reads what is stored.
    pub(super) async fn look(&self, wanted: &Wanted) -> Result<Found, Failure> {
        let record = self.store.load(&self.store.locate(&wanted.connection)).await?;
        let Some(record) = record else { return Ok(Found::Settled(no_connection())) };
        if let Some(refused) = device::of_another_custody(wanted, &record) {
            return Ok(Found::Settled(refused));
        }
        match record.metadata.standing.state {
            State::Active => {}
            State::NeedsConsent => return Ok(Found::Settled(needs_consent(&record.metadata.standing))),
            State::Quarantined => {
                let message = format!("record {} is in quarantine; restore it, or ask for consent again", record.id);
                return Err(Failure::reject(Code::Quarantined, message));
            }
        }
        let now = self.calls.clock.now();
        let content = self.open(&record, Some(&wanted.connection), now).await?;
        let (content, newer) = match &wanted.device {
            None => (content, false),
            Some(device) => match self.in_use(&record, content, device).await? {
                Ok(found) => found,
                Err(refused) => return Ok(Found::Settled(refused)),
            },
        };
        if let Some(ended) = self.judge_subject(wanted, &content, &record.metadata).await? {
            return Ok(Found::Settled(ended));
        }
        let keeps = wanted.provider.keep_access_token || wanted.device.is_some();
        let kept = content.tokens.access_token.clone().filter(|_| keeps);
        let told = wanted.device.as_ref().and_then(|device| device.expires_at).filter(|_| !newer);
        let generation = record.metadata.generation;
        Ok(match (kept, &content.tokens.refresh_token) {
            (Some(token), _) if Some(generation) != wanted.refused && is_fresh(&record.metadata, told, now) => {
                let request = record.metadata.request;
                let age = now.duration_since(record.metadata.refreshed_at);
                metrics::token_used(wanted.connection.provider.as_str(), Used::Access, age);
                Found::Settled(Access::Granted { token, generation, consent: request, newer, events: Vec::new() })
            }
            (_, Some(_)) => Found::Stale(Box::new((record, content))),
            (_, None) if wanted.device.is_some() => {
                let message = "its access token is no good any more, and the job brings no refresh token: send that too, or ask for \
                               consent again";
                Found::Settled(refused(Code::NeedsConsent, message))
            }
            (_, None) => {
                let message =
                    "its access token is no good any more, and it has no refresh token; ask for consent again";
                Found::Settled(refused(Code::AccessTokenExpired, message))
            }
        })
    }

    /// What another one saved, whose refresh won.
    pub(super) async fn adopt(&self, wanted: &Wanted) -> Result<Access, Failure> {
        match self.look(wanted).await? {
            Found::Settled(access) => {
                if let Access::Granted { .. } = access {
                    metrics::race_adopted();
                }
                Ok(access)
            }
            Found::Stale(stale) => {
                let message = format!("the tokens of record {} were replaced, and are no good again", stale.0.id);
                Err(Failure::defer(PAUSE, Code::RefreshUnderWay, message))
            }
        }
    }

    /// Opens a record with the key that it names; what was altered goes into quarantine.
    pub(super) async fn open(
        &self,
        record: &Record,
        connection: Option<&Connection>,
        now: Timestamp,
    ) -> Result<Content, Failure> {
        let key = self.keys.get(record.key()).await?;
        match record.open(&key) {
            Ok(content) => Ok(content),
            Err(error) if error.code() == Code::Quarantined => {
                Err(self.quarantine(record, connection, &error, now).await)
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// As `ledger_begin.lua` has it. `told`: what a job says of its own token, where the provider said nothing.
fn is_fresh(metadata: &Metadata, told: Option<Timestamp>, now: Timestamp) -> bool {
    let Some(expires_at) = metadata.access_expires_at.or(told) else { return true };
    let life = expires_at.duration_since(metadata.refreshed_at);
    expires_at.duration_since(now) > SKEW.min(life / 4)
}

pub(super) fn no_connection() -> Access {
    refused(Code::NoConnection, "there is no such connection; ask the user for consent")
}

/// A refusal that says as exactly as the record why consent is needed.
pub(super) fn needs_consent(standing: &Standing) -> Access {
    match standing.code {
        Some(code @ Code::RefreshOutcomeLost) => {
            refused(code, "the answer to a refresh was lost, and its token is spent; ask for consent again")
        }
        Some(code @ Code::InteractionRequired) => {
            refused(code, "the provider wants the user to sign in again; ask for consent again")
        }
        Some(code @ Code::SubjectChanged) => {
            refused(code, "the provider answered a refresh with the tokens of another account; ask for consent again")
        }
        Some(code @ Code::PickupExpired) => refused(
            code,
            "its newest tokens waited for the user's device, and were not picked up in time; ask for consent again",
        ),
        _ => refused(Code::NeedsConsent, "the provider no longer takes its tokens; ask for consent again"),
    }
}

/// The same to the one who found out, with the provider's words if it said any.
pub(super) fn ended(standing: &Standing, said: Option<ProviderError>, events: Vec<Answer>) -> Access {
    match needs_consent(standing) {
        Access::Refused { report, .. } => {
            Access::Refused { report: FailureReport { provider_error: said.map(Box::new), ..report }, events }
        }
        granted @ Access::Granted { .. } => granted,
    }
}

pub(super) fn refused(code: Code, message: &str) -> Access {
    Access::Refused { report: FailureReport::new(code, message, false), events: Vec::new() }
}
