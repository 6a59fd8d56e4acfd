//! The ledger: what turns a delivery that may be repeated into an act that is not.
//!
//! `claimed → sending(n) → done(result)`. Owns the protocol and its clock; what Redis does at each point is
//! [`crate::records`]'. It refuses to know what the act is. The rules, each with what breaks without it, are checked by
//! the models in `tests/models/ledger.rs` and `tests/models/exchange.rs`:
//!
//! - A claim is longer than the act's call may take. Whoever meets a living one waits.
//! - `sending` is written before the request, on the condition that the claim is still one's own.
//! - Right before the request one's own clock is asked, counted from before the claim was sent, asleep or not: a claim
//!   that is nearly over is not used.
//! - `sending` whose claim is over is a doubt. It is never acted on again, unless as a new act with a claim and a mark of
//!   its own, where the caller has a proof that this is safe.
//! - A doubt is ended with a token of the consent that its request was sent under: another account does not see the post,
//!   and has idempotency keys of its own.
//! - What was learnt about a doubt counts only if nobody acted since the doubt was met, and is told only if it counts.
//! - That the act was done counts, however late. A refusal counts only if it answers the newest request, and none before
//!   it may have been carried out.

mod look;
mod result;
mod turn;

use std::sync::Arc;
use std::time::Duration;

use sealpost_schemas::{Code, Owner};
use serde::{Serialize, de::DeserializeOwned};
use tokio::time::sleep;
use tracing::Instrument;
use uuid::Uuid;

pub use crate::records::LEDGER_KEPT as KEPT;
pub use look::Looked;
pub use turn::{Begin, Claim, Doubt, Newest, Sending, Standing, Turn};

use self::result::later;
use self::turn::At;
use crate::clock::Clock;
use crate::failure::Failure;
use crate::ids;
use crate::keys::{KeyError, SealingKeys};
use crate::records::{
    Begun, ClaimOf, EntryId, Fingerprint, Marked, Outcome, ReadyIf, SealedResult, Store, StoreError, Trouble, Word,
};
use crate::seal::{Key, KeyRef};

/// What must be left of a claim beside the call's own limit when the call begins.
const MARGIN: Duration = Duration::from_secs(1);

/// How long a message waits at most for a claim that lives on.
const LATER: Duration = Duration::from_secs(5);

/// How often what is known of a request is written, with a pause between, before it is given up.
const SETTLES: usize = 10;
const PAUSE: Duration = Duration::from_secs(1);

/// The ledger of one kind of message.
pub struct Ledger<C> {
    /// Part of every entry's name: it never changes.
    kind: &'static str,
    store: Store,
    keys: SealingKeys,
    clock: C,
    /// How long the act's call may take.
    call_limit: Duration,
}

impl<C: Clock> Ledger<C> {
    /// A ledger whose results are sealed with the newest version of their tenant's key. No call of its acts may take longer than
    /// `call_limit`.
    pub fn new(kind: &'static str, store: Store, keys: SealingKeys, clock: C, call_limit: Duration) -> Self {
        Self { kind, store, keys, clock, call_limit }
    }

    /// Begins a delivery's turn.
    ///
    /// # Errors
    /// If Redis does not answer, or what it holds cannot be read.
    pub async fn begin<M: Serialize, R: DeserializeOwned>(
        &self,
        owner: &Owner,
        id: Uuid,
        message: &M,
    ) -> Result<Turn<R>, Failure> {
        let (at, fingerprint) = self.at(owner, id, message)?;
        let of = self.claim();
        let begun = self.store.ledger_begin((&at.entry, owner), &fingerprint, &of).await.map_err(later)?;
        self.turn(at, of, begun).await
    }

