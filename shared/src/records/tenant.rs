//! The index of a tenant's records in a shard. Every save and every re-seal puts a record into it, and its burial takes it out;
//! what an older version stored and nobody touched since is put there by [`Store::complete_tenant`].

use std::sync::LazyLock;

use super::error::StoreError;
use super::layout;
use super::link::Script;
use super::locate::{RecordId, Tag};
use super::store::Store;
use super::walk::Held;

static INDEX: LazyLock<Script> = LazyLock::new(|| Script::new("index", include_str!("scripts/index.lua")));

/// About how many are read at once.
const PAGE: usize = 256;

impl Store {
    /// Puts the records of a tenant into its index that lie in a shard from before there was one. A record that moves to another
    /// key version meanwhile goes there by itself. Returns how many there were.
    pub async fn complete_tenant(&self, shard: u16, tenant: &Tag) -> Result<u64, StoreError> {
        let (doing, mut new) = (format!("index the records of a tenant in shard {shard:03}"), 0);
        for version in self.versions(shard).await? {
            // all names at one time: a cursor does not outlive the Redis process that gave it
            let held = redis::cmd("SMEMBERS").arg(layout::held(shard, &version)).to_owned();
            let members: Vec<String> = self.query(doing.as_str(), &held).await?;
            let records = members.iter().filter_map(|member| match layout::read_member(shard, member)? {
                Held::Record(id) => Some(id),
                Held::Entry(_) | Held::Tombstone(_) | Held::Park(_) => None,
            });
            for ids in records.collect::<Vec<_>>().chunks(PAGE) {
                let mut args: Vec<Vec<u8>> = vec![layout::records_prefix(shard).into()];
                for stored in self.stored(ids).await? {
                    match stored.tenant {
                        Some(of) if of == *tenant => args.push(stored.id.key.to_string().into()),
                        Some(_) => {}
                        None => {
                            tracing::error!(record = %stored.id, "whose it is cannot be read: restore or delete it");
                        }
                    }
                }
                if args.len() > 1 {
                    let indexed = self.link().run::<u64>(&INDEX, &[layout::tenant(shard, tenant)], &args).await;
                    new += indexed.map_err(|trouble| StoreError::new(doing.as_str(), trouble))?;
                }
            }
        }
        Ok(new)
    }

    /// Some of the records of a tenant in a shard, by name: those after this one, so many at most. Fewer: no more follow.
    pub async fn records_of_tenant(
        &self,
        shard: u16,
        tenant: &Tag,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<RecordId>, StoreError> {
        let doing = format!("list the records of a tenant in shard {shard:03}");
        let names = self.names_after(&doing, &layout::tenant(shard, tenant), after, limit).await?;
        Ok(names.iter().filter_map(|name| layout::read_key(name)).map(|key| RecordId { shard, key }).collect())
    }

    /// The names in a sorted set without scores after this one, so many at most.
    pub(super) async fn names_after(
        &self,
        doing: &str,
        key: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, StoreError> {
        let from = after.map_or_else(|| "-".to_owned(), |after| format!("({after}"));
        let mut range = redis::cmd("ZRANGE");
        range.arg(key).arg(from).arg("+").arg("BYLEX").arg("LIMIT").arg(0).arg(limit);
        self.query(doing, &range).await
    }
}
