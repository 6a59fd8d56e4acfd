//! Tombstones: token sets that are to be revoked, and belong to no record any more. Sealed, and held under their key version
//! until the provider answered.

use std::sync::LazyLock;

use jiff::Timestamp;
use sealpost_schemas::Owner;
use uuid::Uuid;

use super::content::{Content, ContentError};
use super::error::StoreError;
use super::fields::RecordError;
use super::layout;
use super::ledger::KEPT;
use super::link::Script;
use super::locate::{RecordId, Tag, Tags};
use super::record::Sealed;
use super::revocation::Revocation;
use super::store::Store;
use crate::seal::{self, Key, KeyRef, Place, Purpose};

static CLEAR: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/clear.lua")));
static LATER: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/look_later.lua")));
/// A tombstone holds its ciphertext as a ledger's entry does.
static RESEAL: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/ledger_reseal.lua")));

/// The format that is written.
const FORMAT: &str = "1";

/// Which token set of which connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TombstoneId {
    /// The connection's record, which is gone.
    pub record: RecordId,
    /// The token set.
    pub generation: Uuid,
}

/// A token set that is to be revoked, sealed for its place.
#[derive(Clone, Debug)]
pub struct Tombstone {
    /// Which.
    pub id: TombstoneId,
    /// Hidden names, to pick it by.
    pub tags: Tags,
    /// How often the provider said no, or the key was not there.
    pub tries: u32,
    sealed: Sealed,
}

fn place(id: &TombstoneId) -> Place {
    Place { purpose: Purpose::Tombstone, record: id.record.key }
}

impl Tombstone {
    /// The key that opens it.
    #[must_use]
    pub fn key(&self) -> &KeyRef {
        &self.sealed.key
    }

    /// Opens it with the key that [`Self::key`] names.
    ///
    /// # Errors
    /// If it does not open.
    pub fn open(&self, key: &Key) -> Result<Content, ContentError> {
        Content::from_bytes(&seal::open(key, &self.sealed.key, &place(&self.id), &self.sealed.bytes)?)
    }

    /// The same under another key.
    ///
    /// # Errors
    /// If it is not sealed.
    pub fn seal_anew(&self, content: &Content, (name, key): (&KeyRef, &Key)) -> Result<Self, ContentError> {
        let bytes = seal::seal(key, name, &place(&self.id), &content.to_bytes()?)?;
        Ok(Self { sealed: Sealed { key: name.clone(), bytes }, ..self.clone() })
    }

    /// The fields of its hash; `receipts`: the key of the receipts that it will be counted in.
    pub(super) fn fields(&self, receipts: String) -> Vec<Vec<u8>> {
        let Tags { owner, tenant, provider } = self.tags;
        let text = [
            ("format", FORMAT.to_owned()),
            ("owner", owner.to_string()),
            ("tenant", tenant.to_string()),
            ("provider", provider.to_string()),
            ("tries", "0".to_owned()),
            ("receipts", receipts),
            ("key_id", self.sealed.key.id.to_string()),
            ("key_version", self.sealed.key.version.to_string()),
        ];
        let mut fields: Vec<Vec<u8>> =
            text.into_iter().flat_map(|(name, value)| [name.into(), value.into_bytes()]).collect();
        fields.extend([b"sealed".to_vec(), self.sealed.bytes.clone()]);
        fields
    }
}

/// What HMGET answers of one.
type Values = (
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<u32>,
    Option<String>,
    Option<String>,
    Option<Vec<u8>>,
);

const NAMES: [&str; 8] = ["format", "owner", "tenant", "provider", "tries", "key_id", "key_version", "sealed"];

fn read(id: TombstoneId, values: Values) -> Result<Option<Tombstone>, RecordError> {
    let (Some(format), owner, tenant, provider, tries, key_id, version, bytes) = values else { return Ok(None) };
    if format != FORMAT {
        return Err(format.parse().map_or(RecordError::Malformed("format"), RecordError::UnknownFormat));
    }
    let tag = |text: Option<String>| Tag::from_hex(text.as_deref()?);
    let whole = || {
        let tags = Tags { owner: tag(owner)?, tenant: tag(tenant)?, provider: tag(provider)? };
        let key = KeyRef { id: key_id?.parse().ok()?, version: version?.parse().ok()? };
        Some(Tombstone { id, tags, tries: tries.unwrap_or_default(), sealed: Sealed { key, bytes: bytes? } })
    };
    whole().map(Some).ok_or(RecordError::Malformed("tombstone"))
}

