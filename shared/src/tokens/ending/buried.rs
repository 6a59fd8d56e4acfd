//! A record that goes, in favour of a tombstone.

use sealpost_schemas::{Code, Connection, RevokedAtProvider};

use super::{Ending, PATIENCE};
use crate::failure::Failure;
use crate::keys::KeyError;
use crate::metrics;
use crate::records::{Buried, Content, Custody, Record, RecordError, StoreError, Stored, Tombstone, Trouble};
use crate::tokens::TokenKeeper;
use crate::tokens::device::Waiting;
use crate::tokens::outcome::LOOKS;

/// What is in a record.
enum Inside {
    Tokens(Box<(Content, Tombstone)>),
    /// It does not open, and will not; whose it is, where that is known.
    Lost(Option<Connection>),
}

impl TokenKeeper {
    /// Buries what is stored, if it is older than the revocation; which connection it was of, where that can be told.
    pub(super) async fn bury<P>(&self, ending: &Ending<'_, P>, stored: &Stored) -> Result<Option<Connection>, Failure> {
        for _ in 0..LOOKS {
            let (revision, inside) = match self.store.load(&stored.id).await {
                Ok(None) => return Ok(None),
                Ok(Some(record)) => (Some(record.revision), self.inside(ending, &record).await?),
                Err(error) if is_damage(&error) => (None, Inside::Lost(None)),
                Err(error) => return Err(error.into()),
            };
            let tombstone = match &inside {
                Inside::Tokens(tokens) => Some(&tokens.1),
                Inside::Lost(_) => None,
            };
            let buried = self.store.bury((stored, revision), tombstone, ending.revocation, ending.now).await;
            let buried = match tombstone {
                Some(tombstone) => self.noticed(tombstone.key(), buried),
                None => buried,
            };
            match buried? {
                Buried::Done => {
                    return Ok(match inside {
                        Inside::Tokens(tokens) => Some(tokens.0.connection),
                        Inside::Lost(connection) => {
                            tracing::error!(record = %stored.id, "deleted, and not revoked: it does not open");
                            metrics::revoked(RevokedAtProvider::GaveUp);
                            connection
                        }
                    });
                }
                Buried::Newer => return Ok(None),
                // sealed anew meanwhile
                Buried::Moved => {}
            }
        }
        let message = format!("ending record {}: it moved under every attempt to bury it", stored.id);
        Err(Failure::defer(super::LATER, Code::Conflict, message))
    }

    async fn inside<P>(&self, ending: &Ending<'_, P>, record: &Record) -> Result<Inside, Failure> {
        let key = match self.keys.get(record.key()).await {
            Ok(key) => key,
            Err(KeyError::Missing { .. } | KeyError::Disabled { .. }) if ending.attempt > PATIENCE => {
                return Ok(Inside::Lost(None));
            }
            Err(error) => return Err(error.into()),
        };
        let content = match record.open(&key) {
            Ok(content) => content,
            Err(error) if error.code() == Code::Quarantined => return Ok(Inside::Lost(None)),
            Err(error) => return Err(error.into()),
        };
        let content = match record.metadata.custody {
            Custody::Vault => content,
            Custody::Device => match self.waiting(record, ending.attempt <= PATIENCE).await? {
                Waiting::Nothing => content,
                Waiting::Tokens(tokens) => Content { tokens: *tokens, ..content },
                Waiting::Lost => return Ok(Inside::Lost(Some(content.connection))),
            },
        };
        let newest = self.keys.newest_of(&content.connection.tenant).await;
        // a key source that went away must not keep what is to be deleted
        let (name, key) = newest.unwrap_or_else(|_| (record.key().clone(), key));
        let tombstone = self.store.tombstone(&content, record.metadata.generation, (&name, &key))?;
        let tombstone = tombstone.expiring(record.metadata.access_expires_at);
        Ok(Inside::Tokens(Box::new((content, tombstone))))
    }
}

/// Whether a record or a tombstone is damaged, and stays so. One of a newer version is not.
pub(super) fn is_damage(error: &StoreError) -> bool {
    matches!(error.trouble, Trouble::Unreadable(RecordError::Missing(_) | RecordError::Malformed(_)))
}
