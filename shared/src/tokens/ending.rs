//! The end of a connection: its record goes, its tokens go into a tombstone, and from there to the provider to be revoked.
//!
//! Who ends a connection has its lease, as who refreshes it, so that the newest token is what is revoked; tokens that come all
//! the same, late, are buried by who has them ([`late`]). A tombstone holds its tokens until the provider answered, and is
//! looked at again until then: by the revocation that made it, and by a sweep of all that are left. The rules, each with what
//! breaks without it, are checked by the model in `tests/models/revoke.rs`.

mod buried;
mod late;
mod renewed;
mod revoking;
mod settle;
mod swept;

use std::time::Duration;

use jiff::Timestamp;
use sealpost_schemas::{Code, Connection, ProviderId, RevokedAtProvider};

use super::TokenKeeper;
use super::turn::Turn;
use crate::failure::Failure;
use crate::oauth::OAuthProvider;
use crate::records::{Revocation, Stored};

use self::settle::Settled;

/// How long a message waits for who has the lease.
const LATER: Duration = Duration::from_secs(5);

/// How often a provider may say no, or a key not be there, before a token is deleted that was not revoked.
pub(super) const PATIENCE: u32 = 6;

/// The catalogue's entries, by their names.
pub trait Providers: Fn(&ProviderId) -> Option<OAuthProvider> + Sync {}

impl<P: Fn(&ProviderId) -> Option<OAuthProvider> + Sync> Providers for P {}

/// What connections are ended with.
pub struct Ending<'a, P> {
    /// By what.
    pub revocation: &'a Revocation,
    /// The catalogue's entries.
    pub provider: P,
    /// The time of now.
    pub now: Timestamp,
    /// Which attempt this is: after a few, a key that is not there is not waited for any more.
    pub attempt: u32,
}

/// How far the end of a connection is.
pub enum Ended {
    /// There was nothing that this revocation is about.
    Nothing,
    /// No token of it is held here in any form.
    Done {
        /// Which one, where that was met; not where it was done before.
        connection: Option<Connection>,
        /// What became of its tokens at the provider.
        word: RevokedAtProvider,
    },
    /// Not there yet.
    NotYet {
        /// Which one, where that is known.
        connection: Option<Connection>,
        /// Why, and when to come again.
        failure: Failure,
        /// Whether its record is gone, so that only its tombstones wait.
        buried: bool,
    },
}

impl TokenKeeper {
    /// Ends a connection, if it is of a consent from before the revocation began. Safe to be done again at any point.
    ///
    /// # Errors
    /// If Redis or the key source give no answer.
    pub async fn end(&self, ending: &Ending<'_, impl Providers>, stored: &Stored) -> Result<Ended, Failure> {
        let Some(mut turn) = self.try_turn(&stored.id, self.ending_time()).await? else {
            // whoever has the turn may be about to take away what is buried
            self.store.follow_tombstones(&stored.id, ending.revocation).await?;
            let message = format!("ending record {}: another worker is at its tokens", stored.id);
            let failure = Failure::defer(LATER, Code::UnderWay, message);
            return Ok(Ended::NotYet { connection: None, failure, buried: false });
        };
        let ended = self.end_in_turn(ending, stored, &mut turn).await;
        self.end_turn(turn).await;
        ended
    }

    /// How long a turn lasts in which tokens are revoked: two calls, and what is before, between and after them.
    fn ending_time(&self) -> Duration {
        self.calls.limit * 5 / 2 + Duration::from_secs(1)
    }

    async fn end_in_turn(
        &self,
        ending: &Ending<'_, impl Providers>,
        stored: &Stored,
        turn: &mut Turn,
    ) -> Result<Ended, Failure> {
        let mut connection = match self.bury(ending, stored).await {
            Ok(connection) => connection,
            Err(failure) => return Ok(Ended::NotYet { connection: None, failure, buried: false }),
        };
        for id in self.store.tombstones_of(&stored.id).await? {
            match self.settle(&id, &ending.provider, Some(ending.revocation), turn).await? {
                Settled::Gone => {}
                Settled::Cleared(of) => connection = connection.or(of),
                Settled::NotYet(of, failure) => {
                    return Ok(Ended::NotYet { connection: connection.or(of), failure, buried: true });
                }
            }
        }
        let word = self.store.receipt(ending.revocation, &stored.id).await?;
        Ok(word.map_or(Ended::Nothing, |word| Ended::Done { connection, word }))
    }
}
