//! Parked tokens on their way to the device: to who asked for the exchange, or to who shows that it holds the tokens that they
//! replace.

use sealpost_schemas::{Answer, Code, Connection, FailureReport};
use secrecy::SecretString;
use uuid::Uuid;

use super::parks::has_expired;
use super::{has_or_had, not_its_own, superseded};
use crate::failure::Failure;
use crate::oauth::OAuthProvider;
use crate::records::{Content, Custody, Device, Metadata, Park, Record, RecordId, State, Subject, TokenSet};
use crate::tokens::TokenKeeper;
use crate::tokens::access::{self, Access, Wanted};

/// Tokens that are handed over.
pub struct Handed {
    /// Which, for [`TokenKeeper::handed_over`].
    pub which: HandedOver,
    /// The tokens.
    pub tokens: TokenSet,
    /// What is in clear of their record.
    pub metadata: Metadata,
    /// Whose account they are of, where that is known.
    pub subject: Option<Subject>,
    /// The public key (JWK, as JSON) that the client gave at the exchange.
    pub reply_key: Option<String>,
}

/// A token set that a device got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HandedOver {
    record: RecordId,
    generation: Uuid,
    /// The keyed hash of its refresh token, if it has one.
    token: Option<[u8; 32]>,
}

/// What a pickup is answered.
pub enum PickUp {
    /// With these tokens.
    Parked(Box<Handed>),
    /// With nothing.
    Refused {
        /// Why.
        report: FailureReport,
        /// What happened.
        events: Vec<Answer>,
    },
}

/// What the request of an exchange is owed.
pub enum Owed {
    /// The tokens that it brought.
    Parked(Box<Handed>),
    /// Nothing more: the device is known to have them.
    Nothing,
    /// It cannot be had any more.
    Refused {
        /// Why.
        report: FailureReport,
        /// What happened.
        events: Vec<Answer>,
    },
}

impl TokenKeeper {
    /// The parked tokens of a connection, for who holds this refresh token. Nothing changes for one that was never its own.
    ///
    /// # Errors
    /// If Redis or the key source give no answer, or the record is in quarantine.
    pub async fn pick_up(
        &self,
        connection: &Connection,
        provider: &OAuthProvider,
        token: &SecretString,
    ) -> Result<PickUp, Failure> {
        let wanted = Wanted::new(connection, provider, None, None)?;
        let Some(record) = self.store.load(&self.store.locate(connection)).await? else {
            return Ok(refused(access::no_connection()));
        };
        let (data, hash) = (&record.metadata, self.store.hash_of(token));
        if data.custody != Custody::Device {
            let message = "the connection's tokens rest here; nothing waits for a device";
            return Ok(refused(access::refused(Code::CustodyMismatch, message)));
        }
        let park = self.park_of(&record).await?;
        if !has_or_had(&record, &hash) && park.as_ref().is_none_or(|park| !park.from.contains(&hash)) {
            return Ok(refused(not_its_own()));
        }
        if data.standing.state == State::NeedsConsent {
            return Ok(refused(access::needs_consent(&data.standing)));
        }
        let is_current = record.token == Some(hash);
        match park {
            Some(park) if is_current || park.from.contains(&hash) => {
                if park.is_over() {
                    return self.overdue(&record, connection, &park).await.map(refused);
                }
                let handed = self.handed(&record, connection, &park).await?;
                let (connection, subject, tokens) = (connection.clone(), handed.subject.clone(), handed.tokens.clone());
                let content = Content { connection, subject, tokens, device: Device::default() };
                match self.judge_subject(&wanted, &content, &record.metadata).await? {
                    Some(ended) => Ok(refused(ended)),
                    None => Ok(PickUp::Parked(Box::new(handed))),
                }
            }
            None if is_current => {
                let message = "no tokens wait for the device; those that it holds are the newest";
                Ok(refused(access::refused(Code::NothingParked, message)))
            }
            _ => Ok(refused(superseded())),
        }
    }

    /// What is owed to the request of an exchange whose tokens rest with the user: they are answered as often as it comes, until
    /// they arrived.
    ///
    /// # Errors
    /// If Redis or the key source give no answer, or the record is in quarantine.
    pub async fn owed(&self, connection: &Connection, request: Uuid) -> Result<Owed, Failure> {
        let gone = |code, message: &str| {
            Ok(Owed::Refused { report: FailureReport::new(code, message, false), events: Vec::new() })
        };
        let Some(record) = self.store.load(&self.store.locate(connection)).await? else {
            return gone(Code::Revoked, "the connection was revoked since; ask for consent again");
        };
        if record.metadata.request != Some(request) {
            return gone(Code::TokensSuperseded, "a newer consent replaced the tokens of this one");
        }
        let standing = &record.metadata.standing;
        if has_expired(standing) {
            return Ok(as_owed(access::needs_consent(standing)));
        }
        let park = self.park_of(&record).await?;
        // one with what a refresh made of them is owed too, unless they arrived
        let has_them =
            !park.as_ref().is_some_and(|park| park.exchange) && self.store.has_arrived(&record.id, request).await?;
        match park {
            _ if has_them => Ok(Owed::Nothing),
            Some(park) if park.is_over() => self.overdue(&record, connection, &park).await.map(as_owed),
            Some(park) => Ok(Owed::Parked(Box::new(self.handed(&record, connection, &park).await?))),
            None if standing.state == State::NeedsConsent => Ok(as_owed(access::needs_consent(standing))),
            None => {
                let message = "that its tokens arrived is not known, and they are here no more; ask for consent again";
                gone(Code::ExchangeOutcomeLost, message)
            }
        }
    }

    async fn handed(&self, record: &Record, connection: &Connection, park: &Park) -> Result<Handed, Failure> {
        let content = self.open(record, Some(connection), self.calls.clock.now()).await?;
        let tokens = self.parked(park).await?.tokens;
        let token = tokens.refresh_token.as_ref().map(|token| self.store.hash_of(token));
        Ok(Handed {
            which: HandedOver { record: record.id, generation: park.generation, token },
            tokens,
            metadata: record.metadata.clone(),
            subject: content.subject,
            reply_key: content.device.reply_key,
        })
    }

    /// The device has these tokens: they wait no more.
    ///
    /// # Errors
    /// If Redis does not answer: they are to be told again, lest they count as lost one day.
    pub async fn handed_over(&self, which: &HandedOver) -> Result<(), Failure> {
        self.store.end_park(&which.record, which.generation, which.token.as_ref()).await?;
        Ok(())
    }

    /// Whether newer tokens than these wait for the device.
    ///
    /// # Errors
    /// If Redis does not answer.
    pub async fn newer_wait(&self, connection: &Connection, refresh_token: &SecretString) -> Result<bool, Failure> {
        let park = self.store.load_park(&self.store.locate(connection)).await?;
        let hash = self.store.hash_of(refresh_token);
        Ok(park.is_some_and(|park| !park.is_over() && park.from.contains(&hash)))
    }
}

/// The refusal, of what grants nothing here.
fn parts(access: Access) -> (FailureReport, Vec<Answer>) {
    match access {
        Access::Refused { report, events } => (report, events),
        Access::Granted { .. } => (FailureReport::new(Code::NeedsConsent, "ask for consent again", false), Vec::new()),
    }
}

fn refused(access: Access) -> PickUp {
    let (report, events) = parts(access);
    PickUp::Refused { report, events }
}

fn as_owed(access: Access) -> Owed {
    let (report, events) = parts(access);
    Owed::Refused { report, events }
}