    /// [`Self::begin`], the record's read and [`Self::sending`] in one round trip, where the record can be used as it is.
    /// `Err`: the turn, where it is not to act, the record is another, or there is no key yet to seal the result with.
    ///
    /// # Errors
    /// As of [`Self::begin`].
    pub async fn begin_sending<M: Serialize, R: DeserializeOwned>(
        &self,
        owner: &Owner,
        id: Uuid,
        message: &M,
        wanted: &ReadyIf,
    ) -> Result<Result<Begin, Turn<R>>, Failure> {
        let Ok(key) = self.keys.newest_of(&owner.tenant).await else {
            return self.begin(owner, id, message).await.map(Err);
        };
        let (at, fingerprint) = self.at(owner, id, message)?;
        let (of, start) = (self.claim(), self.clock.since_boot());
        let begun = self.store.ledger_begin_sending((&at.entry, owner), &fingerprint, &of, (wanted, &key.0)).await;
        if let Err(StoreError { trouble: Trouble::Unknown(_), .. }) = &begun {
            tokio::spawn(never_sent(self.store.clone(), at.entry, of.owner).in_current_span());
        }
        match begun.map_err(later)? {
            Ok(Marked { number, again, ready }) => {
                let (until, ready) = (start + of.length, ready.map(|ready| (ready, Arc::clone(&key.1))));
                let sending = Sending { at, owner: of.owner, number, until, key, doubtful: false };
                Ok(Ok(Begin { sending, again, ready }))
            }
            Err(met) => self.turn(at, of, met).await.map(Err),
        }
    }

    fn at<M: Serialize>(&self, owner: &Owner, id: Uuid, message: &M) -> Result<(At, Fingerprint), Failure> {
        let fingerprint = self.store.fingerprint(&result::plain(message)?);
        Ok((At { entry: self.store.entry(self.kind, owner, id), tenant: owner.tenant.clone() }, fingerprint))
    }

    async fn turn<R: DeserializeOwned>(&self, at: At, of: ClaimOf, begun: Begun) -> Result<Turn<R>, Failure> {
        Ok(match begun {
            Begun::Act { epoch, again } => Turn::Act(Claim { at, of, epoch, again, doubtful: false, consent: None }),
            Begun::Busy(left) => Turn::Busy(left.min(LATER)),
            Begun::Doubt { left, since, sent, epoch, consent } => {
                Turn::Doubt(Doubt { at, left, since, sent, consent, epoch })
            }
            Begun::Reused => Turn::Reused,
            Begun::Settled(settled) => Turn::Settled(self.standing(&at.entry, settled).await?),
        })
    }

    /// Makes a doubt a new act; `None`: somebody else does, or there is no doubt any more. `doubtful`: an earlier request
    /// may have been carried out, so that a refusal proves nothing.
    ///
    /// # Errors
    /// If Redis does not answer.
    pub async fn repeat(&self, doubt: &Doubt, doubtful: bool) -> Result<Option<Claim>, Failure> {
        let of = self.claim();
        let taken = self.store.ledger_repeat(&doubt.at.entry, &of, doubtful, doubt.sent).await?;
        Ok(taken.then_some(Claim {
            at: doubt.at.clone(),
            of,
            epoch: doubt.epoch,
            again: true,
            doubtful,
            consent: None,
        }))
    }

    /// Notes that a request is about to be sent; `None`: the claim is not ours any more, and nothing may be sent. What
    /// the result will be sealed with is fetched first.
    ///
    /// # Errors
    /// If Redis does not answer, or there is no key. Nothing was sent, and the claim is let go.
    pub async fn sending(&self, claim: &Claim) -> Result<Option<Sending>, Failure> {
        let key = match self.newest(&claim.at).await {
            Ok(key) => key,
            Err(error) => {
                self.give_up(claim).await;
                return Err(error.into());
            }
        };
        let began = self.clock.since_boot();
        let number = self.store.ledger_sending(&claim.at.entry, &claim.of, claim.consent).await?;
        let until = began + claim.of.length;
        let Claim { at, of, doubtful, .. } = claim;
        let (at, doubtful) = (at.clone(), *doubtful);
        Ok(number.map(|number| Sending { at, owner: of.owner, number, until, key, doubtful }))
    }

    /// Whether the call can end before the claim does. Asked right before the call.
    #[must_use]
    pub fn in_time(&self, sending: &Sending) -> bool {
        self.clock.since_boot() + self.call_limit + MARGIN <= sending.until
    }

