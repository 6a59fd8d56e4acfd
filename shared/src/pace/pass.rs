//! The right to one call of a provider, and what its answer says of the provider.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reqwest::{Client, RequestBuilder};

use super::Paces;
use super::breakers::{Endpoint, Place};
use crate::http::{self, Answered, NoAnswer};

/// The longest that one answer stops all calls of a provider.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// The right to one call, which is made at once.
pub struct Pass {
    paces: Paces,
    place: Place,
    /// Whether it is the one that tries whether an endpoint answers again, and did not yet.
    tries: AtomicBool,
}

impl Pass {
    pub(super) fn new(paces: Paces, place: Place, tries: bool) -> Self {
        Self { paces, place, tries: tries.into() }
    }

    /// What its request is written with.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.paces.http
    }

    /// Sends the request and reads its answer to the end, as [`http::send`] does.
    ///
    /// # Errors
    /// [`NoAnswer`] if that did not come whole.
    pub async fn send(&self, request: RequestBuilder) -> Result<Answered, NoAnswer> {
        let tries = self.tries.swap(false, Ordering::Relaxed);
        let answered = http::send(request).await;
        match &answered {
            Ok(answer) if self.is_there(answer) => {
                self.paces.breakers.answered(&self.place).await;
                self.slow_down(answer).await;
            }
            // one who answers too much is there too, and one whose answers are torn does not open it
            Err(NoAnswer::CutOff) if !tries => {}
            Ok(_) | Err(_) => self.paces.breakers.failed(&self.place, tries).await,
        }
        answered
    }

    /// Who refuses for want of room is there. A token endpoint that does so with 503 is not: a refresh counts that as lost.
    fn is_there(&self, answer: &Answered) -> bool {
        answer.status < 500 || (answer.retry_after.is_some() && self.place.1 == Endpoint::Api)
    }

    /// A provider whose limits are known, and are not what we thought, is left alone for as long as it says.
    async fn slow_down(&self, answer: &Answered) {
        let (provider, _) = &self.place;
        if let (429, Some(after)) = (answer.status, answer.retry_after)
            && self.paces.limits.contains_key(provider)
            && let Err(error) = self.paces.store.pause_calls(provider, after.min(LONGEST_PAUSE)).await
        {
            tracing::warn!(%error, "other workers go on");
        }
    }
}

impl Drop for Pass {
    /// A try that was not made leaves it to another.
    fn drop(&mut self) {
        if self.tries.load(Ordering::Relaxed)
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            let (breakers, place) = (self.paces.breakers.clone(), self.place.clone());
            runtime.spawn(async move { breakers.untried(&place).await });
        }
    }
}
