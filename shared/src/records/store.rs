//! Loading and writing records.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use sealpost_schemas::{Connection, Name, Owner, ProviderId};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::config::StoreConfig;
use super::content::{Content, ContentError};
use super::error::StoreError;
use super::fields::{self, Fields};
use super::layout;
use super::link::{Link, Script};
use super::locate::{Locator, RecordId, Tag, Tags};
use super::meta::Mismatch;
use super::park::Parked;
use super::record::{Custody, Draft, Metadata, Record, Revision, Standing};
use super::tombstone::Replaced;
use super::trouble::Trouble;
use crate::ids;
use crate::keys::IndexKey;
use crate::seal::{Key, KeyRef};

/// Between two attempts to settle a write whose answer was lost.
const PAUSE: Duration = Duration::from_millis(50);

/// Records in Redis. Cheap to clone; all clones share one connection.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    link: Link,
    locator: Locator,
    write: Script,
    finish: Script,
    lease: Script,
    release: Script,
}

/// What a save asks of what is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Nothing.
    Absent,
    /// The record, unmoved since it had this revision.
    Revision(Revision),
    /// The record, with the token set of this generation, whatever else moved: a refreshed token asks only that its
    /// parent is still stored.
    Generation(Uuid),
}

/// What a write looks at and does beside its record.
#[derive(Default)]
struct Also<'a> {
    /// The owner's epoch that it belongs to; `None`: any.
    epoch: Option<u64>,
    /// The tokens that it parks.
    park: Option<&'a Parked>,
    /// What it takes the place of, and when that wants its first look.
    replaces: Option<(&'a Replaced, Timestamp)>,
}

/// How a conditional write ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Saved {
    /// It is stored under this revision.
    Written(Revision),
    /// The condition did not hold; look again. After a lost answer it can also mean that this write was done and then
    /// overwritten by one that came after it.
    Moved,
}

impl Store {
    /// A store that connects when it is first used, and again whenever it must. Fails only for a configuration that can
    /// never work. The number of shards and the index key are checked with every connection: see [`Self::ready`].
    pub fn new(config: StoreConfig, index_key: Arc<IndexKey>) -> Result<Self, StoreError> {
        let locator = Locator::new(index_key, config.shards);
        let link =
            Link::new(config, locator.clone()).map_err(|trouble| StoreError::new("set up the store", trouble))?;
        let write = Script::new("write", include_str!("scripts/write.lua"));
        let finish = Script::new("finish", include_str!("scripts/finish.lua"));
        let lease = Script::new("lease", include_str!("scripts/lease.lua"));
        let release = Script::new("release", include_str!("scripts/release.lua"));
        Ok(Self { inner: Arc::new(Inner { link, locator, write, finish, lease, release }) })
    }

    /// A store that was reached and is ours.
    pub async fn open(config: StoreConfig, index_key: Arc<IndexKey>) -> Result<Self, StoreError> {
        let store = Self::new(config, index_key)?;
        store.ready().await?;
        Ok(store)
    }

    /// Whether Redis answers and holds the store that was met first, made with our number of shards and index key. A worker that starts while
    /// Redis is away asks again later; only [`Trouble::Config`] and [`Trouble::Mismatch`] need a person.
    pub async fn ready(&self) -> Result<(), StoreError> {
        let doing = "reach the store";
        match self.query(doing, redis::cmd("EXISTS").arg(layout::META)).await? {
            0_u64 => Err(StoreError::new(doing, Mismatch::Replaced.into())),
            _ => Ok(()),
        }
    }

    /// Whether a record can be written now. A Redis that answers may refuse writes all the same: it is a replica, is
    /// full, or cannot save.
    pub async fn writable(&self, id: &RecordId) -> Result<(), StoreError> {
        let mut probe = redis::cmd("SET");
        probe.arg(layout::probe(id.shard)).arg("").arg("EX").arg(60);
        self.query(format!("write to shard {:03}", id.shard), &probe).await
    }

    /// The number of logical shards.
    #[must_use]
    pub fn shards(&self) -> u16 {
        self.inner.locator.shards()
    }

