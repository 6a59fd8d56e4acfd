//! Parks while they last: opened, sealed anew, and over at last. One that ends unclaimed held the only good tokens of its
//! connection, so that the user must give consent again.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use sealpost_schemas::{Answer, Code, Connection, RotationCounts};
use uuid::Uuid;

use crate::failure::{Failure, Verdict};
use crate::keys::KeyError;
use crate::metrics;
use crate::records::{Content, Park, Record, RecordId, Saved, Scope, Standing, State, TokenSet};
use crate::tokens::TokenKeeper;
use crate::tokens::access::{self, Access};
use crate::tokens::outcome::LOOKS;
use crate::tokens::quarantine;
use crate::tokens::told::needs_consent;

/// How long after its end a park is left to an answer that is on its way.
const GRACE: SignedDuration = SignedDuration::from_mins(1);

/// How many parks of a shard are looked at in one sweep.
const EACH: usize = 64;

/// How long a park is left alone that could not be ended, so that it stands in no other one's way.
const AGAIN: SignedDuration = SignedDuration::from_mins(10);

/// How long a message waits that met a park which is over, and a record that moves.
const LATER: Duration = Duration::from_secs(1);

/// How long it waits at most for an answer that may be on its way.
const PATIENCE: SignedDuration = SignedDuration::from_secs(30);

/// What waits for a device.
pub(in crate::tokens) enum Waiting {
    Nothing,
    Tokens(Box<TokenSet>),
    /// Tokens that do not open, and will not.
    Lost,
}

/// What became of a park that a sweep looked at.
#[derive(Default)]
pub struct Over {
    /// What is to be told of its connection.
    pub events: Vec<Answer>,
    /// The token set that ended, where that is told.
    generation: Option<Uuid>,
    /// That of a park which is dropped once it is told.
    drops: Option<Uuid>,
}

impl TokenKeeper {
    /// The park of a record's token set. One that is over is one still.
    ///
    /// # Errors
    /// Also if the record moved since it was read: a park ends with its token set.
    pub(super) async fn park_of(&self, record: &Record) -> Result<Option<Park>, Failure> {
        match self.store.load_park(&record.id).await? {
            Some(park) if park.generation != record.metadata.generation => {
                let message = format!("record {} moved while its park was read; it is looked at again", record.id);
                Err(Failure::new(Verdict::Retry { after: Some(LATER) }, Code::Conflict, message))
            }
            park => Ok(park),
        }
    }

    /// What is in a park.
    pub(super) async fn parked(&self, park: &Park) -> Result<Content, Failure> {
        let key = self.keys.get(park.key()).await?;
        park.open(&key).map_err(|error| {
            let message = format!("the park of record {}: {error}; ask for consent again", park.record);
            Failure { message, ..error.into() }
        })
    }

    /// What waits for a record's device, to be revoked. `patient`: a key that is not there is waited for.
    pub(in crate::tokens) async fn waiting(&self, record: &Record, patient: bool) -> Result<Waiting, Failure> {
        let Some(park) = self.park_of(record).await? else { return Ok(Waiting::Nothing) };
        let key = match self.keys.get(park.key()).await {
            Err(KeyError::Missing { .. } | KeyError::Disabled { .. }) if !patient => return Ok(Waiting::Lost),
            key => key?,
        };
        match park.open(&key) {
            Ok(parked) => Ok(Waiting::Tokens(Box::new(parked.tokens))),
            Err(error) if error.code() == Code::Quarantined => Ok(Waiting::Lost),
            Err(error) => Err(error.into()),
        }
    }

    /// A refusal, since the tokens waited long enough: the connection is marked, and its park gone. What is to be told of that is
    /// noted with the mark, and told by a sweep where nobody else does.
    ///
    /// # Errors
    /// Also while an answer with the tokens may be on its way.
    pub(super) async fn overdue(
        &self,
        record: &Record,
        connection: &Connection,
        park: &Park,
    ) -> Result<Access, Failure> {
        let left = (park.until + GRACE).duration_since(park.now);
        if left.is_positive() {
            let message = format!("the parked tokens of record {} are over, or on their way to the device", record.id);
            let after = Duration::try_from(left.min(PATIENCE)).unwrap_or(LATER);
            return Err(Failure::defer(after, Code::UnderWay, message));
        }
        let standing = Standing::needs_consent(self.calls.clock.now(), Code::PickupExpired);
        let Saved::Written(_) = self.store.mark(record, &standing).await? else {
            let message = format!("record {} moved while its parked tokens ended", record.id);
            return Err(Failure::defer(LATER, Code::Conflict, message));
        };
        tracing::warn!(record = %record.id, "parked tokens were not picked up; consent is needed again");
        metrics::park_expired();
        metrics::needs_consent(Code::PickupExpired);
        let mut data = record.metadata.clone();
        data.standing = standing;
        Ok(access::ended(&standing, None, needs_consent(connection, &data).into_iter().collect()))
    }

