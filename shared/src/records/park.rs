//! Parks: token sets that wait for the device of their user, whose record holds none. Sealed, held under their key version,
//! and for a limited time by the clock of Redis, the only one that all workers share.

use std::sync::LazyLock;
use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

use super::content::{Content, ContentError};
use super::error::StoreError;
use super::fields::{RecordError, read_hashes};
use super::layout;
use super::link::Script;
use super::locate::{RecordId, Tag, Tags};
use super::record::{Draft, Metadata, Sealed};
use super::store::Store;
use crate::seal::{self, Key, KeyRef, Place, Purpose};

static LOOK: LazyLock<Script> = LazyLock::new(|| Script::new("park_look", include_str!("scripts/park_look.lua")));
static END: LazyLock<Script> = LazyLock::new(|| Script::new("park_end", include_str!("scripts/park_end.lua")));
static OFF: LazyLock<Script> = LazyLock::new(|| Script::new("park_off", include_str!("scripts/park_off.lua")));
/// A park holds its ciphertext as a ledger's entry does.
static RESEAL: LazyLock<Script> =
    LazyLock::new(|| Script::new("ledger_reseal", include_str!("scripts/ledger_reseal.lua")));

/// The format that is written.
const FORMAT: &str = "1";

/// How tokens are parked that are saved.
#[derive(Clone, Copy, Debug)]
pub struct Parking {
    /// For how long.
    pub lasts: Duration,
    /// Whether they are what an exchange brought: its request is answered with them.
    pub exchange: bool,
    /// Whether they are owed to who holds the refresh token that the record knew before.
    pub owed_to_holder: bool,
}

/// A park to be saved with its record, sealed for its place under the record's key.
#[derive(Clone, Debug)]
pub(super) struct Parked {
    parking: Parking,
    fields: Vec<(&'static str, Vec<u8>)>,
}

impl Parked {
    /// As `write.lua` takes it.
    pub(super) fn args(park: Option<&Self>) -> Vec<Vec<u8>> {
        let Some(Self { parking, fields }) = park else { return vec![Vec::new(), "0".into(), "0".into()] };
        let mut args = vec![
            parking.lasts.as_millis().to_string().into_bytes(),
            u8::from(parking.owed_to_holder).to_string().into(),
            (2 * fields.len()).to_string().into(),
        ];
        args.extend(fields.iter().flat_map(|(name, value)| [name.as_bytes().to_vec(), value.clone()]));
        args
    }
}

/// A token set that waits for its user's device.
#[derive(Clone, Debug)]
pub struct Park {
    /// Whose.
    pub record: RecordId,
    /// Hidden names, to pick it by.
    pub tags: Tags,
    /// The token set. It is the record's, or is good for nothing.
    pub generation: Uuid,
    /// Whether it is what an exchange brought, and nobody refreshed since.
    pub exchange: bool,
    /// Keyed hashes of the refresh tokens that the device may hold.
    pub from: Vec<[u8; 32]>,
    /// When it ends.
    pub until: Timestamp,
    /// The time of now, by the same clock.
    pub now: Timestamp,
    sealed: Sealed,
}

fn place(record: &RecordId) -> Place {
    Place { purpose: Purpose::Park, record: record.key }
}

impl Park {
    /// The key that opens it.
    #[must_use]
    pub fn key(&self) -> &KeyRef {
        &self.sealed.key
    }

    /// Whether it waited long enough.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.until <= self.now
    }

    /// Opens it with the key that [`Self::key`] names.
    ///
    /// # Errors
    /// If it does not open.
    pub fn open(&self, key: &Key) -> Result<Content, ContentError> {
        Content::from_bytes(&seal::open(key, &self.sealed.key, &place(&self.record), &self.sealed.bytes)?)
    }

    /// The same under another key. What is inside is not read, so that what a newer version put there stays.
    ///
    /// # Errors
    /// If it does not open, or is not sealed.
    pub fn seal_anew(&self, old: &Key, (name, new): (&KeyRef, &Key)) -> Result<Self, ContentError> {
        let place = place(&self.record);
        let plain = seal::open(old, &self.sealed.key, &place, &self.sealed.bytes)?;
        let bytes = seal::seal(new, name, &place, &plain)?;
        Ok(Self { sealed: Sealed { key: name.clone(), bytes }, ..self.clone() })
    }
}

pub(super) const NAMES: [&str; 11] = [
    "format",
    "owner",
    "tenant",
    "provider",
    "generation",
    "exchange",
    "from",
    "until",
    "key_id",
    "key_version",
    "sealed",
];