    /// Writes how the request ended, lets the claim go, and says how the entry stands after it.
    ///
    /// # Errors
    /// If that could not be written.
    pub async fn settle<R: Clone + Serialize + DeserializeOwned>(
        &self,
        sending: &Sending,
        outcome: Outcome,
        result: &R,
    ) -> Result<Standing<R>, Failure> {
        let (entry, mut sealed_with) = (&sending.at.entry, sending.key.clone());
        let mut tries = 0;
        loop {
            let (name, key) = &sealed_with;
            let bytes = result::seal(entry, name, key, result)?;
            let word = Word::Answered(sending.number, outcome, SealedResult { key: name, bytes: &bytes });
            let error = match self.store.ledger_settle(entry, sending.owner, word, true).await {
                Ok(settled) => return self.after(entry, settled, result).await,
                Err(error) => error,
            };
            tries += 1;
            if tries == SETTLES {
                return Err(error.into());
            }
            tracing::warn!(%entry, %error, "what became of a request is not written yet");
            if error.code() == Code::KeyRetired {
                // while the request was under way
                self.keys.outdated(name);
                if let Ok(newest) = self.newest(&sending.at).await {
                    sealed_with = newest;
                }
            }
            sleep(PAUSE).await;
        }
    }

    /// Notes that something was found done whose outcome was in doubt.
    ///
    /// # Errors
    /// If Redis does not answer, or there is no key.
    pub async fn found<R: Clone + Serialize + DeserializeOwned>(
        &self,
        doubt: &Doubt,
        result: &R,
    ) -> Result<Standing<R>, Failure> {
        self.known((&doubt.at, None), Outcome::Happened, result).await
    }

    /// Notes that a message finds done what it asks for, and lets the claim go.
    ///
    /// # Errors
    /// If Redis does not answer, or there is no key.
    pub async fn kept<R: Clone + Serialize + DeserializeOwned>(
        &self,
        claim: &Claim,
        result: &R,
    ) -> Result<Standing<R>, Failure> {
        self.known((&claim.at, Some(claim.of.owner)), Outcome::Happened, result).await
    }

    /// Notes that a request may have been carried out. The claim stays until it is over: the request may still arrive.
    ///
    /// # Errors
    /// If Redis does not answer; a redelivery comes to the same conclusion.
    pub async fn lost(&self, sending: &Sending) -> Result<(), Failure> {
        let word = Word::Lost(sending.number);
        self.store.ledger_settle(&sending.at.entry, sending.owner, word, false).await.map(|_| ()).map_err(Failure::from)
    }

    /// Notes that a request is known not to have been carried out, and lets the claim go. A redelivery acts again.
    ///
    /// # Errors
    /// If Redis does not answer.
    pub async fn unsent(&self, sending: &Sending) -> Result<(), Failure> {
        let word = Word::Unsent(sending.number);
        self.store.ledger_settle(&sending.at.entry, sending.owner, word, true).await.map(|_| ()).map_err(Failure::from)
    }

    /// Notes that a request is known not to have been carried out, and keeps the claim for another one; `None`: somebody
    /// else came between.
    ///
    /// # Errors
    /// If Redis does not answer.
    pub async fn take_back(&self, sending: &Sending) -> Result<Option<Claim>, Failure> {
        let (at, doubtful) = (&sending.at, sending.doubtful);
        let of = ClaimOf { owner: sending.owner, ..self.claim() };
        let word = Word::Unsent(sending.number);
        self.store.ledger_settle(&at.entry, of.owner, word, false).await?;
        // what was in doubt before is so again, and is claimed anew
        let ours = !doubtful || self.store.ledger_repeat(&at.entry, &of, true, sending.number).await?;
        Ok(ours.then_some(Claim { at: at.clone(), of, epoch: 0, again: true, doubtful, consent: None }))
    }

    /// Notes that a message is refused for good before anything was sent under this claim, lets the claim go, and says how
    /// the entry stands after it. Should it become known that an earlier request was carried out, that counts.
    ///
    /// # Errors
    /// If Redis does not answer, or there is no key.
    pub async fn decline<R: Clone + Serialize + DeserializeOwned>(
        &self,
        claim: &Claim,
        result: &R,
    ) -> Result<Standing<R>, Failure> {
        self.known((&claim.at, Some(claim.of.owner)), Outcome::Refused, result).await
    }

