//! What was fetched from the vault, how long it is good, and one fetch at a time for each.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use tracing::Instrument;
use uuid::Uuid;

use crate::keys::{KeyError, Wanted};
use crate::metrics::{self, Lookup};
use crate::seal::{KeyId, KeyRef, KeyVersion};

/// How long a failed fetch keeps others from trying, while what is cached serves; and how long a refusal is taken for the
/// vault's word: a tenant's disabled key, met with each of its records, is asked for once.
const PAUSE: Duration = Duration::from_secs(2);

/// When something that nobody asked for anew is forgotten: no setting lets it be used for so long.
const FORGOTTEN: Duration = Duration::from_hours(14 * 24);

/// How many occasions are remembered: those that may be at work at the same time.
const OCCASIONS: usize = 16;

/// What is asked of the vault: a version of a secret, or its latest.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Asked {
    pub(super) id: KeyId,
    pub(super) version: Option<KeyVersion>,
}

impl Asked {
    pub(super) fn wanted(&self) -> Wanted {
        match &self.version {
            Some(version) => Wanted::Version(KeyRef { id: self.id.clone(), version: version.clone() }),
            None => Wanted::Latest(self.id.clone()),
        }
    }
}

/// A version, and what it is: a key, or a secret.
pub(super) type Found<T> = (KeyVersion, T);

/// How long something is good.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ages {
    /// While the vault answers.
    pub(super) fresh: Duration,
    /// So much longer while it does not.
    pub(super) outage: Duration,
}

/// Something that was fetched.
struct Held<T> {
    found: Found<T>,
    since: Instant,
    /// When a fetch failed that was to renew it.
    failed: Option<Instant>,
    /// Whether something says that it is not what it was.
    doubt: Doubt,
}

/// Why something is asked for again that is not old.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Doubt {
    None,
    /// There may be a newer one.
    Newer,
    /// It is known that there is a newer one.
    Outdated,
}

/// What is done for who asks.
enum Next<T> {
    /// This is good.
    Use(Found<T>),
    /// This is good, and is renewed meanwhile.
    UseAndRenew(Found<T>),
    /// The vault is asked first; if it gives no answer, this will do.
    Ask(Option<Found<T>>),
}

impl<T: Clone> Held<T> {
    fn next(&self, ages: Ages, now: Instant) -> Next<T> {
        let age = now.saturating_duration_since(self.since);
        let paused = self.failed.is_some_and(|failed| now.saturating_duration_since(failed) < PAUSE);
        let found = || self.found.clone();
        if self.doubt == Doubt::Outdated || age >= ages.fresh + ages.outage {
            Next::Ask(None)
        } else if self.doubt == Doubt::Newer {
            match (self.failed, paused) {
                (None, _) => Next::Ask(Some(found())),
                // nobody waits again for a vault that gave no answer
                (Some(_), true) => Next::Use(found()),
                (Some(_), false) => Next::UseAndRenew(found()),
            }
        } else if age < ages.fresh / 4 * 3 {
            Next::Use(found())
        } else if age < ages.fresh || self.failed.is_some() {
            if paused { Next::Use(found()) } else { Next::UseAndRenew(found()) }
        } else {
            Next::Ask(Some(found()))
        }
    }
}

type Flight<T> = Shared<BoxFuture<'static, Result<Found<T>, KeyError>>>;

/// What was fetched, and what is being fetched. Clones share it.
pub(super) struct Cache<T>(Arc<Mutex<State<T>>>);

struct State<T> {
    held: HashMap<Asked, Held<T>>,
    flights: HashMap<Asked, Flight<T>>,
    /// What the vault refused a moment ago.
    refused: HashMap<Asked, (KeyError, Instant)>,
    /// The occasions that something was looked up for lately.
    met: HashMap<Asked, Vec<Uuid>>,
    /// When something was last to be looked up anew because it was not taken somewhere.
    doubted: HashMap<Asked, Instant>,
    /// Since when the vault gives no answers, and what the last fetch met.
    trouble: Option<(Asked, KeyError, Instant)>,
}

