//! The token keeper: records, keys and what a provider gave, brought together. Steps know connections; only the keeper
//! knows how they are stored, sealed and refreshed.

mod access;
mod consent;
mod device;
mod ending;
mod flights;
mod import;
mod outcome;
mod quarantine;
mod refresh;
mod subject;
mod superseded;
mod sweep;
mod told;
mod turn;
mod usage;

use std::sync::Arc;
use std::time::Duration;

use sealpost_schemas::Code;
use tokio::sync::Semaphore;

pub use access::{Access, Usable};
pub use consent::{Consented, OnDevice, Prepared};
pub use device::{Handed, HandedOver, JobTokens, Over, Owed, PickUp};
pub use ending::{Ended, Ending, Providers};
pub use import::Brought;
pub use outcome::meaning;
pub use refresh::unspent;
pub use sweep::{Page, Position, Sweep};
pub use turn::ConsentTurn;
pub use usage::{Sealed, VersionUse, sealed, usage};

use self::flights::Flights;
use crate::clock::Clock;
use crate::failure::Failure;
use crate::keys::SealingKeys;
use crate::oauth::{Credential, IdTokens, OAuthProvider};
use crate::pace::Paces;
use crate::records::{Store, StoreError};
use crate::seal::KeyRef;
use crate::secrets::Secrets;

/// Keeps the tokens of connections.
pub struct TokenKeeper {
    store: Store,
    keys: SealingKeys,
    calls: TokenCalls,
    flights: Flights,
    id_tokens: IdTokens,
    /// The right to seal a batch of records anew.
    batches: Semaphore,
    /// How long tokens wait for their user's device.
    parked_for: Duration,
}

/// How long tokens wait for their user's device, where nothing else is configured.
pub const PARKED_FOR: Duration = Duration::from_hours(7 * 24);

/// What token calls are made with.
pub struct TokenCalls {
    /// The passes to providers.
    pub paces: Paces,
    /// How long one call may take, answer included.
    pub limit: Duration,
    /// What leases and expiries are measured with.
    pub clock: Arc<dyn Clock>,
    /// What reads the secrets that our client proves itself with.
    pub secrets: Secrets,
}

impl TokenKeeper {
    /// Keeps tokens in `store`, sealed with the newest version of their tenant's key.
    #[must_use]
    pub fn new(store: Store, keys: SealingKeys, calls: TokenCalls) -> Self {
        let id_tokens = IdTokens::new(calls.paces.http().clone(), calls.clock.clone());
        let batches = Semaphore::new(sweep::BATCHES);
        Self { store, keys, calls, flights: Flights::default(), id_tokens, batches, parked_for: PARKED_FOR }
    }

    /// The same, with tokens waiting this long for their user's device.
    #[must_use]
    pub fn parking_for(self, parked_for: Duration) -> Self {
        Self { parked_for, ..self }
    }

    /// What ID tokens are checked with, those of exchanges and those of refreshes.
    #[must_use]
    pub fn id_tokens(&self) -> &IdTokens {
        &self.id_tokens
    }

    /// What our client proves itself with at a provider, as it is now.
    ///
    /// # Errors
    /// As [`OAuthProvider::credential`].
    pub async fn credential(&self, provider: &OAuthProvider) -> Result<Credential, Failure> {
        provider.credential(&self.calls.secrets, self.calls.clock.now()).await
    }

    /// How long a token call may take, answer included.
    #[must_use]
    pub fn limit(&self) -> Duration {
        self.calls.limit
    }

    /// The store, for what is not about one connection.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// How a write of something that is sealed with `key` ended: a version that is retired is not the newest.
    fn noticed<T>(&self, key: &KeyRef, written: Result<T, StoreError>) -> Result<T, StoreError> {
        written.inspect_err(|error| {
            if error.code() == Code::KeyRetired {
                self.keys.outdated(key);
            }
        })
    }
}
