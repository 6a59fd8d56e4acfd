//! A tombstone, until the provider answered for its tokens.

use crate::tokens::Providers;
use std::time::Duration;

use jiff::SignedDuration;
use sealpost_schemas::{Code, Connection, RevokedAtProvider};

use super::PATIENCE;
use super::buried::is_damage;
use super::revoking::Revoking;
use crate::failure::Failure;
use crate::keys::KeyError;
use crate::metrics;
use crate::records::{Content, Revocation, Tombstone, TombstoneId};
use crate::tokens::TokenKeeper;
use crate::tokens::turn::Turn;

/// Between two looks of the sweep at a tombstone: this much, doubled with every look.
const AGAIN: Duration = Duration::from_mins(1);

/// How often the time between two looks is doubled at most.
const DOUBLED: u32 = 6;

/// What became of a tombstone.
pub(super) enum Settled {
    /// Somebody was faster.
    Gone,
    /// It is no more, and was of this connection.
    Cleared(Option<Connection>),
    /// It stays, and is of this connection.
    NotYet(Option<Connection>, Failure),
}

/// Why a token may still be good, and whether that counts against the patience with it.
pub(super) struct NotYet {
    pub(super) failure: Failure,
    pub(super) refused: bool,
}

impl NotYet {
    pub(super) fn later(failure: Failure) -> Self {
        Self { failure, refused: false }
    }
}

impl TokenKeeper {
    /// Has a tombstone's tokens revoked, and takes it away. Nothing is sent that may outlast the turn.
    ///
    /// # Errors
    /// If Redis does not answer, or a newer version wrote the tombstone.
    pub(super) async fn settle<P>(
        &self,
        id: &TombstoneId,
        provider: &P,
        by: Option<&Revocation>,
        turn: &mut Turn,
    ) -> Result<Settled, Failure>
    where
        P: Providers,
    {
        let tombstone = match self.store.load_tombstone(id).await {
            Ok(Some(tombstone)) => tombstone,
            Ok(None) => return Ok(Settled::Gone),
            Err(error) if is_damage(&error) => {
                tracing::error!(record = %id.record, %error, "deleted, and not revoked: a tombstone is damaged");
                self.clear(id, (None, RevokedAtProvider::GaveUp), by).await?;
                return Ok(Settled::Cleared(None));
            }
            Err(error) => return Err(error.into()),
        };
        let looks = tombstone.looks;
        let (connection, said) = match self.opened(&tombstone).await {
            Ok(Some(content)) => {
                let connection = content.connection.clone();
                let mut revoking = Revoking { tombstone, content, turn, called: false };
                (Some(connection), self.revoke_all(&mut revoking, provider).await)
            }
            Ok(None) => (None, Ok(RevokedAtProvider::GaveUp)),
            Err(not_yet) => (None, Err(not_yet)),
        };
        match said {
            Ok(word) => {
                self.clear(id, (connection.as_ref(), word), by).await?;
                Ok(Settled::Cleared(connection))
            }
            Err(NotYet { failure, refused }) => {
                self.put_off(id, looks, refused).await?;
                if let Some(by) = by {
                    self.store.follow_tombstones(&id.record, by).await?;
                }
                metrics::revoked(RevokedAtProvider::Pending);
                Ok(Settled::NotYet(connection, failure))
            }
        }
    }

    async fn clear(
        &self,
        id: &TombstoneId,
        (connection, word): (Option<&Connection>, RevokedAtProvider),
        by: Option<&Revocation>,
    ) -> Result<(), Failure> {
        if self.store.clear_tombstone(id, word.as_str(), by).await? {
            metrics::revoked(word);
            let name = connection.map(|of| of.provider.as_str());
            tracing::info!(record = %id.record, provider = name, outcome = word.as_str(), "ended");
        }
        Ok(())
    }

    /// Leaves a tombstone alone for a while, the longer the more often it was looked at.
    pub(super) async fn put_off(&self, id: &TombstoneId, looks: u32, refused: bool) -> Result<(), Failure> {
        let wait = AGAIN * 2_u32.pow(looks.min(DOUBLED));
        let until = self.calls.clock.now() + SignedDuration::try_from(wait).unwrap_or_default();
        Ok(self.store.put_tombstone_off(id, until, refused).await?)
    }

    /// What is in it; `None`: that will never be known.
    async fn opened(&self, tombstone: &Tombstone) -> Result<Option<Content>, NotYet> {
        let key = match self.keys.get(tombstone.key()).await {
            Ok(key) => key,
            Err(error) => {
                let refused = matches!(error, KeyError::Missing { .. } | KeyError::Disabled { .. });
                if refused && tombstone.tries >= PATIENCE {
                    return Ok(None);
                }
                return Err(NotYet { failure: error.into(), refused });
            }
        };
        match tombstone.open(&key) {
            Ok(content) => Ok(Some(content)),
            Err(error) if error.code() == Code::Quarantined => Ok(None),
            Err(error) => Err(NotYet::later(error.into())),
        }
    }
}
