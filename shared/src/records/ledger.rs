//! What Redis remembers of a job or request: the scripts of [`crate::ledger`], each safe to send again.
//!
//! An entry lies in its owner's shard, so that an id is unique per owner. `claimed → sending → done`, and beside them:
//! `unknown` (nobody is there to say how a request ended), `told` (an operator said it), `conflict` (and was wrong). The
//! claim is a name and a time by Redis's clock in the entry: a key of its own would cost every job three more writes.

mod answer;
mod entry;
mod marked;
mod reseal;
mod scripts;

use std::time::Duration;

use redis::Value;
use sealpost_schemas::Owner;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

pub use self::answer::{Begun, Outcome, Settled, Word};
pub use self::entry::Entry;
pub use self::marked::{Marked, Ready, ReadyIf};
pub use self::reseal::{ResealError, StoredResult};
use self::scripts::SCRIPTS;
use super::error::StoreError;
use super::layout;
use super::link::Script;
use super::store::Store;
use super::trouble::Trouble;
use crate::ids;
use crate::seal::{KeyRef, RecordKey};

/// How long an entry is kept once it is settled, or as long as nothing was sent.
pub const KEPT: Duration = Duration::from_hours(7 * 24);

/// Between two attempts to settle a write whose answer was lost.
const PAUSE: Duration = Duration::from_millis(50);

/// Where an entry lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryId {
    pub(super) shard: u16,
    /// The keyed hash of owner, kind and id.
    pub key: RecordKey,
}

impl std::fmt::Display for EntryId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:03}/{}", self.shard, self.key)
    }
}

/// The keyed hash of a decoded message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

impl std::fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// A delivery's claim on an entry: its random name, and how long it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClaimOf {
    /// Told by nobody else.
    pub owner: Uuid,
    /// From when Redis takes it.
    pub length: Duration,
}

/// A result as it is stored: ciphertext, and the key that it was made with.
#[derive(Clone, Copy, Debug)]
pub struct SealedResult<'a> {
    /// The key.
    pub key: &'a KeyRef,
    /// The ciphertext.
    pub bytes: &'a [u8],
}

impl Store {
    /// Where the entry of this owner's message lies. Ids of two kinds of message have nothing to do with each other.
    #[must_use]
    pub fn entry(&self, kind: &str, owner: &Owner, id: Uuid) -> EntryId {
        let locator = self.locator();
        let (tenant, user) = (owner.tenant.as_str().as_bytes(), owner.user.as_str().as_bytes());
        let key = locator.hash("sealpost ledger", &[kind.as_bytes(), tenant, user, id.as_bytes()]);
        EntryId { shard: locator.shard(&owner.tenant, &owner.user), key: RecordKey::from_bytes(key) }
    }

    /// The fingerprint of a message, which tells nothing of it without the index key.
    #[must_use]
    pub fn fingerprint(&self, message: &[u8]) -> Fingerprint {
        Fingerprint(self.locator().hash("sealpost fingerprint", &[message]))
    }

    /// Begins a delivery's turn. Also forgets what may be forgotten in that shard, a few entries at a time.
    pub async fn ledger_begin(
        &self,
        place: (&EntryId, &Owner),
        fingerprint: &Fingerprint,
        claim: &ClaimOf,
    ) -> Result<Begun, StoreError> {
        self.begin(place, (fingerprint, claim), None, answer::begun).await
    }

    /// The same, and where the delivery is to act and the record is as wanted, sealed under this key, it is read and
    /// [`Self::ledger_sending`] is done with it. `Err`: what was met otherwise.
    pub async fn ledger_begin_sending(
        &self,
        place: (&EntryId, &Owner),
        fingerprint: &Fingerprint,
        claim: &ClaimOf,
        wanted: (&ReadyIf, &KeyRef),
    ) -> Result<Result<Marked, Begun>, StoreError> {
        self.begin(place, (fingerprint, claim), Some(wanted), |reply| answer::begun_sending(reply, wanted)).await
    }

