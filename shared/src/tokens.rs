//! The token keeper: records, keys and what a provider gave, brought together. Steps know connections; only the keeper
//! knows how they are stored and sealed.

mod rewrap;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use sealpost_schemas::events::ConnectionQuarantined;
use sealpost_schemas::{Answer, Code, Connection, FailureReport};
use secrecy::SecretString;
use uuid::Uuid;

pub use rewrap::{Page, Rewrap};

use crate::failure::Failure;
use crate::ids;
use crate::keys::{KeySource, Keys};
use crate::oauth::TokenAnswer;
use crate::records::{
    Content, ContentError, Custody, Expected, Metadata, Record, RecordId, Saved, Standing, State, Store, TokenSet,
};
use crate::seal::{KeyId, KeyRef};

/// An access token that expires sooner than this counts as expired: clocks differ, and a request takes its time.
const SKEW: SignedDuration = SignedDuration::from_secs(30);

/// How often a save looks again when the record moved under it.
const SAVES: usize = 4;

/// How long a message waits when a record moved under every save.
const BUSY_PAUSE: Duration = Duration::from_secs(1);

/// Keeps the tokens of connections.
pub struct TokenKeeper {
    store: Store,
    keys: Keys,
    key: KeyId,
}

/// A connection that tokens can be stored for: its key is there and Redis answers.
pub struct Prepared {
    connection: Connection,
    current: Option<Record>,
}

/// Whether a connection can be used now.
pub enum Access {
    /// With this access token.
    Granted(SecretString),
    /// It cannot, and no other attempt will.
    Refused(FailureReport),
}

impl TokenKeeper {
    /// Keeps tokens in `store`, sealed with the newest version of `key`.
    #[must_use]
    pub fn new(store: Store, keys: Keys, key: KeyId) -> Self {
        Self { store, keys, key }
    }

    /// The store, for the walk over its shards.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Makes sure that tokens could be stored, before a code is spent on them.
    pub async fn prepare(&self, connection: &Connection) -> Result<Prepared, Failure> {
        self.keys.latest(&self.key).await?;
        let current = self.store.load(&self.store.locate(connection)).await?;
        Ok(Prepared { connection: connection.clone(), current })
    }

    /// Seals and saves what a consent brought; the newest consent wins.
    pub async fn store_consent(
        &self,
        prepared: Prepared,
        request: Uuid,
        tokens: TokenAnswer,
        scopes: &[String],
        now: Timestamp,
    ) -> Result<(), Failure> {
        let Prepared { connection, mut current } = prepared;
        let id = self.store.locate(&connection);
        let tokens = TokenSet {
            access_token: Some(tokens.access_token),
            refresh_token: tokens.refresh_token,
            token_type: Some("Bearer".into()),
        };
        let (content, expires_at) = (Content { connection, subject: None, tokens }, tokens_expire(now, scopes));
        let _ = expires_at;
        for _ in 0..SAVES {
            let metadata = Metadata {
                generation: ids::fresh(),
                standing: Standing::active(now),
                custody: Custody::Vault,
                access_expires_at: None,
                next_due: None,
                scopes: scopes.to_vec(),
                created_at: current.as_ref().map_or(now, |record| record.metadata.created_at),
                refreshed_at: now,
                request: Some(request),
                marker: None,
                superseded: Vec::new(),
            };
            let (version, key) = self.keys.latest(&self.key).await?;
            let name = KeyRef { id: self.key.clone(), version };
            let draft = self.store.draft(&content, metadata, &name, &key).map_err(unsealable)?;
            let expected = current.as_ref().map_or(Expected::Absent, |record| Expected::Revision(record.revision));
            if let Saved::Written(_) = self.store.save(&draft, expected).await? {
                return Ok(());
            }
            current = self.store.load(&id).await?;
        }
        Err(Failure::defer(BUSY_PAUSE, Code::Conflict, format!("saving record {id}: it moved under every attempt")))
    }
}
