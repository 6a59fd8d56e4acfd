//! One message to a gateway, and what its answer proves.

use std::time::Duration;

use reqwest::{Client, Method};
use sealpost_schemas::Phone;
use sealpost_shared::http::{self, Answered, NoAnswer};
use sealpost_shared::secrets::Secrets;
use serde_json::Value;
use url::Url;
use uuid::Uuid;

use super::super::errors::{Meaning, meaning, rule};
use super::super::request::{Body, RequestError};
use super::super::template::Words;
use super::{Gateway, message};

/// The most that is kept of a code or id that a gateway tells, in characters.
const MAX_TOLD: usize = 64;

/// As many digits of a number in a row tell too much of it.
const TELLING: usize = 6;

/// Why a message is not sent, or not known to be.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// Nothing was sent: the secret cannot be read.
    #[error("{0}")]
    Secret(String),
    /// Nothing was sent: the message cannot be put into the request.
    #[error("{0}")]
    Malformed(String),
    /// Nothing was sent.
    #[error("it could not be reached")]
    NotSent,
    /// The message is not on its way, and the same request may succeed later.
    #[error("it cannot take the message now ({status})")]
    Unavailable {
        /// The HTTP status.
        status: u16,
        /// Not before this much time.
        after: Option<Duration>,
    },
    /// The message is not on its way: too many of them.
    #[error("it asks for fewer requests ({status})")]
    RateLimited {
        /// The HTTP status.
        status: u16,
        /// Not before this much time.
        after: Option<Duration>,
    },
    /// The message is not on its way: our credentials are no good.
    #[error("it does not take our credentials ({status})")]
    Unauthorized {
        /// The HTTP status.
        status: u16,
    },
    /// The message is not on its way, and the same request would be refused again.
    #[error("it refused the message ({status}{})", .code.as_ref().map(|code| format!(", {code}")).unwrap_or_default())]
    Rejected {
        /// The HTTP status.
        status: u16,
        /// The gateway's own code.
        code: Option<String>,
    },
    /// Nothing proves it either way.
    #[error("its answer was lost: {0}")]
    Unknown(String),
}

pub(super) struct Request {
    method: Method,
    url: Url,
    headers: reqwest::header::HeaderMap,
    body: Body,
}

impl Gateway {
    pub(super) fn request(&self, words: &Words<'_>) -> Result<Request, RequestError> {
        Ok(Request {
            method: self.method.into(),
            url: self.url.fill(words)?,
            headers: self.headers.fill(words)?,
            body: Body::of(self.form.as_ref(), self.body.as_ref(), words)?,
        })
    }

    /// Sends a text; `key` is the same for every attempt at it. Returns the gateway's id of it, unless that tells whom it went
    /// to.
    ///
    /// # Errors
    /// [`GatewayError`] tells whether it may be on its way.
    pub async fn send(
        &self,
        (client, secrets): (&Client, &Secrets),
        text: &str,
        phone: &Phone,
        key: Uuid,
    ) -> Result<Option<String>, GatewayError> {
        let content = message(text, phone.expose());
        let request = self.request(&Words { content: &content, key });
        let request = request.map_err(|error| GatewayError::Malformed(error.to_string()))?;
        let mut call = client.request(request.method, request.url).headers(request.headers);
        if let Some(auth) = &self.auth {
            call = auth.on(call, secrets).await.map_err(GatewayError::Secret)?;
        }
        if let Some(name) = &self.idempotency_header {
            call = call.header(name, key.to_string());
        }
        match http::send(request.body.on(call)).await {
            Ok(answer) => self.read(&answer, phone),
            Err(NoAnswer::NotSent) => Err(GatewayError::NotSent),
            Err(lost) => Err(GatewayError::Unknown(lost.to_string())),
        }
    }

    pub(super) fn read(&self, answer: &Answered, phone: &Phone) -> Result<Option<String>, GatewayError> {
        let (status, after) = (answer.status, answer.retry_after);
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        match self.meaning(answer, &body) {
            Meaning::Posted => match text_at(&body, &self.message_id) {
                Some(id) => Ok(told(&id, phone)),
                None => Err(GatewayError::Unknown(format!("status {status} without a message's id"))),
            },
            Meaning::Retry => Err(GatewayError::Unavailable { status, after }),
            Meaning::RateLimited => Err(GatewayError::RateLimited { status, after }),
            Meaning::TokenExpired => Err(GatewayError::Unauthorized { status }),
            Meaning::Rejected => {
                let code = self.error.as_ref().and_then(|at| text_at(&body, at));
                Err(GatewayError::Rejected { status, code: code.and_then(|code| told(&code, phone)) })
            }
            Meaning::Unknown => Err(GatewayError::Unknown(format!("status {status}"))),
        }
    }

    /// The entry's rules first, then what HTTP says. A 500 or 503 is the gateway's own word that it did not do it; a 502 or 504
    /// is that of something before it, which proves nothing.
    fn meaning(&self, answer: &Answered, body: &Value) -> Meaning {
        let by_rule = rule(&self.errors, answer, body);
        by_rule.unwrap_or_else(|| match answer.status {
            200..=299 if !self.succeeded(body) => Meaning::Rejected,
            500 => Meaning::Retry,
            503 if answer.retry_after.is_none() => Meaning::Retry,
            _ => meaning(&[], answer, body),
        })
    }
}

fn text_at(body: &Value, pointer: &str) -> Option<String> {
    match body.pointer(pointer)? {
        Value::String(text) => Some(text.clone()).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// An id or a code, as it may be logged and kept: a word, bounded, which tells nothing of the number.
fn told(text: &str, phone: &Phone) -> Option<String> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let number = phone.expose().trim_start_matches('+');
    let mut parts = number.as_bytes().windows(TELLING);
    let tells = parts.any(|part| std::str::from_utf8(part).is_ok_and(|part| digits.contains(part)));
    (text.len() <= MAX_TOLD && text.chars().all(is_word) && !tells).then(|| text.into())
}
