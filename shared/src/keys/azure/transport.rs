//! The vendor's client on our HTTP client: it keeps our pace, and notices when the vault wants to be left alone.

use std::error::Error as _;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use azure_core::http::headers::{HeaderName, Headers};
use azure_core::http::{AsyncRawResponse, HttpClient, Request, StatusCode};
use tokio::sync::watch;
use tokio::time::sleep;
use tracing::Instrument;

use super::pace::Pace;
use crate::trace;

/// The most that one waits because the vault says so.
const MAX_WAIT: Duration = Duration::from_hours(1);

/// How long a vault is left alone that is busy and does not say how long.
const PAUSE: Duration = Duration::from_secs(5);

/// Sends requests to the vault.
pub(super) struct Paced {
    client: reqwest::Client,
    pace: Mutex<Pace>,
    /// Until when the vault wants to be left alone.
    quiet: watch::Sender<Option<Instant>>,
}

impl fmt::Debug for Paced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Paced").finish_non_exhaustive()
    }
}

impl Paced {
    pub(super) fn new(client: reqwest::Client, pace: Pace) -> Self {
        Self { client, pace: Mutex::new(pace), quiet: watch::Sender::new(None) }
    }

    /// How long the vault wants to be left alone from now on.
    pub(super) fn quiet(&self) -> Option<Duration> {
        let left = self.quiet.borrow().map(|until| until.saturating_duration_since(Instant::now()));
        left.filter(|left| !left.is_zero())
    }

    /// Waits until the vault wants to be left alone beyond a time, and tells for how long.
    pub(super) async fn quiet_beyond(&self, end: Instant) -> Duration {
        let mut quiet = self.quiet.subscribe();
        let beyond = quiet.wait_for(|until| until.is_some_and(|until| until >= end)).await;
        // an error would mean that the sender is gone, and it is ours
        let until = beyond.map(|until| *until).unwrap_or_default();
        until.map(|until| until.saturating_duration_since(Instant::now())).unwrap_or_default()
    }
}

/// Gives back what a request that is not sent would have cost: who waited for it has gone away, or the vault was not reached.
struct Refund<'a>(&'a Mutex<Pace>);

impl Drop for Refund<'_> {
    fn drop(&mut self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).refund();
    }
}

#[async_trait]
impl HttpClient for Paced {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let wait = self.pace.lock().unwrap_or_else(PoisonError::into_inner).wait(Instant::now());
        if !wait.is_zero() {
            let unsent = Refund(&self.pace);
            sleep(wait).await;
            std::mem::forget(unsent);
        }
        let url = request.url();
        let span = trace::http(request.method().as_ref(), url.host_str(), url.port_or_known_default());
        let answer = self.client.execute_request(request).instrument(span.clone()).await;
        match &answer {
            Ok(answer) => trace::answered(&span, answer.status().into()),
            Err(_) => trace::failed(&span, &"no answer came"),
        }
        let answer = answer.inspect_err(|error| {
            if was_not_sent(error) {
                drop(Refund(&self.pace));
            }
        })?;
        match answer.status() {
            StatusCode::TooManyRequests => {
                let wait = retry_after(answer.headers()).unwrap_or(PAUSE);
                self.quiet.send_replace(Some(Instant::now() + wait));
            }
            StatusCode::ServiceUnavailable => {
                if let Some(wait) = retry_after(answer.headers()) {
                    self.quiet.send_replace(Some(Instant::now() + wait));
                }
            }
            status if status.is_success() => {
                self.quiet.send_if_modified(|until| until.take().is_some());
            }
            _ => {}
        }
        Ok(answer)
    }
}

/// Whether no connection was made, so that the vault had nothing to serve.
fn was_not_sent(error: &azure_core::Error) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        if error.downcast_ref::<reqwest::Error>().is_some_and(reqwest::Error::is_connect) {
            return true;
        }
        cause = error.source();
    }
    false
}

/// In seconds, which is how the vault writes it.
fn retry_after(headers: &Headers) -> Option<Duration> {
    let text = headers.get_optional_str(&HeaderName::from_static("retry-after"))?;
    Some(Duration::from_secs(text.trim().parse().ok()?).min(MAX_WAIT))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::time::{Duration, Instant};

    use azure_core::http::{HttpClient, Method, Request, Url};
    use futures_util::FutureExt;

    use super::{Pace, Paced};

    fn paced() -> (Paced, Request) {
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let client = crate::http::client(Duration::from_secs(5)).unwrap();
        // 40 at once
        let paced = Paced::new(client, Pace::of_percent(1));
        (paced, Request::new(Url::parse(&format!("http://{closed}/")).unwrap(), Method::Get))
    }

    /// How many pass at once from now on.
    fn left(paced: &Paced) -> usize {
        let (mut pace, now) = (paced.pace.lock().unwrap(), Instant::now());
        (0..1000).take_while(|_| pace.wait(now).is_zero()).count()
    }

    #[tokio::test]
    async fn a_request_to_a_vault_that_is_not_reached_costs_nothing() {
        let (paced, request) = paced();
        for _ in 0..30 {
            assert!(paced.execute_request(&request).await.is_err());
        }
        assert_eq!(left(&paced), 40);
    }

    #[tokio::test]
    async fn a_request_that_nobody_waits_for_any_more_costs_nothing() {
        let (paced, request) = paced();
        assert_eq!(left(&paced), 40);
        let before = paced.pace.lock().unwrap().wait(Instant::now());
        for _ in 0..30 {
            assert!(paced.execute_request(&request).now_or_never().is_none(), "it waits its turn");
        }
        assert!(paced.pace.lock().unwrap().wait(Instant::now()) <= before + Duration::from_millis(250));
    }
}