/// What `park_look.lua` answers.
pub(super) type Looked = (Vec<Option<Vec<u8>>>, i64);

pub(super) fn read(record: RecordId, (values, now): Looked) -> Result<Option<Park>, RecordError> {
    let text = |name: &'static str| {
        let value = NAMES.iter().position(|known| *known == name).and_then(|at| values.get(at)?.as_deref());
        std::str::from_utf8(value?).ok()
    };
    let Some(format) = text("format") else { return Ok(None) };
    if format != FORMAT {
        return Err(format.parse().map_or(RecordError::Malformed("format"), RecordError::UnknownFormat));
    }
    let tag = |name| Tag::from_hex(text(name)?);
    let whole = || {
        let key = KeyRef { id: text("key_id")?.parse().ok()?, version: text("key_version")?.parse().ok()? };
        Some(Park {
            record,
            tags: Tags { owner: tag("owner")?, tenant: tag("tenant")?, provider: tag("provider")? },
            generation: text("generation")?.parse().ok()?,
            exchange: text("exchange")? == "1",
            from: read_hashes(text("from")?)?,
            until: Timestamp::from_millisecond(text("until")?.parse().ok()?).ok()?,
            now: Timestamp::from_millisecond(now).ok()?,
            sealed: Sealed { key, bytes: values.last()?.clone()? },
        })
    };
    whole().map(Some).ok_or(RecordError::Malformed("park"))
}

/// Its fields, but for those that the script writes.
pub(super) fn fields(
    generation: Uuid,
    Tags { owner, tenant, provider }: &Tags,
    exchange: bool,
    key: &KeyRef,
    sealed: Vec<u8>,
) -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("format", FORMAT.into()),
        ("owner", owner.to_string().into()),
        ("tenant", tenant.to_string().into()),
        ("provider", provider.to_string().into()),
        ("generation", generation.to_string().into()),
        ("exchange", if exchange { "1" } else { "" }.into()),
        ("key_id", key.id.as_str().into()),
        ("key_version", key.version.as_str().into()),
        ("sealed", sealed),
    ]
}

impl Store {
    /// A record as of [`Self::draft`] whose tokens rest with the user, and the tokens, which wait for the user's device: both
    /// are saved in one write, and every later write of the record without tokens that ends their generation ends the park.
    ///
    /// # Errors
    /// If it is not sealed.
    pub fn draft_parking(
        &self,
        content: &Content,
        metadata: Metadata,
        (name, key): (&KeyRef, &Key),
        parking: Parking,
    ) -> Result<Draft, ContentError> {
        let generation = metadata.generation;
        let draft = self.draft(content, metadata, name, key)?;
        let bytes = seal::seal(key, name, &place(&draft.id), &content.to_bytes()?)?;
        let fields = fields(generation, &draft.tags, parking.exchange, name, bytes);
        Ok(Draft { park: Some(Parked { parking, fields }), ..draft })
    }

    /// Reads the park of a record; `None` if it has none.
    pub async fn load_park(&self, record: &RecordId) -> Result<Option<Park>, StoreError> {
        let doing = || format!("read the park of record {record}");
        let args: Vec<Vec<u8>> = NAMES.iter().map(|&name| name.into()).collect();
        let looked: Result<Looked, _> = self.link().run(&LOOK, &[layout::park(record)], &args).await;
        let looked = looked.map_err(|trouble| StoreError::new(doing(), trouble))?;
        read(*record, looked).map_err(|error| StoreError::new(doing(), error.into()))
    }

    /// Ends a park whose tokens the device has; `false`: it is gone, or of another token set by now. Of a newer one, who held
    /// older tokens than the refresh token of this [`Self::hash_of`] is owed nothing any more.
    pub async fn end_park(
        &self,
        record: &RecordId,
        generation: Uuid,
        token: Option<&[u8; 32]>,
    ) -> Result<bool, StoreError> {
        self.end(record, generation, (token, true)).await
    }

    /// Ends a park whose tokens nobody will have; `false` as of [`Self::end_park`].
    pub async fn drop_park(&self, record: &RecordId, generation: Uuid) -> Result<bool, StoreError> {
        self.end(record, generation, (None, false)).await
    }

    async fn end(
        &self,
        record: &RecordId,
        generation: Uuid,
        (token, arrived): (Option<&[u8; 32]>, bool),
    ) -> Result<bool, StoreError> {
        let shard = record.shard;
        let keys = [layout::park(record), layout::parks(shard), layout::versions(shard), layout::record(record)];
        let args: [Vec<u8>; 5] = [
            generation.to_string().into(),
            layout::held_prefix(shard).into(),
            record.key.to_string().into(),
            token.map(hex::encode).unwrap_or_default().into(),
            u8::from(arrived).to_string().into(),
        ];
        self.done(&END, &keys, &args, || format!("end the park of record {record}")).await
    }

