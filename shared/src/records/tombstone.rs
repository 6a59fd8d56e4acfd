//! Tombstones: token sets that are to be revoked, and belong to no record any more. Sealed, and held under their key version
//! until the provider answered.

use std::sync::LazyLock;
use std::time::Duration;

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

static CLEAR: LazyLock<Script> = LazyLock::new(|| Script::new("clear", include_str!("scripts/clear.lua")));
static FOLLOW: LazyLock<Script> = LazyLock::new(|| Script::new("follow", include_str!("scripts/follow.lua")));
static LATER: LazyLock<Script> = LazyLock::new(|| Script::new("look_later", include_str!("scripts/look_later.lua")));
/// A tombstone holds its ciphertext as a ledger's entry does.
static RESEAL: LazyLock<Script> =
    LazyLock::new(|| Script::new("ledger_reseal", include_str!("scripts/ledger_reseal.lua")));

/// How long a tombstone is left to who made it.
const FIRST_LOOK: Duration = Duration::from_mins(1);

/// The format that is written.
const FORMAT: &str = "1";

/// About how many are read at once.
const PAGE: usize = 256;

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
    /// How often it was looked at and stayed.
    pub looks: u32,
    /// When its access token expires, where that is known.
    pub access_expires_at: Option<Timestamp>,
    sealed: Sealed,
}

/// A token set that a consent takes the place of.
#[derive(Clone, Debug)]
pub struct Replaced {
    /// Where its tokens go.
    pub tombstone: Tombstone,
    /// Whether they go there in any case: nobody needs them any more, and to revoke them harms no newer one. Otherwise only where
    /// a revocation began after that consent was given.
    pub always: bool,
}

impl Replaced {
    /// The arguments of the script that saves the consent.
    pub(super) fn args(&self, now: Timestamp) -> Vec<Vec<u8>> {
        let of = &self.tombstone;
        let text = [
            u8::from(self.always).to_string(),
            layout::version(of.key()),
            layout::tombstone_member(&of.id),
            layout::tombstone_name(&of.id),
            of.id.generation.to_string(),
            first_look(now).to_string(),
        ];
        text.into_iter().map(String::into_bytes).chain(of.fields(String::new())).collect()
    }
}

/// When a tombstone that is laid now wants its first look, in milliseconds.
pub(super) fn first_look(now: Timestamp) -> i64 {
    now.as_millisecond().saturating_add(i64::try_from(FIRST_LOOK.as_millis()).unwrap_or(0))
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

    /// With an access token that expires then.
    #[must_use]
    pub fn expiring(self, at: Option<Timestamp>) -> Self {
        Self { access_expires_at: at, ..self }
    }

    /// Its own keys in Redis, in the order in which scripts take them that lay one beside something else.
    pub(super) fn keys(&self) -> [String; 6] {
        let (id, shard) = (&self.id, self.id.record.shard);
        [
            layout::tombstone(id),
            layout::held(shard, self.key()),
            layout::tombstones(shard),
            layout::tombstones_of(&id.record),
            layout::tombstones_under(shard, &self.tags.owner),
            layout::tombstones_under(shard, &self.tags.tenant),
        ]
    }

    /// Opens it with the key that [`Self::key`] names.
    ///
    /// # Errors
    /// If it does not open.
    pub fn open(&self, key: &Key) -> Result<Content, ContentError> {
        Content::from_bytes(&seal::open(key, &self.sealed.key, &place(&self.id), &self.sealed.bytes)?)
    }

    /// The same with other tokens, under this key.
    ///
    /// # Errors
    /// If it is not sealed.
    pub fn with_content(&self, content: &Content, (name, key): (&KeyRef, &Key)) -> Result<Self, ContentError> {
        let bytes = seal::seal(key, name, &place(&self.id), &content.to_bytes()?)?;
        Ok(Self { sealed: Sealed { key: name.clone(), bytes }, ..self.clone() })
    }

    /// The same under another key. What is inside is not read, so that what a newer version put there stays.
    ///
    /// # Errors
    /// If it does not open, or is not sealed.
    pub fn seal_anew(&self, old: &Key, (name, new): (&KeyRef, &Key)) -> Result<Self, ContentError> {
        let place = place(&self.id);
        let plain = seal::open(old, &self.sealed.key, &place, &self.sealed.bytes)?;
        let bytes = seal::seal(new, name, &place, &plain)?;
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
            ("looks", "0".to_owned()),
            ("receipts", receipts),
            (
                "access_expires_at",
                self.access_expires_at.map_or_else(String::new, |at| at.as_millisecond().to_string()),
            ),
            ("key_id", self.sealed.key.id.to_string()),
            ("key_version", self.sealed.key.version.to_string()),
        ];
        let mut fields: Vec<Vec<u8>> =
            text.into_iter().flat_map(|(name, value)| [name.into(), value.into_bytes()]).collect();
        fields.extend([b"sealed".to_vec(), self.sealed.bytes.clone()]);
        fields
    }
}