    async fn begin<T>(
        &self,
        (id, owner): (&EntryId, &Owner),
        (fingerprint, claim): (&Fingerprint, &ClaimOf),
        wanted: Option<(&ReadyIf, &KeyRef)>,
        read: impl FnOnce(Value) -> Result<T, Trouble>,
    ) -> Result<T, StoreError> {
        let [epoch, of_tenant] = self.epochs_of(owner);
        let mut keys = vec![entry(id), layout::forget(id.shard), layout::versions(id.shard), epoch, of_tenant];
        let mut args: Vec<Vec<u8>> = vec![
            claim.owner.to_string().into(),
            millis(claim.length),
            hex::encode(fingerprint.0).into(),
            millis(KEPT),
            id.key.to_string().into(),
            layout::entries_prefix(id.shard).into(),
            layout::held_prefix(id.shard).into(),
            layout::entry_member("").into(),
        ];
        if let Some((wanted, key)) = wanted {
            keys.push(layout::record(&wanted.record));
            args.extend(wanted.args(key));
        }
        let reply = self.settled(&SCRIPTS.begin, &keys, &args).await;
        reply.and_then(read).map_err(|trouble| StoreError::new(format!("begin at ledger entry {id}"), trouble))
    }

    /// Makes an unknown outcome a new act; `false`: somebody else does, or it is not unknown any more. `doubtful`: an
    /// earlier request may have been posted. `sent`: how many requests were sent when the doubt was met.
    pub async fn ledger_repeat(
        &self,
        id: &EntryId,
        claim: &ClaimOf,
        doubtful: bool,
        sent: u64,
    ) -> Result<bool, StoreError> {
        let doubtful = if doubtful { "1" } else { "0" };
        let args = [claim.owner.to_string().into(), millis(claim.length), doubtful.into(), sent.to_string().into()];
        self.number(&SCRIPTS.repeat, &[entry(id)], &args, || format!("repeat ledger entry {id}"))
            .await
            .map(|taken| taken == 1)
    }

    /// Notes that a request is about to be sent, which gives the claim its whole length anew, and says its number;
    /// `None`: the claim is not ours any more, or an earlier request that may have been carried out was sent under another
    /// consent.
    pub async fn ledger_sending(
        &self,
        id: &EntryId,
        claim: &ClaimOf,
        consent: Option<Uuid>,
    ) -> Result<Option<u64>, StoreError> {
        let keys = [entry(id), layout::forget(id.shard)];
        let args = [
            claim.owner.to_string().into(),
            millis(claim.length),
            ids::fresh().to_string().into(),
            id.key.to_string().into(),
            consent_of(consent),
        ];
        let number =
            self.number(&SCRIPTS.sending, &keys, &args, || format!("mark ledger entry {id} as sending")).await?;
        Ok((number > 0).then_some(number))
    }

    /// Writes what is known of a request, ends the claim if asked to, and says how the entry stands after it; `None`: done,
    /// with the very result that was given.
    pub async fn ledger_settle(
        &self,
        id: &EntryId,
        claim: Uuid,
        word: Word<'_>,
        ends_claim: bool,
    ) -> Result<Option<Settled>, StoreError> {
        let (word, n, result) = word.parts();
        let ends = if ends_claim { "1" } else { "0" };
        let mut args: Vec<Vec<u8>> = vec![
            word.into(),
            n.to_string().into(),
            claim.to_string().into(),
            ends.into(),
            millis(KEPT),
            id.key.to_string().into(),
            layout::entry_member(&id.key.to_string()).into(),
            layout::held_prefix(id.shard).into(),
        ];
        let keys = with_result(id, result, &mut args);
        let doing = || format!("settle ledger entry {id}");
        let reply = self.settled(&SCRIPTS.settle, &keys, &args).await;
        answer::after(reply.map_err(|trouble| StoreError::new(doing(), trouble))?)
            .map_err(|trouble| StoreError::new(doing(), trouble))
    }

