//! Parks while they last: opened, sealed anew, and over at last. One that ends unclaimed held the only good tokens of its
//! connection, so that the user must give consent again.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use sealpost_schemas::{Answer, Code, Connection, RotationCounts};

use crate::failure::{Failure, Verdict};
use crate::keys::KeyError;
use crate::metrics;
use crate::records::{Content, Park, Record, RecordId, Saved, Scope, Standing};
use crate::tokens::TokenKeeper;
use crate::tokens::access::{self, Access};
use crate::tokens::outcome::LOOKS;
use crate::tokens::told::needs_consent;

/// How long after its end a park is left to an answer that is on its way.
const GRACE: SignedDuration = SignedDuration::from_mins(1);

/// How many parks of a shard are looked at in one sweep.
const EACH: usize = 64;

/// How long a message waits that met a park which is over, and a record that moves.
const LATER: Duration = Duration::from_secs(1);

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

    /// A record's content with what waits for its device, to be revoked. `patient`: a key that is not there is waited for.
    pub(in crate::tokens) async fn with_parked(
        &self,
        record: &Record,
        content: Content,
        patient: bool,
    ) -> Result<Content, Failure> {
        let Some(park) = self.park_of(record).await? else { return Ok(content) };
        let key = match self.keys.get(park.key()).await {
            Err(KeyError::Missing { .. } | KeyError::Disabled { .. }) if !patient => return Ok(content),
            key => key?,
        };
        match park.open(&key) {
            Ok(parked) => Ok(Content { tokens: parked.tokens, ..content }),
            Err(error) if error.code() == Code::Quarantined => Ok(content),
            Err(error) => Err(error.into()),
        }
    }

    /// A refusal, since the tokens waited long enough; the connection is marked, and its park gone, if no answer with them can be
    /// on its way any more.
    pub(super) async fn overdue(
        &self,
        record: &Record,
        connection: &Connection,
        park: &Park,
    ) -> Result<Access, Failure> {
        let standing = Standing::needs_consent(self.calls.clock.now(), Code::PickupExpired);
        let events = if park.until + GRACE <= park.now {
            let Saved::Written(_) = self.store.mark(record, &standing).await? else {
                let message = format!("record {} moved while its parked tokens ended", record.id);
                return Err(Failure::defer(LATER, Code::Conflict, message));
            };
            tracing::warn!(record = %record.id, "parked tokens were not picked up; consent is needed again");
            metrics::park_expired();
            metrics::needs_consent(Code::PickupExpired);
            let mut data = record.metadata.clone();
            data.standing = standing;
            needs_consent(connection, &data).into_iter().collect()
        } else {
            Vec::new()
        };
        Ok(access::ended(&standing, None, events))
    }

    /// Ends the parks that are over, and returns what is to be told of their connections.
    ///
    /// # Errors
    /// If Redis does not answer, with what is to be told until then.
    pub async fn expire_parks(&self, now: Timestamp) -> Result<Vec<Answer>, Failure> {
        let mut told = Vec::new();
        for id in self.store.overdue_parks(now - GRACE, EACH).await? {
            match self.expire(&id).await {
                Ok(events) => told.extend(events),
                Err(failure) if failure.code == Code::StoreUnavailable => return Err(failure.with_events(told)),
                Err(failure) => {
                    tracing::warn!(record = %id, code = failure.code.as_str(), reason = failure.message, "a park stays");
                }
            }
        }
        Ok(told)
    }

    async fn expire(&self, id: &RecordId) -> Result<Vec<Answer>, Failure> {
        // the record first: what ends the park meanwhile moves it
        let (record, park) = (self.store.load(id).await?, self.store.load_park(id).await?);
        let Some(park) = park.filter(|park| park.until + GRACE <= park.now) else { return Ok(Vec::new()) };
        let Some(record) = record.filter(|record| record.metadata.generation == park.generation) else {
            self.store.end_park(id, park.generation, None).await?;
            return Ok(Vec::new());
        };
        let content = match self.open(&record, None, self.calls.clock.now()).await {
            Ok(content) => content,
            // it stands as quarantined, which says more
            Err(failure) if failure.verdict == Verdict::Reject => {
                self.store.end_park(id, park.generation, None).await?;
                return Ok(failure.events);
            }
            Err(failure) => return Err(failure),
        };
        match self.overdue(&record, &content.connection, &park).await? {
            Access::Refused { events, .. } => Ok(events),
            Access::Granted { .. } => Ok(Vec::new()),
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
            let anew = park.seal_anew(&content, (&name, &key))?;
            if self.noticed(&name, self.store.reseal_park(&park, &anew).await)? {
                return Ok(RotationCounts { resealed: 1, ..RotationCounts::default() });
            }
        }
        let message = format!("the park of record {record} moved under every attempt to seal it anew");
        Err(Failure::retry(Code::Conflict, message))
    }
}
