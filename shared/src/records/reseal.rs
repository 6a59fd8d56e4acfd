//! Ciphertexts of records replaced by ones under another key, many in one round trip: for rotations.

use std::sync::LazyLock;

use super::error::StoreError;
use super::fields::RecordError;
use super::layout;
use super::link::Script;
use super::record::{Record, Revision, Sealed};
use super::store::{Saved, Store};
use crate::ids;
use crate::seal::KeyRef;

static RESEAL: LazyLock<Script> = LazyLock::new(|| Script::new("reseal", include_str!("scripts/reseal.lua")));

impl Store {
    /// Replaces ciphertexts by those of [`Record::seal_anew`] under `key`, and nothing else, where the record is unmoved. All
    /// lie in one shard. For each, in their order, how it ended.
    pub async fn reseal(&self, shard: u16, key: &KeyRef, all: &[(Record, Sealed)]) -> Result<Vec<Saved>, StoreError> {
        let doing = || format!("re-seal {} records of shard {shard:03} under {key}", all.len());
        let mut keys = vec![layout::versions(shard), layout::held(shard, key), layout::retired(shard)];
        let mut args: Vec<Vec<u8>> = vec![
            ids::fresh().to_string().into(),
            layout::held_prefix(shard).into(),
            key.id.as_str().into(),
            key.version.as_str().into(),
            layout::tenants_prefix(shard).into(),
        ];
        for (record, sealed) in all {
            let Revision(read) = record.revision;
            keys.push(layout::record(&record.id));
            args.extend([read.to_string().into(), next(read).to_string().into()]);
            args.extend([layout::member(&record.id).into(), record.id.key.to_string().into(), sealed.bytes.clone()]);
        }
        let reply = self.settled(&RESEAL, &keys, &args).await.map_err(|trouble| StoreError::new(doing(), trouble))?;
        let malformed = || StoreError::new(doing(), RecordError::Malformed("reply").into());
        let written: Vec<bool> = redis::from_redis_value(reply).map_err(|_| malformed())?;
        let saved = |(&written, (record, _)): (&bool, &(Record, Sealed))| {
            if written { Saved::Written(Revision(next(record.revision.0))) } else { Saved::Moved }
        };
        Ok(written.iter().zip(all).map(saved).collect())
    }
}

fn next(revision: u64) -> u64 {
    revision.saturating_add(1)
}
