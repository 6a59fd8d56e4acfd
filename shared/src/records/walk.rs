//! Walking a shard by key version.

use sealpost_schemas::RotationScope;

use super::error::StoreError;
use super::fields::RecordError;
use super::layout;
use super::ledger::EntryId;
use super::locate::{RecordId, Tag, Tags};
use super::record::Record;
use super::store::Store;
use super::tombstone::TombstoneId;
use crate::seal::KeyRef;

/// Something that is sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// A record.
    Record(RecordId),
    /// The result of a ledger entry.
    Entry(EntryId),
    /// A token set that is to be revoked.
    Tombstone(TombstoneId),
    /// The token set that waits for the device of this record's user.
    Park(RecordId),
}

/// Where a walk goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cursor(u64);

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::str::FromStr for Cursor {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// A rotation's scope in hidden names.
#[derive(Clone, Copy, Debug)]
pub struct Scope {
    tenant: Option<Tag>,
    provider: Option<Tag>,
}

impl Scope {
    /// Whether everything is in it.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.tenant.is_none() && self.provider.is_none()
    }

    /// Whether a record is in it.
    #[must_use]
    pub fn has(&self, record: &Record) -> bool {
        self.has_tags(&record.tags)
    }

    /// Whether what has these tags is in it.
    #[must_use]
    pub fn has_tags(&self, tags: &Tags) -> bool {
        self.tenant.is_none_or(|tenant| tenant == tags.tenant)
            && self.provider.is_none_or(|provider| provider == tags.provider)
    }
}

impl Store {
    /// Hides the names of a scope.
    #[must_use]
    pub fn scope(&self, scope: &RotationScope) -> Scope {
        Scope {
            tenant: scope.tenant.as_ref().map(|tenant| self.tenant_tag(tenant)),
            provider: scope.provider.as_ref().map(|provider| self.provider_tag(provider)),
        }
    }

    /// The key versions under which something is sealed in this shard.
    pub async fn versions(&self, shard: u16) -> Result<Vec<KeyRef>, StoreError> {
        let doing = format!("list the key versions of shard {shard}");
        let found: Vec<String> =
            self.query(doing.as_str(), redis::cmd("SMEMBERS").arg(layout::versions(shard))).await?;
        let read = found.iter().map(|text| layout::read_version(text)).collect::<Option<Vec<_>>>();
        read.ok_or_else(|| StoreError::new(doing, RecordError::Malformed("versions").into()))
    }

    /// How many things are sealed under a key version in this shard, exactly, at this moment.
    pub async fn count_held(&self, shard: u16, key: &KeyRef) -> Result<u64, StoreError> {
        let doing = format!("count what shard {shard} holds under {key}");
        self.query(doing, redis::cmd("SCARD").arg(layout::held(shard, key))).await
    }

    /// Some of what is sealed under a key version, about `limit` of them, and where to go on. A record that
    /// stays there during a whole walk is met at least once; one that leaves or comes meanwhile may be.
    ///
    /// A cursor counts only in the Redis process that gave it: after a restart or failover a walk may miss records, so a
    /// walk that must miss none compares with [`Self::count_held`] when it is done.
    pub async fn walk_held(
        &self,
        shard: u16,
        key: &KeyRef,
        from: Cursor,
        limit: usize,
    ) -> Result<(Vec<Held>, Option<Cursor>), StoreError> {
        let doing = format!("walk what shard {shard} holds under {key}");
        let mut scan = redis::cmd("SSCAN");
        scan.arg(layout::held(shard, key)).arg(from.0).arg("COUNT").arg(limit);
        let (next, members): (u64, Vec<String>) = self.query(doing, &scan).await?;
        let held = members.iter().filter_map(|member| layout::read_member(shard, member)).collect();
        Ok((held, (next != 0).then_some(Cursor(next))))
    }
}
