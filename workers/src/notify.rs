//! `notices`: how a job ended, as a text message to the phone that it named; one an outcome, however often it is told. What
//! becomes of a notice changes nothing of its job.
//!
//! A number is in the message and in the request to the gateway, and nowhere else.

mod gsm7;
mod texts;

use std::sync::Arc;
use std::time::Duration;

use reqwest::Client;
use sealpost_schemas::{Code, Notice};
use sealpost_shared::clock::SystemClock;
use sealpost_shared::config;
use sealpost_shared::failure::{Failure, Verdict};
use sealpost_shared::ledger::{Claim, Doubt, Ledger, Sending, Standing, Turn};
use sealpost_shared::metrics::{self, Act};
use sealpost_shared::records::Outcome;
use sealpost_shared::secrets::Secrets;
use serde::{Deserialize, Serialize};

pub use self::texts::Texts;
use crate::providers::{Gateway, GatewayError, Gateways};
use crate::step::{Attempt, Emission, FollowUps, Step};

/// The name of its ledger.
pub const LEDGER: &str = "notice";

/// How long a notice waits when the gateway asks for fewer requests without saying how long.
const RATE_LIMIT_PAUSE: Duration = Duration::from_secs(30);

/// How long a notice waits whose answer was lost, where it may be sent again.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// The step.
pub struct Notify {
    /// What became of each notice.
    pub ledger: Ledger<SystemClock>,
    /// What sends them, and what they say.
    pub means: Arc<Means>,
    /// The HTTP client.
    pub http: Client,
    /// What reads the gateway's secret.
    pub secrets: Secrets,
}

/// What sends notices, and what they say.
#[derive(Debug)]
pub struct Means {
    gateway: Gateway,
    texts: Texts,
}

/// What became of a notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Noticed {
    /// The gateway has it.
    Sent,
    /// The gateway will not have it.
    Refused,
    /// The gateway may have it.
    Unknown,
}

impl Means {
    /// What this configuration names.
    ///
    /// # Errors
    /// In words, for what an operator must mend.
    pub fn read(config: &config::Notify, keys: &config::Keys) -> Result<Self, String> {
        let gateways = Gateways::read(&config.gateways)?;
        let gateway = gateways.get(&config.gateway).ok_or_else(|| {
            let names: Vec<_> = gateways.names().collect();
            let (file, wanted) = (config.gateways.display(), &config.gateway);
            format!("notify.gateway: {file} has no gateway {wanted:?}; it has: {}", names.join(", "))
        })?;
        gateway
            .check_secret(keys)
            .map_err(|why| format!("{}: gateway {}: auth: {why}", config.gateways.display(), config.gateway))?;
        Ok(Self { gateway: gateway.clone(), texts: Texts::read(config.texts.as_deref(), &config.language)? })
    }

    /// Why the gateway cannot be told who we are, if so.
    pub async fn unreadable_secret(&self, secrets: &Secrets) -> Option<String> {
        self.gateway.unreadable_secret(secrets).await
    }

    /// The languages that there are texts in.
    pub fn languages(&self) -> impl Iterator<Item = &str> {
        self.texts.languages()
    }
}

impl FollowUps for Noticed {
    fn emission(self) -> Result<Emission, serde_json::Error> {
        let outcome = match self {
            Self::Sent => "sent",
            Self::Refused => "refused",
            Self::Unknown => "unknown",
        };
        Ok(Emission { outcome, ..Emission::default() })
    }
}

impl Step for Notify {
    type Input = Notice;
    type Output = Noticed;

    async fn run(&self, notice: &Notice, _at: Attempt) -> Result<Noticed, Failure> {
        // the same outcome of the same job is one notice, also where it is told in other words
        match self.ledger.begin(&notice.owner, notice.id, &notice.id).await? {
            Turn::Act(claim) => self.act(notice, claim).await,
            Turn::Busy(after) => Err(busy(after)),
            Turn::Doubt(doubt) => self.doubt(notice, &doubt).await,
            Turn::Settled(standing) => of(&standing),
            Turn::Reused => Err(Failure::reject(Code::IdReused, "another notice has this id")),
        }
    }
}