    /// Writes an operator's word on an unknown outcome; `false`: it is not unknown, or somebody is at it. `sent`, where a
    /// worker says it: how many requests were sent when the doubt was met; `false`, if others were since.
    pub async fn ledger_tell(
        &self,
        (id, sent): (&EntryId, Option<u64>),
        outcome: Outcome,
        result: SealedResult<'_>,
    ) -> Result<bool, StoreError> {
        let mut args: Vec<Vec<u8>> = vec![
            outcome.word().into(),
            millis(KEPT),
            id.key.to_string().into(),
            layout::entry_member(&id.key.to_string()).into(),
        ];
        let keys = with_result(id, Some(result), &mut args);
        args.push(sent.map(|sent| sent.to_string()).unwrap_or_default().into());
        self.number(&SCRIPTS.tell, &keys, &args, || format!("resolve ledger entry {id}")).await.map(|told| told == 1)
    }

    /// The owner's epoch, which a revocation moves: what was begun in an earlier one is not stored any more.
    pub async fn epoch(&self, owner: &Owner) -> Result<u64, StoreError> {
        let epochs: [Option<u64>; 2] =
            self.query("read an owner's epoch", redis::cmd("MGET").arg(&self.epochs_of(owner))).await?;
        Ok(epochs.into_iter().flatten().sum())
    }

    /// Moves the owner's epoch on.
    pub async fn move_epoch(&self, owner: &Owner) -> Result<u64, StoreError> {
        let [epoch, _] = self.epochs_of(owner);
        self.query("move an owner's epoch", redis::cmd("INCR").arg(epoch)).await
    }

    /// An owner's epoch is what its own revocations and those of its whole tenant count.
    pub(super) fn epochs_of(&self, Owner { tenant, user }: &Owner) -> [String; 2] {
        let (locator, shard) = (self.locator(), self.locator().shard(tenant, user));
        [locator.owner(tenant, user), locator.tenant(tenant)].map(|tag| layout::epoch(shard, &tag))
    }

    async fn number(
        &self,
        script: &Script,
        keys: &[String],
        args: &[Vec<u8>],
        doing: impl Fn() -> String,
    ) -> Result<u64, StoreError> {
        let reply = self.settled(script, keys, args).await;
        let unreadable = || Trouble::Other("with no number".into());
        let reply = reply.and_then(|value| redis::from_redis_value(value).map_err(|_| unreadable()));
        reply.map_err(|trouble| StoreError::new(doing(), trouble))
    }

    /// Runs a script. When its answer is lost it is sent again, since it knows what it did by the random ids in it.
    pub(super) async fn settled(&self, script: &Script, keys: &[String], args: &[Vec<u8>]) -> Result<Value, Trouble> {
        let mut since = None;
        loop {
            match self.link().run::<Value>(script, keys, args).await {
                Err(trouble) if since.is_some() || matches!(trouble, Trouble::NoReply { .. }) => {
                    if since.get_or_insert_with(Instant::now).elapsed() > self.link().response_timeout() {
                        return Err(Trouble::Unknown(Box::new(trouble)));
                    }
                }
                reply => return reply,
            }
            sleep(PAUSE).await;
        }
    }
}

/// The keys of a script that may store a result; the result goes to the end of its arguments.
fn with_result(id: &EntryId, result: Option<SealedResult<'_>>, args: &mut Vec<Vec<u8>>) -> [String; 5] {
    let mut held = layout::versions(id.shard);
    if let Some(result) = result {
        held = layout::held(id.shard, result.key);
        args.extend([result.key.id.as_str().into(), result.key.version.as_str().into(), result.bytes.to_vec()]);
    }
    let [versions, retired] = [layout::versions(id.shard), layout::retired(id.shard)];
    [entry(id), layout::forget(id.shard), versions, retired, held]
}

fn entry(id: &EntryId) -> String {
    layout::entry(id.shard, &id.key.to_string())
}

fn consent_of(request: Option<Uuid>) -> Vec<u8> {
    request.map(|request| request.to_string()).unwrap_or_default().into()
}

fn millis(time: Duration) -> Vec<u8> {
    time.as_millis().to_string().into()
}
