//! One refresh of a connection at a time in this process: who comes meanwhile waits for the same end.
//!
//! A refresh is a task of its own. Whoever waits for it may go away; it goes on, since its answer must be saved.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use sealpost_schemas::{Answer, Code, FailureReport};
use secrecy::SecretString;
use tracing::Instrument;
use uuid::Uuid;

use super::Access;
use crate::failure::{Failure, Verdict};
use crate::metrics;
use crate::records::RecordId;

/// The refreshes that are under way.
#[derive(Clone, Default)]
pub(super) struct Flights(Arc<Mutex<HashMap<RecordId, Flight>>>);

/// One of them.
#[derive(Clone)]
pub(super) struct Flight(Shared<BoxFuture<'static, Arc<Landing>>>);

/// How it ended, for everybody; what happened is told by whoever asks first.
struct Landing {
    end: End,
    events: Mutex<Vec<Answer>>,
}

enum End {
    Granted(SecretString, Uuid, Option<Uuid>, bool),
    Refused(FailureReport),
    Failed(Verdict, Code, String, bool),
}

/// Takes the flight off the list when its task ends, however it ends.
struct Entry(Flights, RecordId);

impl Drop for Entry {
    fn drop(&mut self) {
        self.0.list().remove(&self.1);
    }
}

impl Flights {
    /// Waits with those who wait already, or starts one.
    pub(super) fn join<F>(&self, id: RecordId, start: impl FnOnce() -> F) -> Flight
    where
        F: Future<Output = Result<Access, Failure>> + Send + 'static,
    {
        let mut list = self.list();
        if let Some(flight) = list.get(&id) {
            metrics::refresh_coalesced();
            return flight.clone();
        }
        let (entry, refresh) = (Entry(self.clone(), id), start());
        let flying = async move {
            let _entry = entry;
            refresh.await
        };
        let task = tokio::spawn(flying.in_current_span());
        let landing = task.map(|ended| {
            // what a panic said may hold a secret
            let defect = |_| Err(Failure::retry(Code::StepPanicked, "a refresh failed in the worker's own code"));
            Arc::new(Landing::of(ended.unwrap_or_else(defect)))
        });
        let flight = Flight(landing.boxed().shared());
        list.insert(id, flight.clone());
        flight
    }

    fn list(&self) -> MutexGuard<'_, HashMap<RecordId, Flight>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Flight {
    /// Its end.
    pub(super) async fn landed(self) -> Result<Access, Failure> {
        let landing = self.0.await;
        let events = std::mem::take(&mut *landing.events.lock().unwrap_or_else(PoisonError::into_inner));
        match &landing.end {
            End::Granted(token, generation, consent, newer) => {
                let (token, generation, consent, newer) = (token.clone(), *generation, *consent, *newer);
                Ok(Access::Granted { token, generation, consent, newer, events })
            }
            End::Refused(report) => Ok(Access::Refused { report: report.clone(), events }),
            End::Failed(verdict, code, message, of_one) => {
                let failure = Failure { of_one: *of_one, ..Failure::new(*verdict, *code, message) };
                Err(failure.with_events(events))
            }
        }
    }
}

impl Landing {
    fn of(result: Result<Access, Failure>) -> Self {
        let (end, events) = match result {
            Ok(Access::Granted { token, generation, consent, newer, events }) => {
                (End::Granted(token, generation, consent, newer), events)
            }
            Ok(Access::Refused { report, events }) => (End::Refused(report), events),
            Err(Failure { verdict, code, message, events, of_one, .. }) => {
                (End::Failed(verdict, code, message, of_one), events)
            }
        };
        Self { end, events: Mutex::new(events) }
    }
}
