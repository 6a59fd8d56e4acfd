//! Results as they rest: MessagePack, sealed for their entry.

use sealpost_schemas::Code;
use serde::{Serialize, de::DeserializeOwned};
use zeroize::Zeroizing;

use super::{LATER, Ledger, Standing};
use crate::clock::Clock;
use crate::failure::{Failure, Verdict};
use crate::records::{EntryId, Settled};
use crate::seal::{self, Key, KeyRef, Place, Purpose};
use crate::wiped;

impl<C: Clock> Ledger<C> {
    /// How an entry stands after a word; `None`: with the result that was given.
    pub(super) async fn after<R: Clone + DeserializeOwned>(
        &self,
        entry: &EntryId,
        settled: Option<Settled>,
        given: &R,
    ) -> Result<Standing<R>, Failure> {
        match settled {
            Some(settled) => self.standing(entry, settled).await,
            None => Ok(Standing::Done(given.clone())),
        }
    }

    /// Opens what an entry holds.
    pub(super) async fn standing<R: DeserializeOwned>(
        &self,
        entry: &EntryId,
        settled: Settled,
    ) -> Result<Standing<R>, Failure> {
        Ok(match settled {
            Settled::Done(_, key, bytes) => Standing::Done(self.open(entry, &key, &bytes).await?),
            Settled::Conflict(key, bytes) => Standing::Conflict(self.open(entry, &key, &bytes).await?),
            Settled::Unknown => Standing::Unknown,
            Settled::Open => Standing::Open,
        })
    }

    async fn open<R: DeserializeOwned>(&self, entry: &EntryId, name: &KeyRef, bytes: &[u8]) -> Result<R, Failure> {
        let key = self.keys.get(name).await.map_err(later)?;
        let plain = seal::open(&key, name, &place(entry), bytes).map_err(|error| {
            let message = format!("ledger entry {entry}: {error}; what became of the message is known to nobody else");
            Failure::reject(Code::Quarantined, message)
        })?;
        rmp_serde::from_slice(&plain).map_err(|_| {
            let message = format!("ledger entry {entry}: its result was written by a newer version; run that one here");
            later(Failure::retry(Code::RecordUnreadable, message))
        })
    }
}

pub(super) fn seal<R: Serialize>(entry: &EntryId, name: &KeyRef, key: &Key, result: &R) -> Result<Vec<u8>, Failure> {
    let plain = plain(result)?;
    seal::seal(key, name, &place(entry), &plain)
        .map_err(|error| Failure::retry(Code::StoreUnavailable, format!("sealing ledger entry {entry}: {error}")))
}

/// As MessagePack, in memory that is wiped and never grew: a message holds secrets.
pub(super) fn plain<T: Serialize>(value: &T) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let defect = |_| Failure::reject(Code::StepPanicked, "a message of ours does not serialize; that is a defect");
    wiped::to_bytes(value).map_err(defect)
}

/// A key can come back, and a newer worker can read what a newer one wrote. That spends no attempt: a message whose request was carried out must not end as "failed" for want
/// of attempts.
pub(super) fn later(error: impl Into<Failure>) -> Failure {
    let failure = error.into();
    match failure.verdict {
        Verdict::Retry { .. } => Failure { verdict: Verdict::Defer { after: LATER }, ..failure },
        Verdict::Defer { .. } | Verdict::Reject => failure,
    }
}

fn place(entry: &EntryId) -> Place {
    Place { purpose: Purpose::Ledger, record: entry.key }
}
