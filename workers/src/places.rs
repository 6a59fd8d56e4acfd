//! How many of a worker's places one provider's jobs may have, so that a slow provider does not hold up the others' jobs.
//!
//! A worker takes so many messages at a time, and gets no others before it answers some of these. When one provider hangs, its
//! jobs would be all that it has.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sealpost_schemas::{Code, ProviderId};
use sealpost_shared::failure::Failure;
use sealpost_shared::metrics::{self, HeldBack};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

/// How long a job waits for a place at most, and no longer than it seems that it must.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long one is put off at most that finds no place.
const LONGEST: Duration = Duration::from_mins(1);

/// The places that each provider's jobs may have in this worker.
#[derive(Clone)]
pub struct Places(Arc<BTreeMap<ProviderId, Room>>);

/// Those of one provider.
struct Room {
    size: usize,
    free: Arc<Semaphore>,
    waiting: AtomicUsize,
    pace: Mutex<Pace>,
}

/// How fast places become free.
struct Pace {
    /// How long a job has its place, about.
    held: Duration,
    /// When one was last taken or became free.
    moved: Instant,
}

/// A place, until it is dropped.
pub struct Place<'a> {
    room: &'a Room,
    since: Instant,
    _permit: OwnedSemaphorePermit,
}

impl Places {
    /// For jobs of these providers, in a worker that has so many messages of a queue at a time: three quarters of them, or all
    /// where there is nobody to be held up.
    #[must_use]
    pub fn new(providers: impl IntoIterator<Item = ProviderId>, prefetch: u16) -> Self {
        let providers: Vec<_> = providers.into_iter().collect();
        let all = usize::from(prefetch.max(1));
        let size = if providers.len() > 1 { (all * 3 / 4).max(1) } else { all };
        Self(Arc::new(providers.into_iter().map(|provider| (provider, Room::new(size))).collect()))
    }

    /// A place for a job of this provider; `None`: it is not known, so that nothing is sent to it.
    ///
    /// # Errors
    /// [`Failure::defer`] if none becomes free soon.
    pub async fn take(&self, provider: &ProviderId) -> Result<Option<Place<'_>>, Failure> {
        let Some(room) = self.0.get(provider) else { return Ok(None) };
        room.place().await.map(Some).map_err(|after| {
            metrics::held_back(provider.as_str(), HeldBack::Slow);
            let message = format!(
                "{provider}: its calls take so long that its jobs have the {} places that they may have in this worker",
                room.size
            );
            Failure::defer(after, Code::ProviderUnavailable, message)
        })
    }
}

impl Room {
    fn new(size: usize) -> Self {
        let pace = Mutex::new(Pace { held: Duration::ZERO, moved: Instant::now() });
        Self { size, free: Arc::new(Semaphore::new(size)), waiting: AtomicUsize::new(0), pace }
    }

    /// A place, or after how long there may be one.
    async fn place(&self) -> Result<Place<'_>, Duration> {
        let permit = match Arc::clone(&self.free).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => self.permit().await?,
        };
        let since = Instant::now();
        self.pace().moved = since;
        Ok(Place { room: self, since, _permit: permit })
    }

    async fn permit(&self) -> Result<OwnedSemaphorePermit, Duration> {
        let before = self.waiting.fetch_add(1, Ordering::Relaxed);
        let wait = self.wait_behind(before);
        let permit = if wait > PATIENCE {
            None
        } else {
            timeout(PATIENCE, Arc::clone(&self.free).acquire_owned()).await.ok().and_then(Result::ok)
        };
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        permit.ok_or_else(|| wait.clamp(PATIENCE, LONGEST).mul_f32(1.0 + fastrand::f32()))
    }

    /// How long one waits, as it seems, who has so many before him. Where nothing moves, a job has its place at least as long
    /// as nothing moved.
    fn wait_behind(&self, before: usize) -> Duration {
        let pace = self.pace();
        let held = pace.held.max(pace.moved.elapsed());
        held.saturating_mul(u32::try_from(before + 1).unwrap_or(u32::MAX))
            / u32::try_from(self.size).unwrap_or(u32::MAX)
    }

    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let held = self.since.elapsed();
        let mut pace = self.room.pace();
        pace.held = (pace.held * 7 + held) / 8;
        pace.moved = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::FutureExt;
    use tokio::time::Instant;

    use super::{Place, Places, Room};

    /// All places of a provider.
    fn taken(room: &Room) -> Vec<Place<'_>> {
        (0..room.size).map(|_| room.place().now_or_never().unwrap().ok().unwrap()).collect()
    }

    #[test]
    fn a_provider_has_all_places_only_where_it_is_alone() {
        let sizes = |names: &[&str], prefetch| {
            let names = names.iter().map(|name| serde_json::from_value((*name).into()).unwrap());
            Places::new(names, prefetch).0.values().map(|room| room.size).collect::<Vec<_>>()
        };
        assert_eq!(sizes(&["one"], 32), [32]);
        assert_eq!(sizes(&["one", "two"], 32), [24, 24]);
        assert_eq!(sizes(&["one", "two"], 1), [1, 1]);
    }

    #[tokio::test]
    async fn a_job_waits_for_a_place_of_a_provider_that_answers() {
        let room = Room::new(4);
        let mut places = taken(&room);
        let mut waits = Box::pin(room.place());
        assert!((&mut waits).now_or_never().is_none(), "it waits");
        drop(places.pop());
        assert!(waits.await.is_ok());
    }

    #[tokio::test]
    async fn no_job_waits_for_a_place_where_nothing_moves() {
        let room = Room::new(4);
        let places = taken(&room);
        room.pace().moved = Instant::now().checked_sub(Duration::from_secs(10)).unwrap();
        let after = room.place().now_or_never().unwrap().err().unwrap();
        assert!(after >= Duration::from_millis(2500), "{after:?}");
        drop(places);
        assert!(room.place().now_or_never().unwrap().is_ok());
    }

    #[tokio::test]
    async fn no_more_jobs_wait_than_will_have_a_place_soon() {
        let room = Room::new(4);
        let _places = taken(&room);
        room.pace().held = Duration::from_secs(2);
        let mut first = Box::pin(room.place());
        let mut second = Box::pin(room.place());
        assert!((&mut first).now_or_never().is_none(), "half a second");
        assert!((&mut second).now_or_never().is_none(), "a second");
        assert!(room.place().now_or_never().unwrap().is_err(), "too long");
    }
}
