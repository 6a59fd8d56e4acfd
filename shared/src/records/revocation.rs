//! Revocations: the epoch that one begins, the records that it buries, and its receipts.

use std::collections::HashMap;
use std::sync::LazyLock;

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
use super::tombstone::{Tombstone, TombstoneId, first_look};
use crate::seal::RecordKey;

static BEGIN: LazyLock<Script> =
    LazyLock::new(|| Script::new("revocation_begin", include_str!("scripts/revocation_begin.lua")));
static BURY: LazyLock<Script> = LazyLock::new(|| Script::new("bury", include_str!("scripts/bury.lua")));

/// A revocation that has begun, in one shard.
#[derive(Clone, Copy, Debug)]
pub struct Revocation {
    shard: u16,
    hash: RecordKey,
    scope: Scope,
    epoch: u64,
}

/// What counts the revocations that a revocation is one of.
#[derive(Clone, Copy, Debug)]
enum Scope {
    /// An owner's own and its whole tenant's, together.
    Owner,
    /// The tenant's alone, which know nothing of those of single owners.
    Tenant,
}

impl Revocation {
    /// Whether it is about this record: its consent was given before.
    #[must_use]
    pub const fn is_about(&self, stored: &Stored) -> bool {
        let epoch = match self.scope {
            Scope::Owner => stored.epoch,
            Scope::Tenant => stored.tenant_epoch,
        };
        epoch < self.epoch
    }

    /// The field of a record that says the same.
    const fn field(&self) -> &'static str {
        match self.scope {
            Scope::Owner => "epoch",
            Scope::Tenant => "tenant_epoch",
        }
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
    /// Whose it is; `None`: that cannot be read.
    pub owner: Option<Tag>,
    /// The tenant's; `None`: that cannot be read.
    pub tenant: Option<Tag>,
    /// The owner's epoch that its consent was given in; 0 where that cannot be read.
    pub epoch: u64,
    /// The same of the tenant's.
    pub tenant_epoch: u64,
}

