//! Sealing one thing anew under the newest key version.

use sealpost_schemas::{Code, RotationCounts};

use super::{TokenKeeper, Walk, resealed};
use crate::failure::Failure;
use crate::keys::KeySource;
use crate::records::{EntryId, RecordId, Saved, SealedResult, State};

/// How often one record is looked at again when it moved while it was sealed.
const LOOKS: usize = 4;

impl TokenKeeper {
    /// Seals one record anew. It takes no lease: its condition is the unmoved revision, and a loser looks again.
    pub(super) async fn reseal<P>(&self, walk: &Walk<'_, P>, id: &RecordId) -> Result<RotationCounts, Failure> {
        for _ in 0..LOOKS {
            let Some(record) = self.store.load(id).await? else { return Ok(resealed(false)) };
            if *record.key() == walk.newest || !walk.scope.has(&record) {
                return Ok(resealed(false));
            }
            if record.metadata.standing.state == State::Quarantined {
                return Err(Failure::reject(Code::Quarantined, format!("record {id} is in quarantine")));
            }
            let old = self.keys.get(record.key()).await?;
            let sealed = match record.seal_anew(&old, &walk.newest, &walk.key) {
                Ok(sealed) => sealed,
                Err(error) if error.code() == Code::Quarantined => {
                    return Err(self.quarantine(&record, None, &error, walk.sweep.now).await);
                }
                Err(error) => return Err(error.into()),
            };
            if let Saved::Written(_) = self.store.reseal(&record, &sealed).await? {
                return Ok(resealed(true));
            }
        }
        Err(Failure::retry(Code::Conflict, format!("record {id} moved under every attempt to seal it anew")))
    }

    /// Seals one ledger result anew.
    pub(super) async fn reseal_result<P>(&self, walk: &Walk<'_, P>, id: &EntryId) -> Result<RotationCounts, Failure> {
        for _ in 0..LOOKS {
            let Some(result) = self.store.ledger_result(id).await? else { return Ok(resealed(false)) };
            if *result.key() == walk.newest {
                return Ok(resealed(false));
            }
            let old = self.keys.get(result.key()).await?;
            let bytes = result.seal_anew(&old, &walk.newest, &walk.key).map_err(|error| {
                Failure::reject(Code::Quarantined, format!("the result of ledger entry {id}: {error}; restore it"))
            })?;
            if self.store.ledger_reseal(&result, SealedResult { key: &walk.newest, bytes: &bytes }).await? {
                return Ok(resealed(true));
            }
        }
        Err(Failure::retry(Code::Conflict, format!("ledger entry {id} moved under every attempt to seal it anew")))
    }
}
