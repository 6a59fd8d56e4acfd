//! What became of connections, put together into receipts.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use sealpost_schemas::{
    Answer, Code, Connection, Message, Owner, Receipt, RevocationCounts, RevocationOutcome, RevocationResult,
    RevokedAtProvider,
};
use sealpost_shared::failure::{Failure, Verdict};
use sealpost_shared::ids;
use sealpost_shared::records::{RecordId, Stored};
use sealpost_shared::tokens::{Ended, Ending, Providers, TokenKeeper};
use uuid::Uuid;

use super::AT_ONCE;

/// How soon a message comes again for the rest.
const SOON: Duration = Duration::from_secs(1);

/// What one message did.
pub(super) struct Parts<'a> {
    request: Uuid,
    owner: Option<&'a Owner>,
    receipts: Vec<(RecordId, Receipt)>,
    failure: Option<Failure>,
    /// How many could not be ended.
    left: u64,
    /// How many ended, and how many of the others are buried.
    done: usize,
    buried: usize,
}

impl<'a> Parts<'a> {
    pub(super) fn of(request: Uuid, owner: Option<&'a Owner>) -> Self {
        Self { request, owner, receipts: Vec::new(), failure: None, left: 0, done: 0, buried: 0 }
    }

    /// Ends these. An error ends it here; what was done by then is found again.
    pub(super) async fn end(
        &mut self,
        keeper: &TokenKeeper,
        ending: &Ending<'_, impl Providers>,
        stored: Vec<Stored>,
    ) -> Result<(), Failure> {
        let one = async |stored: Stored| (stored.id, keeper.end(ending, &stored).await);
        let mut ended = stream::iter(stored.into_iter().map(one)).buffer_unordered(AT_ONCE);
        while let Some((id, ended)) = ended.next().await {
            match ended {
                Ok(ended) => self.add(id, ended),
                Err(failure) => return Err(failure.with_events(self.event())),
            }
        }
        Ok(())
    }

    fn add(&mut self, id: RecordId, ended: Ended) {
        let (connection, provider, deleted) = match ended {
            Ended::Nothing => return,
            Ended::Done { connection, word } => {
                self.done += 1;
                (connection, word, true)
            }
            Ended::NotYet { connection, failure, buried } => {
                self.left += 1;
                self.buried += usize::from(buried);
                if self.failure.as_ref().is_none_or(|known| weight(&failure) > weight(known)) {
                    self.failure = Some(failure);
                }
                (connection, RevokedAtProvider::Pending, false)
            }
        };
        self.receipts.push((id, Receipt { connection, record: id.to_string(), provider, deleted }));
    }

    /// All of it is of this connection, where it is.
    pub(super) fn name(&mut self, connection: Option<&Connection>) {
        if let Some(connection) = connection {
            self.receipts.iter_mut().for_each(|(_, receipt)| receipt.connection = Some(connection.clone()));
        }
    }

    /// There is more to do: at once, where some were ended, whatever keeps others.
    pub(super) fn come_again(&mut self) {
        let message = "more connections are to be ended than one message may";
        let soon = Failure::defer(SOON, Code::UnderWay, message);
        if self.done > 0 || self.failure.is_none() {
            self.failure = Some(soon);
        }
    }

    /// How many connections were met that could not be ended.
    pub(super) const fn left(&self) -> u64 {
        self.left
    }

    /// How many were ended.
    pub(super) const fn done(&self) -> usize {
        self.done
    }

    /// How long somebody asked to be left alone.
    pub(super) fn asked_to_wait(&self) -> Option<Duration> {
        match self.failure.as_ref()?.verdict {
            Verdict::Retry { after } => after,
            Verdict::Defer { .. } | Verdict::Reject => None,
        }
    }

    /// What comes again, and why: what was met, or what it says where all that was met is done. What was done is told with it.
    pub(super) fn again(&mut self, why: impl FnOnce() -> Failure) -> Failure {
        let failure = self.failure.take().unwrap_or_else(why);
        failure.with_events(self.event())
    }

    /// How many were ended, or buried at least: that is what costs calls. What is passed over does not.
    pub(super) const fn len(&self) -> usize {
        self.done + self.buried
    }

    /// The failure with which the message comes again, if it must; what was done by then is told with it.
    pub(super) fn finished(mut self) -> Result<Self, Failure> {
        match self.failure.take() {
            Some(failure) => Err(failure.with_events(self.event())),
            None => Ok(self),
        }
    }

    /// Which connection a record was, if this message ended it.
    pub(super) fn connection(&self, record: &RecordId) -> Option<Connection> {
        self.receipts.iter().find(|(id, _)| id == record)?.1.connection.clone()
    }

    /// What is told of a part.
    pub(super) fn event(&self) -> Option<Answer> {
        let mut receipts: Vec<_> = self.receipts.iter().map(|(_, receipt)| receipt.clone()).collect();
        receipts.sort_by(|one, other| one.record.cmp(&other.record));
        if receipts.is_empty() {
            return None;
        }
        // of the same words the same id
        let words = receipts.iter().map(|receipt| format!("{} {}", receipt.record, receipt.provider.as_str()));
        let words = words.collect::<Vec<_>>().join("\n");
        let id = ids::follow_up(self.owner, self.request, RevocationResult::NAME, &words);
        let outcome = RevocationOutcome::UnderWay;
        Answer::of(RevocationResult { id, request: self.request, outcome, receipts, counts: None, failure: None }).ok()
    }
}

/// What spends an attempt tells more than what only waits, and what somebody asked for more than what nobody did.
const fn weight(failure: &Failure) -> u8 {
    match failure.verdict {
        Verdict::Defer { .. } => 0,
        Verdict::Reject => 1,
        Verdict::Retry { after: None } => 2,
        Verdict::Retry { after: Some(_) } => 3,
    }
}

/// The last word on an owner's connections.
pub(super) fn whole(
    (request, owner): (Uuid, &Owner),
    words: HashMap<RecordId, RevokedAtProvider>,
    named: impl Fn(&RecordId) -> Option<Connection>,
) -> RevocationResult {
    let counts = counted(words.values().copied());
    let mut words: Vec<_> = words.into_iter().collect();
    words.sort_unstable_by_key(|(record, _)| *record);
    let receipt = |(record, provider): (RecordId, _)| Receipt {
        connection: named(&record),
        record: record.to_string(),
        provider,
        deleted: true,
    };
    let receipts = words.into_iter().map(receipt).collect();
    done((request, Some(owner), ""), receipts, counts)
}

/// The last word on a request.
pub(super) fn done(
    (request, owner, tenant): (Uuid, Option<&Owner>, &str),
    receipts: Vec<Receipt>,
    counts: RevocationCounts,
) -> RevocationResult {
    let id = ids::follow_up(owner, request, RevocationResult::NAME, &format!("done {tenant}"));
    RevocationResult { id, request, outcome: RevocationOutcome::Done, receipts, counts: Some(counts), failure: None }
}

pub(super) fn counted(words: impl Iterator<Item = RevokedAtProvider>) -> RevocationCounts {
    let mut counts = RevocationCounts::default();
    words.for_each(|word| counts.add(word));
    counts
}
