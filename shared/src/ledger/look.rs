//! What the ledger knows of a message, for a person: nothing is begun by looking.

use sealpost_schemas::Owner;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::{Ledger, Standing};
use crate::clock::Clock;
use crate::failure::Failure;
use crate::records::{Entry, Settled};

/// An entry, and its result.
pub struct Looked<R> {
    /// What Redis says in clear.
    pub entry: Entry,
    /// How it stands, with its result opened, or why that does not open.
    pub standing: Result<Standing<R>, Failure>,
}

impl<C: Clock> Ledger<C> {
    /// Looks at the entry of this owner's message; `None` if there is none.
    ///
    /// # Errors
    /// If Redis does not answer.
    pub async fn look<R: DeserializeOwned>(&self, owner: &Owner, id: Uuid) -> Result<Option<Looked<R>>, Failure> {
        let at = self.store.entry(self.kind, owner, id);
        let Some(mut entry) = self.store.ledger_entry(&at).await? else { return Ok(None) };
        let settled = std::mem::replace(&mut entry.settled, Settled::Open);
        let standing = self.standing(&at, settled).await;
        Ok(Some(Looked { entry, standing }))
    }
}
