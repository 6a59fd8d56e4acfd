//! Many records at once, for a person to look at.

use std::collections::HashMap;

use sealpost_schemas::Owner;

use super::error::StoreError;
use super::fields::{self, RecordError};
use super::layout;
use super::locate::RecordId;
use super::record::Record;
use super::store::Store;

impl Store {
    /// The records of an owner.
    pub async fn owned(&self, owner: &Owner) -> Result<Vec<RecordId>, StoreError> {
        let Owner { tenant, user } = owner;
        let (shard, tag) = (self.locator().shard(tenant, user), self.locator().owner(tenant, user));
        let doing = "list an owner's records";
        let names: Vec<String> = self.query(doing, redis::cmd("SMEMBERS").arg(layout::owner(shard, &tag))).await?;
        let read = |name: &String| layout::read_key(name).map(|key| RecordId { shard, key });
        let ids = names.iter().map(read).collect::<Option<_>>();
        ids.ok_or_else(|| StoreError::new(doing, RecordError::Malformed("owner").into()))
    }

    /// Reads records in one round trip. Those that are gone are left out; one that cannot be read does not hide the others.
    pub async fn load_each(
        &self,
        ids: &[RecordId],
    ) -> Result<Vec<(RecordId, Result<Record, RecordError>)>, StoreError> {
        let asked: Vec<_> = ids.iter().map(|id| redis::cmd("HGETALL").arg(layout::record(id)).to_owned()).collect();
        let hashes = self.link().query_each::<HashMap<String, Vec<u8>>>(&asked).await;
        let hashes = hashes.map_err(|trouble| StoreError::new(format!("load {} records", ids.len()), trouble))?;
        let there = ids.iter().zip(hashes).filter(|(_, hash)| !hash.is_empty());
        Ok(there.map(|(id, hash)| (*id, fields::read(*id, hash))).collect())
    }
}
