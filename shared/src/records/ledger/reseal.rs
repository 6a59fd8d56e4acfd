//! The sealed result of an entry, read and replaced without looking at how the entry stands: for rotations.

use super::super::error::StoreError;
use super::super::layout;
use super::super::store::Store;
use super::scripts::SCRIPTS;
use super::{EntryId, SealedResult, entry};
use crate::seal::{self, Key, KeyRef, OpenError, Place, Purpose, SealError};

/// A result as it was read.
#[derive(Debug)]
pub struct StoredResult {
    id: EntryId,
    key: KeyRef,
    bytes: Vec<u8>,
}

/// Why a result could not be sealed anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResealError {
    /// It does not open.
    #[error(transparent)]
    Opening(#[from] OpenError),
    /// It was not sealed.
    #[error(transparent)]
    Sealing(#[from] SealError),
}

impl StoredResult {
    /// The key that opens it.
    #[must_use]
    pub fn key(&self) -> &KeyRef {
        &self.key
    }

    /// The same under another key.
    ///
    /// # Errors
    /// If it does not open.
    pub fn seal_anew(&self, old: &Key, name: &KeyRef, new: &Key) -> Result<Vec<u8>, ResealError> {
        let place = Place { purpose: Purpose::Ledger, record: self.id.key };
        let plain = seal::open(old, &self.key, &place, &self.bytes)?;
        Ok(seal::seal(new, name, &place, &plain)?)
    }
}

impl Store {
    /// Reads an entry's result; `None`: it has none, or there is no entry any more.
    pub async fn ledger_result(&self, id: &EntryId) -> Result<Option<StoredResult>, StoreError> {
        let mut read = redis::cmd("HMGET");
        read.arg(entry(id)).arg(&["key_id", "key_version", "sealed"]);
        let (key_id, version, bytes): (Option<String>, Option<String>, Option<Vec<u8>>) =
            self.query(format!("read ledger entry {id}"), &read).await?;
        let key = key_id.zip(version).and_then(|(id, version)| layout::read_version(&format!("{id}:{version}")));
        Ok(key.zip(bytes).map(|(key, bytes)| StoredResult { id: *id, key, bytes }))
    }

    /// Replaces a result by one of [`StoredResult::seal_anew`]; `false`: it is another one by now.
    pub async fn ledger_reseal(&self, old: &StoredResult, new: SealedResult<'_>) -> Result<bool, StoreError> {
        let id = &old.id;
        let keys = [entry(id), layout::versions(id.shard), layout::held(id.shard, new.key), layout::retired(id.shard)];
        let args: [Vec<u8>; 6] = [
            old.bytes.clone(),
            layout::entry_member(&id.key.to_string()).into(),
            layout::held_prefix(id.shard).into(),
            new.key.id.as_str().into(),
            new.key.version.as_str().into(),
            new.bytes.to_vec(),
        ];
        self.number(&SCRIPTS.reseal, &keys, &args, || format!("re-seal ledger entry {id}")).await.map(|done| done == 1)
    }
}