const NAMES: [&str; 10] =
    ["format", "owner", "tenant", "provider", "tries", "looks", "access_expires_at", "key_id", "key_version", "sealed"];

fn read(id: TombstoneId, values: &[Option<Vec<u8>>]) -> Result<Option<Tombstone>, RecordError> {
    if values.iter().all(Option::is_none) {
        return Ok(None);
    }
    let text = |at: usize| std::str::from_utf8(values.get(at)?.as_deref()?).ok();
    match text(0) {
        Some(FORMAT) => {}
        other => {
            let known = other.and_then(|format| format.parse().ok());
            return Err(known.map_or(RecordError::Malformed("format"), RecordError::UnknownFormat));
        }
    }
    let tag = |at| Tag::from_hex(text(at)?);
    // what was counted wrong is counted anew: that keeps no token from its end
    let number = |at| text(at).and_then(|text| text.parse().ok()).unwrap_or_default();
    let whole = || {
        let tags = Tags { owner: tag(1)?, tenant: tag(2)?, provider: tag(3)? };
        let access_expires_at = text(6).and_then(|at| Timestamp::from_millisecond(at.parse().ok()?).ok());
        let key = KeyRef { id: text(7)?.parse().ok()?, version: text(8)?.parse().ok()? };
        let sealed = Sealed { key, bytes: values.get(9)?.clone()? };
        Some(Tombstone { id, tags, tries: number(4), looks: number(5), access_expires_at, sealed })
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
        let sealed = Sealed { key: name.clone(), bytes };
        Ok(Tombstone { id, tags, tries: 0, looks: 0, access_expires_at: None, sealed })
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
        let (mut records, mut after) = (Vec::new(), None);
        loop {
            let (ids, last) = self.tombstones_under(shard, &tag, after.as_deref(), PAGE).await?;
            records.extend(ids.into_iter().map(|id| id.record));
            after = Some(match last {
                Some(last) => last,
                None => return Ok(records),
            });
        }
    }

    /// Some of the tombstones of an owner or a tenant, by name: those after this name, so many at most; and the name to go on
    /// after, if more may follow.
    pub async fn tombstones_under(
        &self,
        shard: u16,
        tag: &Tag,
        after: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<TombstoneId>, Option<String>), StoreError> {
        let doing = format!("list tombstones of shard {shard:03}");
        let key = layout::tombstones_under(shard, tag);
        let names = self.names_after(&doing, &key, after, limit).await?;
        let exists = |name: &String| redis::cmd("EXISTS").arg(layout::tombstone_named(shard, name)).to_owned();
        let there: Vec<bool> = self.each(&doing, names.iter().map(exists).collect()).await?;
        // a damaged one did not know whose it was when it went
        let gone: Vec<_> = names.iter().zip(&there).filter(|(_, there)| !**there).map(|(name, _)| name).collect();
        if !gone.is_empty() {
            self.query::<u64>(doing.as_str(), redis::cmd("ZREM").arg(&key).arg(&gone)).await?;
        }
        let ids = names.iter().zip(there).filter(|(_, there)| *there);
        let ids = ids.filter_map(|(name, _)| layout::read_tombstone(shard, name)).collect();
        Ok((ids, names.last().filter(|_| names.len() == limit).cloned()))
    }

    /// Whose provider's these tombstones are of, by its hidden name; `None`: that cannot be read.
    pub async fn providers_of(&self, ids: &[TombstoneId]) -> Result<Vec<Option<Tag>>, StoreError> {
        let one = |id: &TombstoneId| redis::cmd("HGET").arg(layout::tombstone(id)).arg("provider").to_owned();
        let found: Vec<Option<Vec<u8>>> =
            self.each("look which providers tombstones are of", ids.iter().map(one).collect()).await?;
        let tag = |text: Option<Vec<u8>>| Tag::from_hex(std::str::from_utf8(&text?).ok()?);
        Ok(found.into_iter().map(tag).collect())
    }

    /// Has a revocation told what becomes of a connection's tombstones, whoever clears them.
    pub async fn follow_tombstones(&self, record: &RecordId, by: &Revocation) -> Result<(), StoreError> {
        let args = [layout::tombstone_prefix(record).into(), by.receipts().into()];
        let followed: Result<u64, _> = self.link().run(&FOLLOW, &[layout::tombstones_of(record)], &args).await;
        let doing = || format!("follow the tombstones of record {record}");
        followed.map(|_| ()).map_err(|trouble| StoreError::new(doing(), trouble))
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
        let values: Vec<Option<Vec<u8>>> = self.query(doing.as_str(), &get).await?;
        read(*id, &values).map_err(|error| StoreError::new(doing, error.into()))
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
        let args: [Vec<u8>; 8] = [
            layout::held_prefix(shard).into(),
            layout::tombstone_member(id).into(),
            layout::tombstone_name(id).into(),
            id.generation.to_string().into(),
            id.record.key.to_string().into(),
            word.into(),
            KEPT.as_millis().to_string().into(),
            layout::tombstones_under_prefix(shard).into(),
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
