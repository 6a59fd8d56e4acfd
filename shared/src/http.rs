//! The one HTTP client: time limits, no redirects, answers of bounded size.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use jiff::{Timestamp, fmt::rfc2822};
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use reqwest::{Certificate, Client, ClientBuilder, RequestBuilder, Response, redirect::Policy};
use tracing::Instrument;
use url::form_urlencoded::byte_serialize;

use crate::trace;

/// The most that is read of an answer, in bytes.
pub const MAX_ANSWER: usize = 256 * 1024;

/// A client whose requests end within `limit`, body included.
///
/// # Errors
/// If the machine has no root certificates that can be read.
pub fn client(limit: Duration) -> Result<Client, reqwest::Error> {
    builder(limit).build()
}

/// Whom a client trusts, and what it finds where.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    /// PEM: the certificate authorities to trust, in the place of the system's.
    pub only: Option<Vec<u8>>,
    /// PEM: certificate authorities to trust beside the system's.
    pub also: Option<Vec<u8>>,
    /// A host name, and the address that it stands for, in the place of what DNS says. The certificate must be the name's
    /// all the same, and the port is the URL's.
    pub address: Option<(String, IpAddr)>,
}

/// A client as [`client`] makes it, which trusts and finds as it is told.
///
/// # Errors
/// In words, if the certificates cannot be read, or the machine has none.
pub fn trusting_client(limit: Duration, trust: &Trust) -> Result<Client, String> {
    let mut builder = builder(limit);
    if let Some(only) = &trust.only {
        builder = builder.tls_certs_only(certificates(only)?);
    }
    if let Some(also) = &trust.also {
        builder = builder.tls_certs_merge(certificates(also)?);
    }
    if let Some((host, address)) = &trust.address {
        builder = builder.resolve(host, SocketAddr::new(*address, 0));
    }
    builder.build().map_err(|error| format!("no HTTP client can be made that trusts these certificates: {error}"))
}

fn certificates(pem: &[u8]) -> Result<Vec<Certificate>, String> {
    let all = Certificate::from_pem_bundle(pem).map_err(|_| "it is no list of certificates as PEM")?;
    if all.is_empty() { Err("it has no certificate as PEM".into()) } else { Ok(all) }
}

#[expect(clippy::disallowed_methods, reason = "this is the one builder")]
fn builder(limit: Duration) -> ClientBuilder {
    // an error means that a provider is installed already, which serves as well
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .user_agent(concat!("sealpost/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none())
        // well before the limit for all: what could not connect was not sent
        .connect_timeout((limit / 2).min(Duration::from_secs(5)))
        .timeout(limit)
        .tcp_nodelay(true)
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
    /// The connection ended before the answer did, or the answer was longer than it may be.
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
pub fn scrubbed(words: String, sent: &[&str]) -> String {
    let secrets = sent.iter().filter(|secret| !secret.is_empty());
    secrets.fold(words, |words, secret| {
        let form: String = byte_serialize(secret.as_bytes()).collect();
        // as it is, as some write it inside JSON, and as forms and addresses have it
        let forms = [(*secret).to_owned(), secret.replace('/', r"\/"), form.replace('+', "%20"), form];
        forms.iter().fold(
            words,
            |words, form| {
                if words.contains(form.as_str()) { words.replace(form, "[removed]") } else { words }
            },
        )
    })
}

/// A whole answer.
pub struct Answered {
    /// The HTTP status.
    pub status: u16,
    /// `Retry-After`, capped at one hour (RFC 9110 §10.2.3); a date counts from the answer's own `Date`.
    pub retry_after: Option<Duration>,
    /// The body.
    pub body: Vec<u8>,
}

/// Sends a request and reads its answer to the end.
///
/// # Errors
/// [`NoAnswer`] if that did not come whole.
pub async fn send(request: RequestBuilder) -> Result<Answered, NoAnswer> {
    let (client, request) = request.build_split();
    let request = request.map_err(|error| NoAnswer::from(&error))?;
    let url = request.url();
    let span = trace::http(request.method().as_str(), url.host_str(), url.port_or_known_default());
    let answering = async { read(client.execute(request).await.map_err(|error| NoAnswer::from(&error))?).await };
    let answered = answering.instrument(span.clone()).await;
    match &answered {
        Ok(answer) => trace::answered(&span, answer.status),
        Err(none) => trace::failed(&span, none),
    }
    answered
}

/// Reads an answer to its end.
///
/// # Errors
/// [`NoAnswer`] if it did not come whole.
pub async fn read(response: Response) -> Result<Answered, NoAnswer> {
    read_at_most(response, MAX_ANSWER).await
}

/// The same of one that may be longer: `most` is in bytes.
///
/// # Errors
/// [`NoAnswer`] if it did not come whole.
pub async fn read_at_most(mut response: Response, most: usize) -> Result<Answered, NoAnswer> {
    let status = response.status().as_u16();
    let retry_after = retry_after(response.headers());
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|e| NoAnswer::from(&e))? {
        if body.len() + chunk.len() > most {
            return Err(NoAnswer::CutOff);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answered { status, retry_after, body })
}

/// The most that one waits, in seconds, because a provider says so.
const MAX_WAIT: u64 = 3600;

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name| headers.get(name).and_then(|value| Some(value.to_str().ok()?.trim()));
    let date = |text: &str| rfc2822::parse(text).ok().map(|date| date.timestamp());
    let wait = text(RETRY_AFTER)?;
    let seconds = wait.parse().ok().or_else(|| {
        let (until, said): (Timestamp, Timestamp) = (date(wait)?, date(text(DATE)?)?);
        // one that is over is over
        Some(u64::try_from(until.as_second() - said.as_second()).unwrap_or(0))
    })?;
    Some(Duration::from_secs(seconds.min(MAX_WAIT)))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

    #[test]
    fn a_time_to_wait_is_in_seconds_or_a_date_and_at_most_an_hour() {
        let wait = |text: &'static str, said: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, text.parse().unwrap());
            headers.extend(said.map(|said| (DATE, said.parse().unwrap())));
            super::retry_after(&headers).map(|wait: Duration| wait.as_secs())
        };
        let now = Some("Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(wait(" 7 ", None), Some(7));
        assert_eq!(wait("86400", None), Some(3600));
        assert_eq!(wait("Sun, 06 Nov 1994 08:50:07 GMT", now), Some(30));
        assert_eq!(wait("Sun, 06 Nov 1994 08:49:07 GMT", now), Some(0));
        assert_eq!(wait("Fri, 31 Dec 1999 23:59:59 GMT", now), Some(3600));
        for unreadable in ["", "-5", "1.5", "soon", "99999999999999999999", "Sun, 06 Nov"] {
            assert_eq!(wait(unreadable, now), None, "{unreadable}");
        }
        assert_eq!(wait("Sun, 06 Nov 1994 08:50:07 GMT", None), None);
    }

    #[test]
    fn what_was_sent_is_found_however_it_is_written() {
        for form in ["1//a b+c", r"1\/\/a b+c", "1%2F%2Fa+b%2Bc", "1%2F%2Fa%20b%2Bc"] {
            assert_eq!(super::scrubbed(format!("of {form}."), &["1//a b+c"]), "of [removed].", "{form}");
        }
    }
}
