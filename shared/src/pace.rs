//! Back-pressure: how fast each provider is called, by all workers together, and whether at all.
//!
//! Whoever calls a provider has a [`Pass`] first, which is one call. Where the catalogue says what the provider allows, a
//! pass waits for its turn, or is refused and the job is put off to the end of the line: that spends no attempt. Where calls
//! go unanswered, the breaker of that endpoint opens, and nothing is sent there but one try after each pause.
//! What is shared is in Redis ([`crate::records::pace`]). A provider without limits that answers costs nothing there.

mod breakers;
mod limits;
mod pass;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Client;
use sealpost_schemas::{Code, ProviderId};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

pub use self::breakers::Endpoint;
use self::breakers::{Breakers, Look};
pub use self::limits::Limits;
pub use self::pass::Pass;
use crate::failure::Failure;
use crate::metrics::{self, HeldBack};
use crate::records::Store;
pub use crate::records::pace::Line;
use crate::records::pace::{Asked, Breaker, Due};

/// How long a job waits in a worker that is new in the line: others' jobs are behind it.
const NEW_WAITS: Duration = Duration::from_millis(200);

/// How long one does whose turn was to be about now, and what does not line up: there is no more of it than the limit allows.
const DUE_WAITS: Duration = Duration::from_secs(1);

/// What does not line up is spread over this much time, so that it does not all come back at once.
const SPREAD: Duration = Duration::from_secs(4);

/// The passes to every provider. Its clones share them.
#[derive(Clone)]
pub struct Paces {
    store: Store,
    http: Client,
    limits: Arc<BTreeMap<ProviderId, Limits>>,
    breakers: Arc<Breakers>,
}

impl Paces {
    /// Passes to providers of which these have limits. `limit`: how long one call may take.
    #[must_use]
    pub fn new(store: Store, http: Client, limit: Duration, limits: BTreeMap<ProviderId, Limits>) -> Self {
        Self { breakers: Arc::new(Breakers::new(store.clone(), limit)), store, http, limits: Arc::new(limits) }
    }

    /// The HTTP client, for what is not a provider's.
    #[must_use]
    pub fn http(&self) -> &Client {
        &self.http
    }

    /// Knows of other workers' breakers, and shows those of these providers as a metric, until `stop`.
    pub async fn watch(self, providers: Vec<ProviderId>, stop: CancellationToken) {
        self.breakers.watch(&providers, &stop).await;
    }

    /// The right to one call, which is made at once.
    ///
    /// # Errors
    /// [`Failure::defer`] if it is not to be made now; if Redis gives no answer.
    pub async fn pass(&self, provider: &ProviderId, endpoint: Endpoint, line: Line) -> Result<Pass, Failure> {
        let place = (provider.clone(), endpoint);
        // nothing is asked of Redis for a call that is not made
        let tries = match self.breakers.look(&place) {
            Look::Closed => false,
            Look::Open(left) => return Err(unanswering(&place, left)),
            Look::HalfOpen => match self.breakers.try_now(&place).await? {
                Breaker::Closed => false,
                Breaker::Trying => true,
                Breaker::Open(left) => return Err(unanswering(&place, left)),
            },
        };
        // a turn is taken for a call that is made only; without one, a try is given back with the pass
        let pass = Pass::new(self.clone(), place, tries);
        self.turn(provider, line).await?;
        Ok(pass)
    }

    /// Waits for the turn of a call, where its provider has limits.
    async fn turn(&self, provider: &ProviderId, line: Line) -> Result<(), Failure> {
        let Some(limits) = self.limits.get(provider) else { return Ok(()) };
        let longest = if matches!(line, Line::Joins { .. }) { NEW_WAITS } else { DUE_WAITS };
        let asked = Asked { apart: limits.apart(), burst: limits.burst.get(), longest, line };
        let (after, place) = match self.store.ask_turn(provider, &asked).await? {
            Due::In(wait) => {
                if !wait.is_zero() {
                    sleep(wait).await;
                }
                return Ok(());
            }
            Due::AskIn(after) => (spread(after), false),
            // the next one may be for any of those whose time has come
            Due::PlaceIn(after) if matches!(line, Line::LinedUp { .. }) && limits.apart() >= SPREAD / 4 => {
                (spread(after), true)
            }
            Due::PlaceIn(after) => (after, true),
        };
        metrics::held_back(provider.as_str(), HeldBack::Rate);
        let message = format!("{provider}: no more than {limits}, as its entry says, and others come first");
        Err(Failure { lined_up: place, ..Failure::defer(after, Code::RateLimited, message) })
    }
}

fn unanswering((provider, endpoint): &(ProviderId, Endpoint), left: Duration) -> Failure {
    metrics::held_back(provider.as_str(), HeldBack::Breaker);
    let message = format!(
        "{provider}: its {endpoint} did not answer {} times in a row, so that only now and then one call tries it",
        breakers::FAILURES
    );
    Failure::defer(spread(left), Code::ProviderUnavailable, message)
}

/// So long, a second at least, and a little more.
fn spread(after: Duration) -> Duration {
    after.max(Duration::from_secs(1)) + SPREAD.mul_f32(fastrand::f32())
}