    /// The records whose parks may be over by now, or were.
    ///
    /// # Errors
    /// If Redis does not answer.
    pub async fn overdue_parks(&self, now: Timestamp) -> Result<Vec<RecordId>, Failure> {
        Ok(self.store.overdue_parks(now - GRACE, EACH).await?)
    }

    /// Ends a park if it is over, and returns what is to be told of its connection: the same again, until
    /// [`Self::told_of_park`]. One that cannot be ended is left alone for a while.
    ///
    /// # Errors
    /// If Redis or the key source give no answer.
    pub async fn expire_park(&self, id: &RecordId) -> Result<Over, Failure> {
        match self.expire(id).await {
            // of a record that moved another sweep may know more
            Err(failure) if ![Code::StoreUnavailable, Code::Conflict].contains(&failure.code) => {
                self.store.put_park_off(id, self.calls.clock.now() + AGAIN).await?;
                Err(failure)
            }
            expired => expired,
        }
    }

    /// What [`Self::expire_park`] returned is told.
    ///
    /// # Errors
    /// If Redis does not answer: it is told again then.
    pub async fn told_of_park(&self, id: &RecordId, over: &Over) -> Result<(), Failure> {
        if let Some(generation) = over.drops {
            self.store.drop_park(id, generation).await?;
        }
        Ok(self.store.told_of_park(id, over.generation).await?)
    }

    async fn expire(&self, id: &RecordId) -> Result<Over, Failure> {
        // the record first: what ends the park meanwhile moves it
        let (record, park) = (self.store.load(id).await?, self.store.load_park(id).await?);
        let Some(park) = park else {
            // it was over, and whoever marked that may have died before it was told
            let Some(record) = record.filter(|record| has_expired(&record.metadata.standing)) else {
                return Ok(Over::default());
            };
            let generation = Some(record.metadata.generation);
            return match self.open(&record, None, self.calls.clock.now()).await {
                Ok(content) => {
                    let events = needs_consent(&content.connection, &record.metadata).into_iter().collect();
                    Ok(Over { events, generation, drops: None })
                }
                Err(failure) if failure.verdict == Verdict::Reject => {
                    Ok(Over { events: failure.events, generation, drops: None })
                }
                Err(failure) => Err(failure),
            };
        };
        if park.now < park.until + GRACE {
            return Ok(Over::default());
        }
        let Some(record) = record.filter(|record| record.metadata.generation == park.generation) else {
            self.store.drop_park(id, park.generation).await?;
            return Ok(Over::default());
        };
        let (generation, standing) = (Some(park.generation), &record.metadata.standing);
        if standing.state == State::Quarantined {
            // it says more, and may not have been told
            let events = quarantine::event(id, None, standing.since).into_iter().collect();
            return Ok(Over { events, generation, drops: generation });
        }
        let content = match self.open(&record, None, self.calls.clock.now()).await {
            Ok(content) => content,
            Err(failure) if failure.verdict == Verdict::Reject => {
                return Ok(Over { events: failure.events, generation, drops: generation });
            }
            Err(failure) => return Err(failure),
        };
        match self.overdue(&record, &content.connection, &park).await? {
            Access::Refused { events, .. } => Ok(Over { events, generation, drops: None }),
            Access::Granted { .. } => Ok(Over::default()),
        }
    }

    /// Seals a park anew under the newest version of its tenant's key.
    pub(in crate::tokens) async fn reseal_park(
        &self,
        record: &RecordId,
        scope: &Scope,
    ) -> Result<RotationCounts, Failure> {
        for _ in 0..LOOKS {
            let park = self.store.load_park(record).await?.filter(|park| scope.has_tags(&park.tags));
            let Some(park) = park else { return Ok(RotationCounts::default()) };
            let own = &park.key().id;
            // whose key it is, a key of the template says; one from under another rule, only the content
            if self.keys.template().may_name(own) && self.keys.newest(own.clone()).await?.0 == *park.key() {
                return Ok(RotationCounts::default());
            }
            let content = self.parked(&park).await?;
            let (name, key) = self.keys.newest_of(&content.connection.tenant).await?;
            if *park.key() == name {
                return Ok(RotationCounts::default());
            }
            let old = self.keys.get(park.key()).await?;
            let anew = park.seal_anew(&old, (&name, &key))?;
            if self.noticed(&name, self.store.reseal_park(&park, &anew).await)? {
                return Ok(RotationCounts { resealed: 1, ..RotationCounts::default() });
            }
        }
        let message = format!("the park of record {record} moved under every attempt to seal it anew");
        Err(Failure::retry(Code::Conflict, message))
    }
}

/// Whether a connection needs consent since its parked tokens were not picked up.
pub(super) fn has_expired(standing: &Standing) -> bool {
    standing.state == State::NeedsConsent && standing.code == Some(Code::PickupExpired)
}