impl Store {
    /// A tombstone for a token set of the content's connection, sealed for its place.
    ///
    /// # Errors
    /// If it is not sealed.
    pub fn tombstone(
        &self,
        content: &Content,
        generation: Uuid,
        (name, key): (&KeyRef, &Key),
    ) -> Result<Tombstone, ContentError> {
        let id = TombstoneId { record: self.locate(&content.connection), generation };
        let bytes = seal::seal(key, name, &place(&id), &content.to_bytes()?)?;
        let tags = self.locator().tags(&content.connection);
        Ok(Tombstone { id, tags, tries: 0, sealed: Sealed { key: name.clone(), bytes } })
    }

    /// Which tombstones a connection has.
    pub async fn tombstones_of(&self, record: &RecordId) -> Result<Vec<TombstoneId>, StoreError> {
        let doing = format!("list the tombstones of record {record}");
        let of = redis::cmd("SMEMBERS").arg(layout::tombstones_of(record)).to_owned();
        let found: Vec<String> = self.query(doing.as_str(), &of).await?;
        let read = |text: &String| Some(TombstoneId { record: *record, generation: text.parse().ok()? });
        let ids = found.iter().map(read).collect::<Option<_>>();
        ids.ok_or_else(|| StoreError::new(doing, RecordError::Malformed("tombstones").into()))
    }

    /// The records of an owner that have tombstones.
    pub async fn tombstones_owned(&self, owner: &Owner) -> Result<Vec<RecordId>, StoreError> {
        let (shard, tag) = (self.locator().shard(&owner.tenant, &owner.user), self.owner_tag(owner));
        let ids = self.tombstones_in(shard).await?;
        let one = |id: &TombstoneId| redis::cmd("HGET").arg(layout::tombstone(id)).arg("owner").to_owned();
        let owners: Vec<Option<String>> =
            self.each("look whose tombstones these are", ids.iter().map(one).collect()).await?;
        let tag = tag.to_string();
        let these = ids.into_iter().zip(owners).filter(|(_, owner)| owner.as_ref() == Some(&tag));
        Ok(these.map(|(id, _)| id.record).collect())
    }

    /// The tombstones of a shard.
    pub async fn tombstones_in(&self, shard: u16) -> Result<Vec<TombstoneId>, StoreError> {
        let doing = format!("list the tombstones of shard {shard:03}");
        let range = redis::cmd("ZRANGE").arg(layout::tombstones(shard)).arg(0).arg(-1).to_owned();
        let found: Vec<String> = self.query(doing.as_str(), &range).await?;
        let ids = found.iter().map(|name| layout::read_tombstone(shard, name)).collect::<Option<_>>();
        ids.ok_or_else(|| StoreError::new(doing, RecordError::Malformed("tombstones").into()))
    }

    /// The tombstones of all shards that want a look by now, of each shard so many at most.
    pub async fn due_tombstones(&self, now: Timestamp, limit: usize) -> Result<Vec<TombstoneId>, StoreError> {
        let doing = "list the tombstones";
        let one = |shard| {
            let mut range = redis::cmd("ZRANGEBYSCORE");
            range.arg(layout::tombstones(shard)).arg("-inf").arg(now.as_millisecond()).arg("LIMIT").arg(0).arg(limit);
            range
        };
        let found = self.each::<Vec<String>>(doing, (0..self.shards()).map(one).collect()).await?;
        let named =
            (0..self.shards()).zip(found).flat_map(|(shard, names)| names.into_iter().map(move |name| (shard, name)));
        let ids = named.map(|(shard, name)| layout::read_tombstone(shard, &name)).collect::<Option<_>>();
        ids.ok_or_else(|| StoreError::new(doing, RecordError::Malformed("tombstones").into()))
    }

