//! Revocations: the epoch that one begins, the records that it buries, and its receipts.

use std::collections::HashMap;
use std::sync::LazyLock;
use std::time::Duration;

use jiff::Timestamp;
use sealpost_schemas::{Name, Owner, RevocationCounts, RevokedAtProvider};
use uuid::Uuid;

use super::error::StoreError;
use super::fields::RecordError;
use super::layout;
use super::ledger::{Fingerprint, KEPT};
use super::link::Script;
use super::locate::{RecordId, Tag};
use super::record::Revision;
use super::store::Store;
use super::tombstone::{Tombstone, TombstoneId};
use crate::seal::RecordKey;

static BEGIN: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/revocation_begin.lua")));
static BURY: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/bury.lua")));

/// How long a tombstone is left to who made it.
const FIRST_LOOK: Duration = Duration::from_mins(1);

/// A revocation that has begun, in one shard.
#[derive(Clone, Copy, Debug)]
pub struct Revocation {
    shard: u16,
    hash: RecordKey,
    epoch: u64,
}

impl Revocation {
    /// Whether it is about this record: its consent was given before.
    #[must_use]
    pub const fn is_about(&self, stored: &Stored) -> bool {
        stored.epoch < self.epoch
    }

    pub(super) fn receipts(&self) -> String {
        layout::receipts(self.shard, &self.hash)
    }
}

/// What is there of a record that is to end.
#[derive(Clone, Copy, Debug)]
pub struct Stored {
    /// Where it lies.
    pub id: RecordId,
    /// Whose it is.
    pub owner: Tag,
    /// The tenant's.
    pub tenant: Tag,
    /// The owner's epoch that its consent was given in.
    pub epoch: u64,
}

/// How a burial ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Buried {
    /// The record is gone.
    Done,
    /// It moved, or was gone.
    Moved,
    /// It is of a consent that was given after the revocation began.
    Newer,
}

impl Store {
    /// Begins the revocation of a connection or of all of an owner, or goes on with it; `None`: another one has its id.
    pub async fn begin_revocation(
        &self,
        owner: &Owner,
        id: Uuid,
        fingerprint: &Fingerprint,
    ) -> Result<Option<Revocation>, StoreError> {
        let Owner { tenant, user } = owner;
        let shard = self.locator().shard(tenant, user);
        let hash = [b"owner".as_slice(), tenant.as_str().as_bytes(), user.as_str().as_bytes(), id.as_bytes()];
        let [epoch, of_tenant] = self.epochs_of(owner);
        self.begin_epoch(shard, self.revocation_hash(&hash), [epoch, of_tenant], fingerprint).await
    }

    /// The same of all of a tenant in one shard.
    pub async fn begin_tenants_revocation(
        &self,
        tenant: &Name,
        shard: u16,
        id: Uuid,
        fingerprint: &Fingerprint,
    ) -> Result<Option<Revocation>, StoreError> {
        let hash = self.tenants_revocation(tenant, id);
        let epoch = layout::epoch(shard, &self.tenant_tag(tenant));
        self.begin_epoch(shard, hash, [epoch.clone(), epoch + ":none"], fingerprint).await
    }

    fn tenants_revocation(&self, tenant: &Name, id: Uuid) -> RecordKey {
        self.revocation_hash(&[b"tenant".as_slice(), tenant.as_str().as_bytes(), id.as_bytes()])
    }

    fn revocation_hash(&self, parts: &[&[u8]]) -> RecordKey {
        RecordKey::from_bytes(self.locator().hash("sealpost revocation", parts))
    }

    async fn begin_epoch(
        &self,
        shard: u16,
        hash: RecordKey,
        [moved, other]: [String; 2],
        fingerprint: &Fingerprint,
    ) -> Result<Option<Revocation>, StoreError> {
        let keys = [layout::revocation(shard, &hash), moved, other];
        let args = [fingerprint.to_string().into(), KEPT.as_millis().to_string().into()];
        let doing = "begin a revocation";
        let epoch = self.number_of(&BEGIN, &keys, &args, doing).await?;
        Ok((epoch > 0).then_some(Revocation { shard, hash, epoch }))
    }