    /// Writes what is known without a request, and ends the claim of this owner.
    async fn known<R: Clone + Serialize + DeserializeOwned>(
        &self,
        (at, owner): (&At, Option<Uuid>),
        outcome: Outcome,
        result: &R,
    ) -> Result<Standing<R>, Failure> {
        let (entry, (name, key)) = (&at.entry, self.newest(at).await?);
        let bytes = result::seal(entry, &name, &key, result)?;
        let sealed = SealedResult { key: &name, bytes: &bytes };
        let word = match outcome {
            Outcome::Happened => Word::Answered(0, outcome, sealed),
            Outcome::Refused => Word::Declined(sealed),
        };
        let settled = self.store.ledger_settle(entry, owner.unwrap_or_default(), word, owner.is_some()).await;
        self.after(entry, self.noticed(&name, settled)?, result).await
    }

    /// Lets a claim go under which nothing was sent. If that fails it runs out by itself.
    pub async fn give_up(&self, claim: &Claim) {
        let given_up = self.store.ledger_settle(&claim.at.entry, claim.of.owner, Word::GivenUp, true).await;
        if let Err(error) = given_up {
            tracing::warn!(entry = %claim.at.entry, %error, "a claim was not let go; it runs out by itself");
        }
    }

    /// Writes an operator's word on an unknown outcome; `false`: it is not unknown, or a request is under way.
    ///
    /// # Errors
    /// If Redis does not answer, or there is no key.
    pub async fn resolve<R: Serialize>(
        &self,
        owner: &Owner,
        id: Uuid,
        outcome: Outcome,
        result: &R,
    ) -> Result<bool, Failure> {
        let at = At { entry: self.store.entry(self.kind, owner, id), tenant: owner.tenant.clone() };
        self.tell((&at, None), outcome, result).await
    }

    /// Writes a worker's own last word on a request whose outcome is unknown; `false`: that is not so any more, and what
    /// the word was founded on may be over. Should the outcome become known, that counts.
    ///
    /// # Errors
    /// If Redis does not answer, or there is no key.
    pub async fn conclude<R: Serialize>(
        &self,
        newest: impl Into<Newest>,
        outcome: Outcome,
        result: &R,
    ) -> Result<bool, Failure> {
        let Newest { at, number } = newest.into();
        self.tell((&at, Some(number)), outcome, result).await
    }

    async fn tell<R: Serialize>(
        &self,
        (at, sent): (&At, Option<u64>),
        outcome: Outcome,
        result: &R,
    ) -> Result<bool, Failure> {
        let (entry, (name, key)) = (&at.entry, self.newest(at).await?);
        let bytes = result::seal(entry, &name, &key, result)?;
        let sealed = SealedResult { key: &name, bytes: &bytes };
        let told = self.store.ledger_tell((entry, sent), outcome, sealed).await;
        self.noticed(&name, told).map_err(Failure::from)
    }

    /// How a write of something that is sealed with `key` ended: a version that is retired is not the newest.
    fn noticed<T>(&self, key: &KeyRef, written: Result<T, StoreError>) -> Result<T, StoreError> {
        written.inspect_err(|error| {
            if error.code() == Code::KeyRetired {
                self.keys.outdated(key);
            }
        })
    }

    /// Longer than the call may take, by as much as comes before it and a margin.
    fn claim(&self) -> ClaimOf {
        ClaimOf { owner: ids::fresh(), length: self.call_limit * 2 + 2 * MARGIN }
    }

    async fn newest(&self, at: &At) -> Result<(KeyRef, Arc<Key>), KeyError> {
        self.keys.newest_of(&at.tenant).await
    }
}

/// A slow Redis may have marked a request, and its answer came too late. That nothing was sent is known here and nowhere
/// else: without this word the outcome would be unknown.
async fn never_sent(store: Store, entry: EntryId, owner: Uuid) {
    for _ in 0..SETTLES {
        sleep(PAUSE).await;
        if store.ledger_settle(&entry, owner, Word::NeverSent, true).await.is_ok() {
            return;
        }
    }
    tracing::warn!(%entry, "whether a request was marked is not known; if it was, its outcome is told as unknown");
}
