//! The token keeper: records, keys and what a provider gave, brought together. Steps know connections; only the keeper
//! knows how they are stored, sealed and refreshed.

mod access;
mod consent;
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

use tokio::sync::Semaphore;

pub use access::{Access, Usable};
pub use consent::{Consented, Prepared};
pub use ending::{Ended, Ending};
pub use import::Brought;
pub use outcome::meaning;
pub use refresh::unspent;
pub use sweep::{Page, Position, Sweep};
pub use turn::ConsentTurn;
pub use usage::{Sealed, VersionUse, sealed, usage};

use self::flights::Flights;
use crate::clock::Clock;
use crate::keys::SealingKeys;
use crate::oauth::IdTokens;
use crate::records::Store;

/// Keeps the tokens of connections.
pub struct TokenKeeper {
    store: Store,
    keys: SealingKeys,
    calls: TokenCalls,
    flights: Flights,
    id_tokens: IdTokens,
    /// The right to seal a batch of records anew.
    batches: Semaphore,
}

/// What token calls are made with.
pub struct TokenCalls {
    /// The HTTP client.
    pub http: reqwest::Client,
    /// How long one call may take, answer included.
    pub limit: Duration,
    /// What leases and expiries are measured with.
    pub clock: Arc<dyn Clock>,
}

impl TokenKeeper {
    /// Keeps tokens in `store`, sealed with the newest version of their tenant's key.
    #[must_use]
    pub fn new(store: Store, keys: SealingKeys, calls: TokenCalls) -> Self {
        let id_tokens = IdTokens::new(calls.http.clone(), calls.clock.clone());
        let batches = Semaphore::new(sweep::BATCHES);
        Self { store, keys, calls, flights: Flights::default(), id_tokens, batches }
    }

    /// What ID tokens are checked with, those of exchanges and those of refreshes.
    #[must_use]
    pub fn id_tokens(&self) -> &IdTokens {
        &self.id_tokens
    }

    /// The store, for what is not about one connection.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }
}
