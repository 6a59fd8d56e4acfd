//! Whose turn it is to refresh a connection: the lease, as its holder sees it.

use std::time::Duration;

use sealpost_schemas::{Code, Connection};
use tokio::time::sleep;

use super::TokenKeeper;
use super::access::{Access, Found, Wanted};
use crate::failure::Failure;
use crate::records::{Lease, RecordId};

/// How long one waits for what another refresh brings before the message is put off.
const PATIENCE: Duration = Duration::from_secs(3);

/// Between two looks at what it brought.
const PAUSE: Duration = Duration::from_millis(100);

/// How long a message is put off.
const LATER: Duration = Duration::from_secs(1);

/// A lease, and when it is over by one's own clock.
pub(super) struct Turn {
    lease: Lease,
    ends: Duration,
    /// A request of unknown outcome may still be on its way: nobody shall send another one before it must be over.
    runs_out: bool,
}

impl Turn {
    /// The lease is not to be given back.
    pub(super) fn run_out(&mut self) {
        self.runs_out = true;
    }
}

/// The turn of who asks for tokens of a new consent: nobody refreshes or revokes the connection meanwhile.
pub struct ConsentTurn(Turn);

impl ConsentTurn {
    /// What was sent may have arrived, so that the turn is not given back before that must be over.
    pub fn run_out(&mut self) {
        self.0.run_out();
    }

    pub(super) fn as_mut(&mut self) -> &mut Turn {
        &mut self.0
    }
}

impl TokenKeeper {
    /// Takes the turn for the call that a consent is exchanged in; `None`: somebody else has it.
    ///
    /// # Errors
    /// If Redis does not answer.
    pub async fn consent_turn(&self, connection: &Connection) -> Result<Option<ConsentTurn>, Failure> {
        let turn = self.try_turn(&self.store.locate(connection), self.lease_time()).await?;
        Ok(turn.map(ConsentTurn))
    }

    /// Whether the call can end before the turn does. Asked right before the call.
    #[must_use]
    pub fn in_turn(&self, turn: &ConsentTurn) -> bool {
        self.left(&turn.0) > self.calls.limit
    }

    /// Gives it back.
    pub async fn end_consent_turn(&self, turn: ConsentTurn) {
        self.end_turn(turn.0).await;
    }

    /// How long a lease lasts: the call and half as much again, and a second for what is before and after it.
    fn lease_time(&self) -> Duration {
        self.calls.limit * 3 / 2 + Duration::from_secs(1)
    }

    /// Waits for the turn; who had it may have brought what is wanted.
    pub(super) async fn turn(&self, wanted: &Wanted) -> Result<Result<Turn, Access>, Failure> {
        let id = self.store.locate(&wanted.connection);
        let began = self.calls.clock.since_boot();
        loop {
            // from before it is asked for: Redis counts from later on, so that it is not over there before it is here
            let asked = self.calls.clock.since_boot();
            if let Some(lease) = self.store.take_lease(&id, self.lease_time()).await? {
                return Ok(Ok(Turn { lease, ends: asked + self.lease_time(), runs_out: false }));
            }
            sleep(PAUSE).await;
            if let Found::Settled(access) = self.look(wanted).await? {
                return Ok(Err(access));
            }
            if self.calls.clock.since_boot().saturating_sub(began) > PATIENCE {
                return Err(put_off(&id, "another worker refreshes it"));
            }
        }
    }

    /// Takes the turn for so long, if nobody has it.
    pub(super) async fn try_turn(&self, id: &RecordId, lasts: Duration) -> Result<Option<Turn>, Failure> {
        let asked = self.calls.clock.since_boot();
        let lease = self.store.take_lease(id, lasts).await?;
        Ok(lease.map(|lease| Turn { lease, ends: asked + lasts, runs_out: false }))
    }

    /// How long it is since then, by the clock that leases are measured with.
    pub(super) fn took(&self, began: Duration) -> Duration {
        self.calls.clock.since_boot().saturating_sub(began)
    }

    /// How long the lease still lasts.
    pub(super) fn left(&self, turn: &Turn) -> Duration {
        turn.ends.saturating_sub(self.calls.clock.since_boot())
    }

    /// Gives the lease back, unless it is to run out.
    pub(super) async fn end_turn(&self, turn: Turn) {
        if !turn.runs_out
            && let Err(error) = self.store.release_lease(turn.lease).await
        {
            tracing::warn!(%error, "a lease was not given back; it runs out by itself");
        }
    }
}

/// The failure of one who must come again.
pub(super) fn put_off(id: &RecordId, why: &str) -> Failure {
    Failure::defer(LATER, Code::RefreshUnderWay, format!("refreshing record {id}: {why}"))
}