impl Stored {
    /// One that is not there any more, but for its tombstones.
    #[must_use]
    pub const fn gone(id: RecordId) -> Self {
        Self { id, owner: None, tenant: None, epoch: 0, tenant_epoch: 0 }
    }
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
        let place = (shard, self.revocation_hash(&hash), Scope::Owner);
        self.begin_epoch(place, &self.epochs_of(owner), fingerprint).await
    }

    /// The same of all of a tenant in one shard.
    pub async fn begin_tenants_revocation(
        &self,
        tenant: &Name,
        shard: u16,
        id: Uuid,
        fingerprint: &Fingerprint,
    ) -> Result<Option<Revocation>, StoreError> {
        let place = (shard, self.tenants_revocation(tenant, id), Scope::Tenant);
        self.begin_epoch(place, &[layout::epoch(shard, &self.tenant_tag(tenant))], fingerprint).await
    }

    fn tenants_revocation(&self, tenant: &Name, id: Uuid) -> RecordKey {
        self.revocation_hash(&[b"tenant".as_slice(), tenant.as_str().as_bytes(), id.as_bytes()])
    }

    fn revocation_hash(&self, parts: &[&[u8]]) -> RecordKey {
        RecordKey::from_bytes(self.locator().hash("sealpost revocation", parts))
    }

    /// `epochs`: the one that it moves, and what counts beside it.
    async fn begin_epoch(
        &self,
        (shard, hash, scope): (u16, RecordKey, Scope),
        epochs: &[String],
        fingerprint: &Fingerprint,
    ) -> Result<Option<Revocation>, StoreError> {
        let keys = [&[layout::revocation(shard, &hash)], epochs].concat();
        let args = [fingerprint.to_string().into(), KEPT.as_millis().to_string().into()];
        let doing = "begin a revocation";
        let epoch = self.number_of(&BEGIN, &keys, &args, doing).await?;
        Ok((epoch > 0).then_some(Revocation { shard, hash, scope, epoch }))
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
        let place = Place { id: &stored.id, of: Some(stored), revision };
        self.lay(place, tombstone, Some(by), now).await
    }

    /// Puts tokens that came late into a tombstone.
    pub async fn bury_late(&self, tombstone: &Tombstone, now: Timestamp) -> Result<(), StoreError> {
        let place = Place { id: &tombstone.id.record, of: None, revision: None };
        self.lay(place, Some(tombstone), None, now).await.map(|_| ())
    }

    async fn lay(
        &self,
        Place { id, of, revision }: Place<'_>,
        tombstone: Option<&Tombstone>,
        by: Option<&Revocation>,
        now: Timestamp,
    ) -> Result<Buried, StoreError> {
        let (shard, versions) = (id.shard, layout::versions(id.shard));
        let receipts = by.map(Revocation::receipts);
        // no name of ours is in it: it stands where nothing is looked at
        let nowhere = || versions.clone();
        let under = |tag: Tag| layout::tombstones_under(shard, &tag);
        let keys = [
            layout::record(id),
            of.and_then(|of| of.owner).map_or_else(nowhere, |owner| layout::owner(shard, &owner)),
            versions.clone(),
            layout::due(shard),
            layout::tokens(shard),
            layout::retired(shard),
            tombstone.map_or_else(nowhere, |tombstone| layout::held(shard, tombstone.key())),
            layout::tombstone(&tombstone.map_or(TombstoneId { record: *id, generation: Uuid::nil() }, |of| of.id)),
            layout::tombstones(shard),
            layout::tombstones_of(id),
            receipts.clone().unwrap_or_else(nowhere),
            layout::park(id),
            layout::parks(shard),
            of.and_then(|of| of.tenant).map_or_else(|| layout::due(shard), |tenant| layout::tenant(shard, &tenant)),
            tombstone.map_or_else(nowhere, |tombstone| under(tombstone.tags.owner)),
            tombstone.map_or_else(nowhere, |tombstone| under(tombstone.tags.tenant)),
        ];
        let text = |text: Option<String>| text.unwrap_or_default().into_bytes();
        let mut args: Vec<Vec<u8>> = vec![
            if of.is_some() { "1" } else { "0" }.into(),
            text(revision.map(|Revision(revision)| revision.to_string())),
            text(by.map(|by| by.epoch.to_string())),
            layout::held_prefix(shard).into(),
            layout::member(id).into(),
            id.key.to_string().into(),
            text(tombstone.map(|tombstone| layout::version(tombstone.key()))),
            text(tombstone.map(|tombstone| layout::tombstone_member(&tombstone.id))),
            text(tombstone.map(|tombstone| layout::tombstone_name(&tombstone.id))),
            text(tombstone.map(|tombstone| tombstone.id.generation.to_string())),
            first_look(now).to_string().into(),
            text(tombstone.is_none().then(|| RevokedAtProvider::GaveUp.as_str().to_owned())),
            KEPT.as_millis().to_string().into(),
            by.map_or("epoch", Revocation::field).into(),
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

    /// How the connections ended that a revocation ended so far.
    pub async fn counted_receipts(&self, of: &Revocation) -> Result<RevocationCounts, StoreError> {
        let words: Vec<String> =
            self.query("count a revocation's receipts", redis::cmd("HVALS").arg(of.receipts())).await?;
        let mut counts = RevocationCounts::default();
        for word in RevokedAtProvider::ALL {
            words.iter().filter(|found| *found == word.as_str()).for_each(|_| counts.add(word));
        }
        Ok(counts)
    }

    /// Whose records these are, also of those that cannot be read otherwise; those that are gone are left out.
    pub async fn stored(&self, ids: &[RecordId]) -> Result<Vec<Stored>, StoreError> {
        const NAMES: [&str; 5] = ["revision", "owner", "tenant", "epoch", "tenant_epoch"];
        let one = |id: &RecordId| redis::cmd("HMGET").arg(layout::record(id)).arg(&NAMES).to_owned();
        let found: Vec<Vec<Option<Vec<u8>>>> =
            self.each("look whose records these are", ids.iter().map(one).collect()).await?;
        let read = |(id, values): (&RecordId, Vec<Option<Vec<u8>>>)| {
            let text = |at: usize| std::str::from_utf8(values.get(at)?.as_deref()?).ok();
            let number = |at| text(at).and_then(|text| text.parse().ok()).unwrap_or_default();
            let tag = |at| Tag::from_hex(text(at)?);
            let there = values.iter().any(Option::is_some);
            let stored = Stored { id: *id, owner: tag(1), tenant: tag(2), epoch: number(3), tenant_epoch: number(4) };
            there.then_some(stored)
        };
        Ok(ids.iter().zip(found).filter_map(read).collect())
    }

    /// The same of an owner's records, which are known by the owner's name.
    #[must_use]
    pub fn stored_of(&self, owner: &Owner, id: RecordId) -> Stored {
        let (locator, Owner { tenant, user }) = (self.locator(), owner);
        Stored { owner: Some(locator.owner(tenant, user)), tenant: Some(locator.tenant(tenant)), ..Stored::gone(id) }
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
    /// The record that goes; `None`: none does.
    of: Option<&'a Stored>,
    revision: Option<Revision>,
}

fn read_counts(text: &str) -> Option<RevocationCounts> {
    let mut numbers = text.split(' ').map(str::parse);
    let mut next = || numbers.next()?.ok();
    Some(RevocationCounts { revoked: next()?, unsupported: next()?, superseded: next()?, gave_up: next()? })
}
