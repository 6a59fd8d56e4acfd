//! What a consent brought, stored.

use std::time::Duration;

use jiff::Timestamp;
use sealpost_schemas::{Code, Connection};
use uuid::Uuid;

use super::TokenKeeper;
use crate::failure::Failure;
use crate::ids;
use crate::oauth::TokenAnswer;
use crate::records::{Content, Custody, Expected, Metadata, Record, Saved, Standing, TokenSet};

/// How often a save looks again when the record moved under it.
const SAVES: usize = 4;

/// How long a message waits when a record moved under every save.
const PAUSE: Duration = Duration::from_secs(1);

/// A connection that tokens can be stored for: its key is there and Redis takes writes.
pub struct Prepared {
    connection: Connection,
    current: Option<Record>,
}

impl Prepared {
    /// What is stored, if this very request stored it: it was delivered again, and its code is spent.
    #[must_use]
    pub fn stored_by(&self, request: Uuid) -> Option<&Metadata> {
        let metadata = &self.current.as_ref()?.metadata;
        (metadata.request == Some(request)).then_some(metadata)
    }
}

impl TokenKeeper {
    /// Makes sure that tokens could be stored, before a code is spent on them.
    pub async fn prepare(&self, connection: &Connection) -> Result<Prepared, Failure> {
        self.newest().await?;
        let id = self.store.locate(connection);
        let current = self.store.load(&id).await?;
        self.store.writable(&id).await?;
        Ok(Prepared { connection: connection.clone(), current })
    }

    /// Seals and saves what the consent of this request brought. The newest consent wins over whatever is stored.
    pub async fn store_consent(
        &self,
        prepared: &Prepared,
        request: Uuid,
        tokens: &TokenAnswer,
        scopes: &[String],
        now: Timestamp,
    ) -> Result<(), Failure> {
        let content = Content {
            connection: prepared.connection.clone(),
            subject: None,
            tokens: TokenSet {
                access_token: Some(tokens.access_token.clone()),
                refresh_token: tokens.refresh_token.clone(),
                token_type: tokens.token_type.clone(),
            },
        };
        let metadata = Metadata {
            generation: ids::fresh(),
            standing: Standing::active(now),
            custody: Custody::Vault,
            access_expires_at: tokens.expires_at,
            next_due: tokens.expires_at,
            scopes: scopes.to_vec(),
            created_at: prepared.current.as_ref().map_or(now, |record| record.metadata.created_at),
            refreshed_at: now,
            request: Some(request),
            marker: None,
            superseded: Vec::new(),
        };
        let mut revision = prepared.current.as_ref().map(|record| record.revision);
        for _ in 0..SAVES {
            let (name, key) = self.newest().await?;
            let draft = self.store.draft(&content, metadata.clone(), &name, &key)?;
            let expected = revision.map_or(Expected::Absent, Expected::Revision);
            if let Saved::Written(_) = self.store.save(&draft, expected).await? {
                return Ok(());
            }
            revision = self.store.load(&draft.id()).await?.map(|record| record.revision);
        }
        let id = self.store.locate(&prepared.connection);
        Err(Failure::defer(PAUSE, Code::Conflict, format!("saving record {id}: it moved under every attempt")))
    }
}