    /// Takes a record out of the store, in favour of a tombstone with its tokens; without one, the receipt says that nothing
    /// of it could be opened. `revision`: what was read of it; `None`: it cannot be read.
    pub async fn bury(
        &self,
        (stored, revision): (&Stored, Option<Revision>),
        tombstone: Option<&Tombstone>,
        by: &Revocation,
        now: Timestamp,
    ) -> Result<Buried, StoreError> {
        let place = Place { id: &stored.id, owner: Some(&stored.owner), revision };
        self.lay(place, tombstone, Some(by), now).await
    }

    /// Puts tokens that came late into a tombstone.
    pub async fn bury_late(&self, tombstone: &Tombstone, now: Timestamp) -> Result<(), StoreError> {
        let place = Place { id: &tombstone.id.record, owner: None, revision: None };
        self.lay(place, Some(tombstone), None, now).await.map(|_| ())
    }

    async fn lay(
        &self,
        Place { id, owner, revision }: Place<'_>,
        tombstone: Option<&Tombstone>,
        by: Option<&Revocation>,
        now: Timestamp,
    ) -> Result<Buried, StoreError> {
        let (shard, versions) = (id.shard, layout::versions(id.shard));
        let receipts = by.map(Revocation::receipts);
        let keys = [
            layout::record(id),
            // nothing is looked at where no record goes
            owner.map_or_else(|| versions.clone(), |owner| layout::owner(shard, owner)),
            versions.clone(),
            layout::due(shard),
            layout::tokens(shard),
            layout::retired(shard),
            tombstone.map_or_else(|| versions.clone(), |tombstone| layout::held(shard, tombstone.key())),
            layout::tombstone(&tombstone.map_or(TombstoneId { record: *id, generation: Uuid::nil() }, |of| of.id)),
            layout::tombstones(shard),
            layout::tombstones_of(id),
            receipts.clone().unwrap_or(versions),
            layout::park(id),
            layout::parks(shard),
        ];
        let first_look = now.as_millisecond().saturating_add(i64::try_from(FIRST_LOOK.as_millis()).unwrap_or(0));
        let text = |text: Option<String>| text.unwrap_or_default().into_bytes();
        let mut args: Vec<Vec<u8>> = vec![
            if owner.is_some() { "1" } else { "0" }.into(),
            text(revision.map(|Revision(revision)| revision.to_string())),
            text(by.map(|by| by.epoch.to_string())),
            layout::held_prefix(shard).into(),
            layout::member(id).into(),
            id.key.to_string().into(),
            text(tombstone.map(|tombstone| layout::version(tombstone.key()))),
            text(tombstone.map(|tombstone| layout::tombstone_member(&tombstone.id))),
            text(tombstone.map(|tombstone| layout::tombstone_name(&tombstone.id))),
            text(tombstone.map(|tombstone| tombstone.id.generation.to_string())),
            first_look.to_string().into(),
            text(tombstone.is_none().then(|| RevokedAtProvider::GaveUp.as_str().to_owned())),
            KEPT.as_millis().to_string().into(),
        ];
        args.extend(tombstone.map(|tombstone| tombstone.fields(receipts.unwrap_or_default())).unwrap_or_default());
        Ok(match self.number_of(&BURY, &keys, &args, &format!("bury record {id}")).await? {
            1 => Buried::Done,
            2 => Buried::Newer,
            _ => Buried::Moved,
        })
    }

    /// What became so far of the connections that a revocation ended, by the hidden names of their records.
    pub async fn receipts(&self, of: &Revocation) -> Result<HashMap<RecordId, RevokedAtProvider>, StoreError> {
        let doing = "read a revocation's receipts";
        let found: HashMap<String, String> = self.query(doing, redis::cmd("HGETALL").arg(of.receipts())).await?;
        let read = |(name, word): (String, String)| {
            let word = RevokedAtProvider::ALL.into_iter().find(|known| known.as_str() == word)?;
            Some((RecordId { shard: of.shard, key: layout::read_key(&name)? }, word))
        };
        let receipts = found.into_iter().map(read).collect::<Option<_>>();
        receipts.ok_or_else(|| StoreError::new(doing, RecordError::Malformed("receipts").into()))
    }

