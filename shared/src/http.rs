//! The one HTTP client: time limits, no redirects, answers of bounded size.

use std::time::Duration;

use reqwest::{Client, Response, header::RETRY_AFTER, redirect::Policy};
use url::form_urlencoded::byte_serialize;

/// The most that is read of an answer, in bytes.
pub const MAX_ANSWER: usize = 256 * 1024;

/// A client whose requests end within `limit`, body included.
///
/// # Errors
/// If the machine has no root certificates that can be read.
#[expect(clippy::disallowed_methods, reason = "this is the one builder")]
pub fn client(limit: Duration) -> Result<Client, reqwest::Error> {
    // an error means that a provider is installed already, which serves as well
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .user_agent(concat!("sealpost/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none())
        // well before the limit for all: what could not connect was not sent
        .connect_timeout((limit / 2).min(Duration::from_secs(5)))
        .timeout(limit)
        .tcp_nodelay(true)
        .build()
}

/// What became of a request that has no whole answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// No connection was made, so nothing was sent.
    #[error("the server could not be reached; nothing was sent")]
    NotSent,
    /// Nothing proves that it was not carried out.
    #[error("the answer did not come in time")]
    TimedOut,
    /// The connection ended before the answer did, or the answer was longer than [`MAX_ANSWER`].
    #[error("the answer was cut off")]
    CutOff,
}

impl From<&reqwest::Error> for NoAnswer {
    fn from(error: &reqwest::Error) -> Self {
        // a time-out while connecting counts as a connect failure: nothing was written yet
        if error.is_connect() || error.is_builder() {
            Self::NotSent
        } else if error.is_timeout() {
            Self::TimedOut
        } else {
            Self::CutOff
        }
    }
}

/// A provider's words without the secrets that it was sent.
#[must_use]
pub fn scrubbed(words: &str, sent: &[&str]) -> String {
    let secrets = sent.iter().filter(|secret| !secret.is_empty());
    secrets.fold(words.to_owned(), |words, secret| {
        let encoded: String = byte_serialize(secret.as_bytes()).collect();
        words.replace(secret, "[removed]").replace(&encoded, "[removed]")
    })
}

/// A whole answer.
pub struct Answered {
    /// The HTTP status.
    pub status: u16,
    /// `Retry-After` in seconds, capped at one hour (RFC 9110 §10.2.3; the date form is not read).
    pub retry_after: Option<Duration>,
    /// The body.
    pub body: Vec<u8>,
}

/// Reads an answer to its end.
///
/// # Errors
/// [`NoAnswer`] if it did not come whole.
pub async fn read(mut response: Response) -> Result<Answered, NoAnswer> {
    let status = response.status().as_u16();
    let retry_after = response
        .headers()
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.trim().parse().ok())
        .map(|seconds: u64| Duration::from_secs(seconds.min(3600)));
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|e| NoAnswer::from(&e))? {
        if body.len() + chunk.len() > MAX_ANSWER {
            return Err(NoAnswer::CutOff);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answered { status, retry_after, body })
}
