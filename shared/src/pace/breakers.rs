//! Circuit breakers, one for each endpoint of a provider, as this worker knows them: what it saw itself at once, and what
//! others saw within a second.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sealpost_schemas::ProviderId;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::failure::Failure;
use crate::metrics;
use crate::records::Store;
use crate::records::pace::{Breaker, Known, Rules, Word};

/// So many calls in a row without an answer open a breaker.
pub(super) const FAILURES: u32 = 10;

/// Failures that are further apart are not in a row.
const APART: Duration = Duration::from_mins(1);

/// How long it is open for at first. Twice as long after each try that fails,
const FIRST: Duration = Duration::from_secs(5);

/// and at most.
const MOST: Duration = Duration::from_mins(1);

/// How much longer a try may take than its call, before another one is made.
const MARGIN: Duration = Duration::from_secs(2);

/// Between two looks at what others saw.
const PAUSE: Duration = Duration::from_secs(1);

/// What of a provider answers or does not, by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// Where tokens are had and revoked.
    Token,
    /// The publishing API.
    Api,
}

impl Endpoint {
    const ALL: [Self; 2] = [Self::Token, Self::Api];

    /// The metric label.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Api => "api",
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Token => "token endpoint",
            Self::Api => "publishing API",
        })
    }
}

/// One endpoint of one provider.
pub(super) type Place = (ProviderId, Endpoint);

/// How a breaker looks from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    Closed,
    /// For so long.
    Open(Duration),
    /// One call may try.
    HalfOpen,
}

pub(super) struct Breakers {
    store: Store,
    rules: Rules,
    /// By name. Those that nothing is known against are not in it.
    seen: Mutex<HashMap<String, Seen>>,
}

#[derive(Clone, Copy)]
enum Seen {
    /// Calls failed.
    Counting,
    Open {
        until: Instant,
    },
}

impl Breakers {
    /// `limit`: how long one call may take.
    pub(super) fn new(store: Store, limit: Duration) -> Self {
        let takes = limit + MARGIN;
        Self {
            store,
            rules: Rules { failures: FAILURES, apart: APART, first: FIRST, most: MOST, takes },
            seen: Mutex::default(),
        }
    }

    pub(super) fn look(&self, place: &Place) -> Look {
        let seen = self.seen();
        // this is asked for every call
        if seen.is_empty() {
            return Look::Closed;
        }
        match seen.get(&self.name(place)) {
            Some(Seen::Open { until }) => match until.saturating_duration_since(Instant::now()) {
                Duration::ZERO => Look::HalfOpen,
                left => Look::Open(left),
            },
            Some(Seen::Counting) | None => Look::Closed,
        }
    }

    /// Asks whether this call may be the one that tries.
    pub(super) async fn try_now(&self, place: &Place) -> Result<Breaker, Failure> {
        let name = self.name(place);
        let stands = self.store.breaker(&name, Word::Try, &self.rules).await?;
        if stands == Breaker::Closed {
            self.seen().remove(&name);
        }
        Ok(stands)
    }

    /// A call was answered.
    pub(super) async fn answered(&self, place: &Place) {
        if self.seen().is_empty() {
            return;
        }
        let name = self.name(place);
        let Some(known) = self.seen().remove(&name) else { return };
        if let Err(error) = self.store.close_breaker(&name).await {
            return tracing::warn!(%error, "a breaker stays as it was");
        }
        if matches!(known, Seen::Open { .. }) {
            let (provider, endpoint) = place;
            tracing::info!(%provider, %endpoint, "it answers again");
        }
    }

    /// A call was not answered; `tried`: it was the one that tried.
    pub(super) async fn failed(&self, place: &Place, tried: bool) {
        let name = self.name(place);
        let word = if tried { Word::TryFailed } else { Word::Failed };
        let seen = match self.store.breaker(&name, word, &self.rules).await {
            Ok(Breaker::Open(left)) => {
                let (provider, endpoint) = place;
                if self.look(place) == Look::Closed || tried {
                    let seconds = left.as_secs_f32().round();
                    tracing::warn!(%provider, %endpoint, seconds, "it does not answer, and is left alone for a while");
                }
                Seen::Open { until: Instant::now() + left }
            }
            Ok(Breaker::Closed | Breaker::Trying) => Seen::Counting,
            Err(error) => return tracing::warn!(%error, "a failed call is not counted"),
        };
        self.seen().insert(name, seen);
    }

    /// The call that was to try was not made.
    pub(super) async fn untried(&self, place: &Place) {
        if let Err(error) = self.store.breaker(&self.name(place), Word::Untried, &self.rules).await {
            tracing::debug!(%error, "another try waits until this one would be over");
        }
    }

    pub(super) async fn watch(&self, providers: &[ProviderId], stop: &CancellationToken) {
        for provider in providers {
            metrics::held_back_nothing(provider.as_str());
        }
        loop {
            match self.store.breakers().await {
                Ok(known) => self.others_saw(known),
                Err(error) => tracing::debug!(%error, "what other workers know of breakers is not known"),
            }
            for provider in providers {
                for endpoint in Endpoint::ALL {
                    let open = self.look(&(provider.clone(), endpoint)) != Look::Closed;
                    metrics::breaker_open(provider.as_str(), endpoint.label(), open);
                }
            }
            if stop.run_until_cancelled(sleep(PAUSE)).await.is_none() {
                return;
            }
        }
    }

    fn others_saw(&self, known: Vec<Known>) {
        let now = Instant::now();
        let seen = known.into_iter().map(|Known { name, open }| {
            let seen = open.map_or(Seen::Counting, |left| Seen::Open { until: now + left });
            (name, seen)
        });
        *self.seen() = seen.collect();
    }

    fn name(&self, (provider, endpoint): &Place) -> String {
        format!("{}/{}", self.store.hash_of_provider(provider), endpoint.label())
    }

    fn seen(&self) -> MutexGuard<'_, HashMap<String, Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