    /// What became of one of them.
    pub async fn receipt(&self, of: &Revocation, record: &RecordId) -> Result<Option<RevokedAtProvider>, StoreError> {
        let get = redis::cmd("HGET").arg(of.receipts()).arg(record.key.to_string()).to_owned();
        let word: Option<String> = self.query(format!("read the receipt of record {record}"), &get).await?;
        Ok(word.and_then(|word| RevokedAtProvider::ALL.into_iter().find(|known| known.as_str() == word)))
    }

    /// Whose records these are, where that can be told; also of those that cannot be read otherwise.
    pub async fn stored(&self, ids: &[RecordId]) -> Result<Vec<Stored>, StoreError> {
        let one =
            |id: &RecordId| redis::cmd("HMGET").arg(layout::record(id)).arg(&["owner", "tenant", "epoch"]).to_owned();
        let found: Vec<(Option<String>, Option<String>, Option<u64>)> =
            self.each("look whose records these are", ids.iter().map(one).collect()).await?;
        let tag = |text: Option<String>| Tag::from_hex(text.as_deref()?);
        let read = |(id, (owner, tenant, epoch)): (&RecordId, (_, _, Option<u64>))| {
            Some(Stored { id: *id, owner: tag(owner)?, tenant: tag(tenant)?, epoch: epoch.unwrap_or_default() })
        };
        Ok(ids.iter().zip(found).filter_map(read).collect())
    }

    /// The same of an owner's records, which are known by the owner's name.
    #[must_use]
    pub fn stored_of(&self, owner: &Owner, id: RecordId) -> Stored {
        let (locator, Owner { tenant, user }) = (self.locator(), owner);
        Stored { id, owner: locator.owner(tenant, user), tenant: locator.tenant(tenant), epoch: 0 }
    }

    /// The tenant by its hidden name.
    #[must_use]
    pub fn tag_of(&self, tenant: &Name) -> Tag {
        self.tenant_tag(tenant)
    }

    /// Notes that a shard of a tenant's revocation is done, with these counts. The sum, for the shard that completes it, and for it
    /// again when it asks again.
    pub async fn finish_revocation(
        &self,
        (tenant, id): (&Name, Uuid),
        (shard, shards): (u16, u16),
        RevocationCounts { revoked, unsupported, superseded, gave_up }: RevocationCounts,
    ) -> Result<Option<RevocationCounts>, StoreError> {
        let args = [
            shard.to_string().into(),
            shards.to_string().into(),
            KEPT.as_secs().to_string().into(),
            format!("{revoked} {unsupported} {superseded} {gave_up}").into(),
        ];
        let (doing, keys) =
            ("finish a shard of a revocation", [layout::revocation_shards(&self.tenants_revocation(tenant, id))]);
        let finished = self.link().run::<Vec<String>>(self.finish_script(), &keys, &args).await;
        let counts = finished.map_err(|trouble| StoreError::new(doing, trouble))?;
        let mut all = RevocationCounts::default();
        for text in &counts {
            all += read_counts(text).ok_or_else(|| StoreError::new(doing, RecordError::Malformed("counts").into()))?;
        }
        Ok((!counts.is_empty()).then_some(all))
    }

    async fn number_of(
        &self,
        script: &Script,
        keys: &[String],
        args: &[Vec<u8>],
        doing: &str,
    ) -> Result<u64, StoreError> {
        let reply = self.settled(script, keys, args).await.map_err(|trouble| StoreError::new(doing, trouble))?;
        redis::from_redis_value(reply).map_err(|_| StoreError::new(doing, RecordError::Malformed("reply").into()))
    }
}

/// What is laid where.
struct Place<'a> {
    id: &'a RecordId,
    /// Whose record goes; `None`: none does.
    owner: Option<&'a Tag>,
    revision: Option<Revision>,
}

fn read_counts(text: &str) -> Option<RevocationCounts> {
    let mut numbers = text.split(' ').map(str::parse);
    let mut next = || numbers.next()?.ok();
    Some(RevocationCounts { revoked: next()?, unsupported: next()?, superseded: next()?, gave_up: next()? })
}