impl Notify {
    /// Marks the request, and sends it unless the claim is over by then.
    async fn act(&self, notice: &Notice, claim: Claim) -> Result<Noticed, Failure> {
        let sending = self.ledger.sending(&claim).await?.ok_or_else(|| busy(LOOK_AGAIN))?;
        if !self.ledger.in_time(&sending) {
            self.ledger.unsent(&sending).await?;
            return Err(busy(LOOK_AGAIN));
        }
        let text = self.means.texts.text(notice);
        match self.means.gateway.send((&self.http, &self.secrets), &text, &notice.phone, notice.id).await {
            Ok(id) => {
                tracing::info!(notice.id = %notice.id, job.id = %notice.job, gateway.message = id, "sent");
                self.settled(notice, &sending, Outcome::Happened, Noticed::Sent).await
            }
            Err(error) => self.not_sent(notice, &sending, error).await,
        }
    }

    /// What a failed call means: only what is known not to be on its way is tried again.
    async fn not_sent(&self, notice: &Notice, sending: &Sending, error: GatewayError) -> Result<Noticed, Failure> {
        let message = format!("sending a notice of job {}: the gateway: {error}", notice.job);
        let (verdict, code) = match error {
            GatewayError::Rejected { .. } | GatewayError::Malformed(_) => {
                tracing::warn!(notice.id = %notice.id, reason = message, "a notice is given up");
                return self.settled(notice, sending, Outcome::Refused, Noticed::Refused).await;
            }
            GatewayError::Unknown(_) => {
                self.ledger.lost(sending).await?;
                if self.means.gateway.repeatable_for().is_some() {
                    return Err(Failure::defer(LOOK_AGAIN, Code::OutcomeUnknown, message));
                }
                return Ok(unknown(notice, &message));
            }
            GatewayError::NotSent => (Verdict::Retry { after: None }, Code::ProviderUnavailable),
            GatewayError::Unavailable { after, .. } => (Verdict::Retry { after }, Code::ProviderUnavailable),
            GatewayError::RateLimited { after, .. } => {
                (Verdict::Defer { after: after.unwrap_or(RATE_LIMIT_PAUSE) }, Code::RateLimited)
            }
            GatewayError::Unauthorized { .. } | GatewayError::Secret(_) => {
                (Verdict::Retry { after: None }, Code::InvalidClient)
            }
        };
        self.ledger.unsent(sending).await?;
        Err(Failure::new(verdict, code, message))
    }

    /// What became of it is told, also when it could not be written down.
    async fn settled(
        &self,
        notice: &Notice,
        sending: &Sending,
        outcome: Outcome,
        noticed: Noticed,
    ) -> Result<Noticed, Failure> {
        match self.ledger.settle(sending, outcome, &noticed).await {
            Ok(standing) => of(&standing),
            Err(failure) => {
                tracing::error!(notice.id = %notice.id, reason = failure.message, "what became of a notice is not written down");
                Ok(noticed)
            }
        }
    }

    /// A request was sent, and nobody is there to say how it ended: never again, but under the gateway's idempotency key.
    async fn doubt(&self, notice: &Notice, doubt: &Doubt) -> Result<Noticed, Failure> {
        if self.means.gateway.repeatable_for().is_none_or(|window| doubt.since >= window) {
            return Ok(unknown(notice, "sending a notice: the gateway's answer was lost"));
        }
        if !doubt.left.is_zero() {
            return Err(busy(doubt.left));
        }
        match self.ledger.repeat(doubt, true).await? {
            Some(claim) => self.act(notice, claim).await,
            None => Err(busy(LOOK_AGAIN)),
        }
    }
}

/// As the ledger knows it.
fn of(standing: &Standing<Noticed>) -> Result<Noticed, Failure> {
    match standing {
        Standing::Done(noticed) | Standing::Conflict(noticed) => Ok(*noticed),
        Standing::Unknown => Ok(Noticed::Unknown),
        Standing::Open => Err(busy(LOOK_AGAIN)),
    }
}

fn unknown(notice: &Notice, message: &str) -> Noticed {
    metrics::outcome_unknown(Act::Notice);
    tracing::warn!(notice.id = %notice.id, job.id = %notice.job, reason = message, "a notice may not have been sent");
    Noticed::Unknown
}

/// Somebody is at it, or was until now.
fn busy(after: Duration) -> Failure {
    Failure::defer(after, Code::UnderWay, "the notice is under way elsewhere, or may be; it is looked at again")
}