    /// Whether the device is known to have the tokens that this request of its record brought, or what came of them. Of a
    /// record from before this was noted it is taken for known, as it was.
    pub async fn has_arrived(&self, record: &RecordId, request: Uuid) -> Result<bool, StoreError> {
        let mut get = redis::cmd("HGET");
        get.arg(layout::record(record)).arg("arrived");
        let noted: Option<String> = self.query(format!("read whether record {record} arrived"), &get).await?;
        Ok(noted.is_none_or(|noted| noted == request.to_string()))
    }

    /// Has a sweep look at a park later than by its end. What counts for the device is the end.
    pub async fn put_park_off(&self, record: &RecordId, until: Timestamp) -> Result<(), StoreError> {
        let mut put = redis::cmd("ZADD");
        // GT: one that was saved meanwhile ends later
        put.arg(layout::parks(record.shard))
            .arg("XX")
            .arg("GT")
            .arg(until.as_millisecond())
            .arg(record.key.to_string());
        self.query(format!("put the park of record {record} off"), &put).await
    }

    /// What was to be told of a park that is over is told: of this token set, or of none. Does nothing where there is a park, or
    /// the end of another was not told.
    pub async fn told_of_park(&self, record: &RecordId, generation: Option<Uuid>) -> Result<(), StoreError> {
        let keys = [layout::park(record), layout::parks(record.shard), layout::record(record)];
        let generation = generation.map(|generation| generation.to_string()).unwrap_or_default();
        let doing = || format!("note that the end of the park of record {record} was told");
        self.done(&OFF, &keys, &[record.key.to_string().into(), generation.into()], doing).await.map(|_| ())
    }

    /// The records of all shards whose parks may be over by now, or were and that may not have been told; of each shard so many
    /// at most. By the caller's clock: what counts is [`Park::is_over`].
    pub async fn overdue_parks(&self, now: Timestamp, limit: usize) -> Result<Vec<RecordId>, StoreError> {
        let doing = "list the parks that are over";
        let one = |shard| {
            let mut range = redis::cmd("ZRANGEBYSCORE");
            range.arg(layout::parks(shard)).arg("-inf").arg(now.as_millisecond()).arg("LIMIT").arg(0).arg(limit);
            range
        };
        let found = self.each::<Vec<String>>(doing, (0..self.shards()).map(one).collect()).await?;
        let named = (0..self.shards()).zip(found).flat_map(|(shard, names)| names.into_iter().map(move |n| (shard, n)));
        let read = |(shard, name): (u16, String)| layout::read_key(&name).map(|key| RecordId { shard, key });
        let ids = named.map(read).collect::<Option<_>>();
        ids.ok_or_else(|| StoreError::new(doing, RecordError::Malformed("parks").into()))
    }

    /// How many parks there are, in all shards.
    pub async fn count_parks(&self) -> Result<u64, StoreError> {
        let one = |shard| redis::cmd("ZCARD").arg(layout::parks(shard)).to_owned();
        Ok(self.each::<u64>("count the parks", (0..self.shards()).map(one).collect()).await?.into_iter().sum())
    }

    /// Replaces a park's ciphertext by that of [`Park::seal_anew`]; `false`: it is gone, or another one by now.
    pub async fn reseal_park(&self, old: &Park, new: &Park) -> Result<bool, StoreError> {
        let (record, shard, key) = (&old.record, old.record.shard, new.key());
        let keys = [layout::park(record), layout::versions(shard), layout::held(shard, key), layout::retired(shard)];
        let args: [Vec<u8>; 6] = [
            old.sealed.bytes.clone(),
            layout::park_member(record).into(),
            layout::held_prefix(shard).into(),
            key.id.as_str().into(),
            key.version.as_str().into(),
            new.sealed.bytes.clone(),
        ];
        self.done(&RESEAL, &keys, &args, || format!("re-seal the park of record {record}")).await
    }

    async fn done(
        &self,
        script: &Script,
        keys: &[String],
        args: &[Vec<u8>],
        doing: impl Fn() -> String,
    ) -> Result<bool, StoreError> {
        let reply = self.settled(script, keys, args).await.map_err(|trouble| StoreError::new(doing(), trouble))?;
        let done = redis::from_redis_value::<u8>(reply);
        done.map(|done| done == 1).map_err(|_| StoreError::new(doing(), RecordError::Malformed("reply").into()))
    }
}