    /// How many tombstones there are, in all shards.
    pub async fn count_tombstones(&self) -> Result<u64, StoreError> {
        let one = |shard| redis::cmd("ZCARD").arg(layout::tombstones(shard)).to_owned();
        Ok(self.each::<u64>("count the tombstones", (0..self.shards()).map(one).collect()).await?.into_iter().sum())
    }

    /// Reads a tombstone; `None` if it is gone.
    pub async fn load_tombstone(&self, id: &TombstoneId) -> Result<Option<Tombstone>, StoreError> {
        let doing = format!("read a tombstone of record {}", id.record);
        let mut get = redis::cmd("HMGET");
        get.arg(layout::tombstone(id)).arg(&NAMES);
        let values: Values = self.query(doing.as_str(), &get).await?;
        read(*id, values).map_err(|error| StoreError::new(doing, error.into()))
    }

    /// Takes a tombstone away, with the word on what became of its tokens; `false`: it was gone.
    pub async fn clear_tombstone(
        &self,
        id: &TombstoneId,
        word: &str,
        by: Option<&Revocation>,
    ) -> Result<bool, StoreError> {
        let shard = id.record.shard;
        let mut keys = vec![
            layout::tombstone(id),
            layout::tombstones(shard),
            layout::tombstones_of(&id.record),
            layout::versions(shard),
        ];
        keys.extend(by.map(Revocation::receipts));
        let args: [Vec<u8>; 7] = [
            layout::held_prefix(shard).into(),
            layout::tombstone_member(id).into(),
            layout::tombstone_name(id).into(),
            id.generation.to_string().into(),
            id.record.key.to_string().into(),
            word.into(),
            KEPT.as_millis().to_string().into(),
        ];
        let doing = || format!("clear a tombstone of record {}", id.record);
        let reply = self.settled(&CLEAR, &keys, &args).await.map_err(|trouble| StoreError::new(doing(), trouble))?;
        let cleared = redis::from_redis_value::<u8>(reply);
        cleared
            .map(|cleared| cleared == 1)
            .map_err(|_| StoreError::new(doing(), RecordError::Malformed("reply").into()))
    }

    /// Puts a tombstone off until then; `refused`: this try counts.
    pub async fn put_tombstone_off(&self, id: &TombstoneId, until: Timestamp, refused: bool) -> Result<(), StoreError> {
        let keys = [layout::tombstone(id), layout::tombstones(id.record.shard)];
        let args = [
            layout::tombstone_name(id).into(),
            until.as_millisecond().to_string().into(),
            u8::from(refused).to_string().into(),
        ];
        let put: Result<u8, _> = self.link().run(&LATER, &keys, &args).await;
        put.map(|_| ())
            .map_err(|trouble| StoreError::new(format!("put a tombstone of record {} off", id.record), trouble))
    }

    /// Replaces a tombstone's ciphertext by that of [`Tombstone::seal_anew`]; `false`: it is gone, or another one by now.
    pub async fn reseal_tombstone(&self, old: &Tombstone, new: &Tombstone) -> Result<bool, StoreError> {
        let (id, shard, key) = (&old.id, old.id.record.shard, new.key());
        let keys = [layout::tombstone(id), layout::versions(shard), layout::held(shard, key), layout::retired(shard)];
        let args: [Vec<u8>; 6] = [
            old.sealed.bytes.clone(),
            layout::tombstone_member(id).into(),
            layout::held_prefix(shard).into(),
            key.id.as_str().into(),
            key.version.as_str().into(),
            new.sealed.bytes.clone(),
        ];
        let doing = || format!("re-seal a tombstone of record {}", id.record);
        let reply = self.settled(&RESEAL, &keys, &args).await.map_err(|trouble| StoreError::new(doing(), trouble))?;
        let done = redis::from_redis_value::<u8>(reply);
        done.map(|done| done == 1).map_err(|_| StoreError::new(doing(), RecordError::Malformed("reply").into()))
    }
}