/// Takes the flight off the list when its task ends, however it ends.
struct Entry<T: Clone + Send + Sync + 'static>(Cache<T>, Asked);

impl<T: Clone + Send + Sync + 'static> Drop for Entry<T> {
    fn drop(&mut self) {
        self.0.state().flights.remove(&self.1);
    }
}

impl<T> Clone for Cache<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Default for Cache<T> {
    fn default() -> Self {
        let (held, flights, refused, met, doubted) = Default::default();
        Self(Arc::new(Mutex::new(State { held, flights, refused, met, doubted, trouble: None })))
    }
}

impl<T: Clone + Send + Sync + 'static> Cache<T> {
    /// What is asked for: as it is cached, or as `fetch` brings it. Whoever asks while a fetch is under way waits for its end.
    pub(super) async fn obtain<F>(
        &self,
        asked: Asked,
        ages: Ages,
        fetch: impl FnOnce() -> F,
    ) -> Result<Found<T>, KeyError>
    where
        F: Future<Output = Result<Found<T>, KeyError>> + Send + 'static,
    {
        self.look((asked, false), ages, fetch).await
    }

    /// The same for an occasion: it is looked up anew once, and what is cached will not do if that fails.
    pub(super) async fn obtain_for<F>(
        &self,
        occasion: Uuid,
        asked: Asked,
        ages: Ages,
        fetch: impl FnOnce() -> F,
    ) -> Result<Found<T>, KeyError>
    where
        F: Future<Output = Result<Found<T>, KeyError>> + Send + 'static,
    {
        self.meets(&asked, occasion);
        self.look((asked, true), ages, fetch).await
    }

    async fn look<F>(
        &self,
        (asked, strictly): (Asked, bool),
        ages: Ages,
        fetch: impl FnOnce() -> F,
    ) -> Result<Found<T>, KeyError>
    where
        F: Future<Output = Result<Found<T>, KeyError>> + Send + 'static,
    {
        let (flight, spare) = {
            let mut state = self.state();
            if let Some((error, since)) = state.refused.get(&asked)
                && since.elapsed() < PAUSE
            {
                metrics::key_looked_up(Lookup::Failed);
                return Err(error.clone());
            }
            let held = state.held.get(&asked).filter(|held| !strictly || held.doubt == Doubt::None);
            let next = held.map_or(Next::Ask(None), |held| held.next(ages, Instant::now()));
            match next {
                Next::Use(found) => {
                    metrics::key_looked_up(Lookup::Cached);
                    return Ok(found);
                }
                Next::UseAndRenew(found) => {
                    metrics::key_looked_up(Lookup::Cached);
                    let _renewal = self.fly(&mut state, asked, fetch);
                    return Ok(found);
                }
                Next::Ask(spare) => (self.fly(&mut state, asked, fetch), spare),
            }
        };
        let (how, obtained) = match (flight.await, spare) {
            (Err(error), Some(found)) if error.is_outage() => (Lookup::Stale, Ok(found)),
            (Ok(found), _) => (Lookup::Fetched, Ok(found)),
            (Err(error), _) => (Lookup::Failed, Err(error)),
        };
        metrics::key_looked_up(how);
        obtained
    }

    /// Joins the fetch that is under way, or starts one. It is a task of its own: whoever waits for it may go away.
    fn fly<F>(&self, state: &mut State<T>, asked: Asked, fetch: impl FnOnce() -> F) -> Flight<T>
    where
        F: Future<Output = Result<Found<T>, KeyError>> + Send + 'static,
    {
        if let Some(flight) = state.flights.get(&asked) {
            return flight.clone();
        }
        let (entry, fetching, cache) = (Entry(self.clone(), asked.clone()), fetch(), self.clone());
        let wanted = asked.wanted();
        let flying = async move {
            let landed = fetching.await;
            cache.landed(&entry.1, &landed);
            drop(entry);
            landed
        };
        let task = tokio::spawn(flying.in_current_span());
        let defect =
            move |_| Err(KeyError::SourceUnavailable { wanted, reason: "a defect of Sealpost ended the fetch".into() });
        let flight = task.map(|ended| ended.unwrap_or_else(defect)).boxed().shared();
        state.flights.insert(asked, flight.clone());
        flight
    }

    fn landed(&self, asked: &Asked, landed: &Result<Found<T>, KeyError>) {
        let (mut state, now) = (self.state(), Instant::now());
        match landed {
            Ok(found) => {
                let held = || Held { found: found.clone(), since: now, failed: None, doubt: Doubt::None };
                let concrete = Asked { version: Some(found.0.clone()), ..asked.clone() };
                state.held.retain(|_, held| now.saturating_duration_since(held.since) < FORGOTTEN);
                state.held.insert(concrete, held());
                state.held.insert(asked.clone(), held());
                state.refused.remove(asked);
                state.trouble = None;
            }
            Err(error) if error.is_outage() => {
                if let Some(held) = state.held.get_mut(asked) {
                    held.failed = Some(now);
                }
                state.trouble = Some((asked.clone(), error.clone(), now));
            }
            // the vault answered: what it says counts at once
            Err(error) => {
                state.held.remove(asked);
                state.refused.retain(|_, (_, since)| since.elapsed() < PAUSE);
                state.refused.insert(asked.clone(), (error.clone(), now));
                state.trouble = None;
            }
        }
    }

    /// Forgets what the vault refused.
    pub(super) fn forget_refusal(&self, asked: &Asked) {
        self.state().refused.remove(asked);
    }

    /// Forgets that this version is the latest.
    pub(super) fn outdated(&self, key: &KeyRef) {
        let latest = Asked { id: key.id.clone(), version: None };
        if let Some(held) = self.state().held.get_mut(&latest).filter(|held| held.found.0 == key.version) {
            held.doubt = Doubt::Outdated;
        }
    }

    /// Notes that there may be a newer version than this one, unless that was noted within `pause`.
    pub(super) fn doubted(&self, latest: &Asked, version: &KeyVersion, pause: Duration) {
        let (mut state, now) = (self.state(), Instant::now());
        if state.doubted.get(latest).is_some_and(|before| now.saturating_duration_since(*before) < pause) {
            return;
        }
        if let Some(held) = state.held.get_mut(latest).filter(|held| held.found.0 == *version) {
            held.doubt = held.doubt.max(Doubt::Newer);
            state.doubted.insert(latest.clone(), now);
        }
    }

    /// Notes that this is to be looked up anew, unless that was done for the same occasion.
    fn meets(&self, asked: &Asked, occasion: Uuid) {
        let mut state = self.state();
        let met = state.met.entry(asked.clone()).or_default();
        if met.contains(&occasion) {
            return;
        }
        if met.len() == OCCASIONS {
            met.remove(0);
        }
        met.push(occasion);
        if let Some(held) = state.held.get_mut(asked) {
            held.doubt = held.doubt.max(Doubt::Newer);
        }
    }

    /// What the last fetch met, if the vault gave no answer, and what is to be asked to see whether it is over; that is
    /// `None` where somebody did so a moment ago.
    pub(super) fn trouble(&self) -> Option<(KeyError, Option<Asked>)> {
        let state = self.state();
        let (asked, error, since) = state.trouble.as_ref()?;
        let again = since.elapsed() >= PAUSE && !state.flights.contains_key(asked);
        Some((error.clone(), again.then(|| asked.clone())))
    }

    /// Asks the vault for this whatever is cached, and waits for nothing.
    pub(super) fn renew<F>(&self, asked: Asked, fetch: impl FnOnce() -> F)
    where
        F: Future<Output = Result<Found<T>, KeyError>> + Send + 'static,
    {
        let mut state = self.state();
        let _renewal = self.fly(&mut state, asked, fetch);
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
