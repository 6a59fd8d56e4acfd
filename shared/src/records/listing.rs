//! Many records at once.

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
        let found = self.link().query_each::<fields::Values>(ids.iter().map(fields::get).collect()).await;
        let found = found.map_err(|trouble| StoreError::new(format!("load {} records", ids.len()), trouble))?;
        let read = |(id, values): (&RecordId, _)| Some((*id, fields::read(*id, values).transpose()?));
        Ok(ids.iter().zip(found).filter_map(read).collect())
    }
}