    /// Where a connection's record lies.
    #[must_use]
    pub fn locate(&self, connection: &Connection) -> RecordId {
        self.inner.locator.locate(connection)
    }

    /// The keyed hash by which an access token is known that rests with the user.
    #[must_use]
    pub fn hash_of_access(&self, access_token: &SecretString) -> [u8; 32] {
        self.inner.locator.hash("sealpost access token", &[access_token.expose_secret().as_bytes()])
    }

    /// The keyed hash by which a provider is known where it is not sealed.
    #[must_use]
    pub fn hash_of_provider(&self, provider: &ProviderId) -> String {
        hex::encode(&self.inner.locator.hash("sealpost provider", &[provider.as_str().as_bytes()])[..16])
    }

    /// The keyed hash by which a refresh token is known where it is not sealed.
    #[must_use]
    pub fn hash_of(&self, refresh_token: &SecretString) -> [u8; 32] {
        self.inner.locator.refresh_token(refresh_token.expose_secret().as_bytes())
    }

    /// A record for the content's connection, sealed for its place under `key`, which was found as `name`. Where the tokens
    /// rest with the user no token is sealed in it; see [`Self::draft_parking`].
    pub fn draft(
        &self,
        content: &Content,
        metadata: Metadata,
        name: &KeyRef,
        key: &Key,
    ) -> Result<Draft, ContentError> {
        let place = (self.locate(&content.connection), self.inner.locator.tags(&content.connection));
        let token = content.tokens.refresh_token.as_ref().map(|token| self.hash_of(token));
        match metadata.custody {
            Custody::Vault => Draft::seal(place, (metadata, token), content, (name, key)),
            Custody::Device => Draft::seal(place, (metadata, token), &content.without_tokens(), (name, key)),
        }
    }

    /// Reads a record; `None` if there is none.
    pub async fn load(&self, id: &RecordId) -> Result<Option<Record>, StoreError> {
        let doing = || format!("load record {id}");
        let values: fields::Values =
            self.link().query(&fields::get(id)).await.map_err(|trouble| StoreError::new(doing(), trouble))?;
        fields::read(*id, values).map_err(|error| StoreError::new(doing(), error.into()))
    }

    /// Writes a whole record, if what is stored is as expected, and the owner's epoch is the draft's.
    pub async fn save(&self, draft: &Draft, expected: Expected) -> Result<Saved, StoreError> {
        let (doing, epoch) = (format!("save record {}", draft.id), draft.epoch);
        let (tags, key) = (&draft.tags, &draft.sealed.key);
        let replaces = draft.replaces.as_deref().map(|replaced| (replaced, draft.metadata.refreshed_at));
        let also = Also { epoch, park: draft.park.as_ref(), replaces };
        self.write_in(also, doing, (&draft.id, tags, key), expected, fields::of_draft(draft)).await
    }

    /// Writes a standing in which nothing is due any more, if the record is unmoved.
    pub async fn mark(&self, record: &Record, standing: &Standing) -> Result<Saved, StoreError> {
        let (doing, expected) = (format!("mark record {}", record.id), Expected::Revision(record.revision));
        self.write(doing, &record.id, &record.tags, record.key(), expected, fields::of_end(standing)).await
    }

    /// One conditional write. When its answer is lost it is sent again, since it knows itself by its random id.
    pub(super) async fn write(
        &self,
        doing: String,
        id: &RecordId,
        tags: &Tags,
        key: &KeyRef,
        expected: Expected,
        fields: Fields,
    ) -> Result<Saved, StoreError> {
        self.write_in(Also::default(), doing, (id, tags, key), expected, fields).await
    }

    async fn write_in(
        &self,
        Also { epoch, park, replaces }: Also<'_>,
        doing: String,
        (id, tags, key): (&RecordId, &Tags, &KeyRef),
        expected: Expected,
        fields: Fields,
    ) -> Result<Saved, StoreError> {
        let mut keys = vec![
            layout::record(id),
            layout::owner(id.shard, &tags.owner),
            layout::versions(id.shard),
            layout::held(id.shard, key),
            layout::due(id.shard),
            layout::epoch(id.shard, &tags.owner),
            layout::tokens(id.shard),
            layout::retired(id.shard),
            layout::epoch(id.shard, &tags.tenant),
            layout::park(id),
            layout::parks(id.shard),
            layout::tenant(id.shard, &tags.tenant),
        ];
        keys.extend(replaces.iter().flat_map(|(replaced, _)| replaced.tombstone.keys()));
        // a write that leaves the ciphertext alone leaves its version alone too
        let seals = fields.iter().any(|(name, _)| *name == "sealed");
        let (condition, wanted) = match expected {
            Expected::Absent => ("absent", String::new()),
            Expected::Revision(revision) => ("revision", revision.0.to_string()),
            Expected::Generation(generation) => ("generation", generation.to_string()),
        };
        let mut args: Vec<Vec<u8>> = vec![
            condition.into(),
            wanted.into(),
            ids::fresh().to_string().into(),
            first_revision().to_string().into(),
            layout::held_prefix(id.shard).into(),
            layout::member(id).into(),
            id.key.to_string().into(),
            epoch.map(|epoch| epoch.to_string()).unwrap_or_default().into(),
            if seals { layout::version(key).into() } else { Vec::new() },
        ];
        args.extend(Parked::args(park));
        let buries = replaces.map(|(replaced, now)| replaced.args(now)).unwrap_or_default();
        args.push(buries.len().to_string().into());
        args.extend(buries);
        args.extend(fields.into_iter().flat_map(|(name, value)| [name.into(), value]));

        let Inner { link, write, .. } = &*self.inner;
        let mut unknown = None;
        loop {
            match link.run::<Vec<u64>>(write, &keys, &args).await {
                Ok(reply) => return Ok(reply.get(1).map_or(Saved::Moved, |&at| Saved::Written(Revision(at)))),
                Err(trouble) => {
                    let since = match (unknown, &trouble) {
                        (Some(since), _) => since,
                        (None, Trouble::NoReply { .. }) => Instant::now(),
                        (None, _) => return Err(StoreError::new(doing, trouble)),
                    };
                    unknown = Some(since);
                    if since.elapsed() > link.response_timeout() {
                        return Err(StoreError::new(doing, Trouble::Unknown(Box::new(trouble))));
                    }
                }
            }
            sleep(PAUSE).await;
        }
    }

    pub(super) fn owner_tag(&self, Owner { tenant, user }: &Owner) -> Tag {
        self.inner.locator.owner(tenant, user)
    }

    pub(super) fn tenant_tag(&self, tenant: &Name) -> Tag {
        self.inner.locator.tenant(tenant)
    }

    pub(super) fn provider_tag(&self, provider: &ProviderId) -> Tag {
        self.inner.locator.provider(provider)
    }

    pub(super) fn locator(&self) -> &Locator {
        &self.inner.locator
    }

    pub(super) fn link(&self) -> &Link {
        &self.inner.link
    }

    pub(super) fn finish_script(&self) -> &Script {
        &self.inner.finish
    }

    pub(super) fn lease_script(&self) -> &Script {
        &self.inner.lease
    }

    pub(super) fn release_script(&self) -> &Script {
        &self.inner.release
    }

    pub(super) async fn query<T: redis::FromRedisValue>(
        &self,
        doing: impl Into<String>,
        cmd: &redis::Cmd,
    ) -> Result<T, StoreError> {
        self.inner.link.query(cmd).await.map_err(|trouble| StoreError::new(doing, trouble))
    }
}

/// Random, and small enough for Lua, which counts exactly to 2^53, to count on for ever.
fn first_revision() -> u64 {
    ids::fresh().as_u64_pair().1 & ((1 << 47) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_may_wait_for_the_store_on_any_thread() {
        fn sent<T: Send>(_: impl Fn(&'static Store, &'static Record) -> T) {}
        sent(|store, record| store.load(&record.id));
        sent(|store, record| store.mark(record, &record.metadata.standing));
        sent(|store, _| store.durability());
    }
}
