//! The publishing call, and what its answer proves.

use std::time::Duration;

use reqwest::header::HeaderName;
use sealpost_schemas::{ProviderError, Remote};
use sealpost_shared::http::{Answered, NoAnswer};
use sealpost_shared::pace::Pass;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::answer;
use super::errors::{Meaning, meaning};
use super::request::Request;

/// A post that the provider has.
pub struct Publication(pub Remote);

/// Why there is no post, or none that is known of.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// Nothing was sent.
    #[error("the publishing API could not be reached")]
    NotSent,
    /// Nothing was posted, and the same request may succeed later.
    #[error("the publishing API cannot take the request now ({status})")]
    Unavailable {
        /// The HTTP status.
        status: u16,
        /// Not before this much time.
        after: Option<Duration>,
    },
    /// Nothing was posted.
    #[error("the publishing API asks for fewer requests ({status})")]
    RateLimited {
        /// The HTTP status.
        status: u16,
        /// Not before this much time.
        after: Option<Duration>,
    },
    /// Nothing was posted: the access token is no good.
    #[error("the publishing API refused the access token ({status})")]
    TokenRefused {
        /// The HTTP status.
        status: u16,
    },
    /// Nothing was posted, and the same request would be refused again.
    #[error("the publishing API refused the request ({})", .0.status.unwrap_or_default())]
    Rejected(ProviderError),
    /// Nothing proves it either way.
    #[error("the publishing API's answer was lost: {0}")]
    Unknown(String),
}

impl PublishError {
    /// The label of the metric of calls.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::NotSent => "not-sent",
            Self::Unavailable { .. } => "unavailable",
            Self::RateLimited { .. } => "rate-limited",
            Self::TokenRefused { .. } => "token-refused",
            Self::Rejected(_) => "rejected",
            Self::Unknown(_) => "lost",
        }
    }
}

impl Request<'_> {
    fn read(&self, answer: &Answered, token: &SecretString) -> Result<Publication, PublishError> {
        let (status, after) = (answer.status, answer.retry_after);
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        match meaning(&self.api.errors, answer, &body) {
            Meaning::Posted => {
                let places = self.publishing.map(|text| (Some(text.remote_id.as_str()), text.remote_url.as_deref()));
                let fields = self.response.iter().cloned();
                let remote = answer::remote(&body, places.unwrap_or_default(), fields, token);
                // a 2xx without its id proves nothing: some APIs answer errors that way
                if self.publishing.is_some() && remote.id.is_none() {
                    return Err(PublishError::Unknown(format!("status {status} without an id")));
                }
                Ok(Publication(remote))
            }
            Meaning::Retry => Err(PublishError::Unavailable { status, after }),
            Meaning::RateLimited => Err(PublishError::RateLimited { status, after }),
            Meaning::TokenExpired => Err(PublishError::TokenRefused { status }),
            Meaning::Rejected => {
                let places = (self.api.error.as_deref(), self.api.error_description.as_deref());
                Err(PublishError::Rejected(answer::words(status, &body, places, &self.sent, token)))
            }
            Meaning::Unknown => Err(PublishError::Unknown(format!("status {status}"))),
        }
    }
}

/// Publishes content.
///
/// # Errors
/// [`PublishError`] tells whether it may have been posted.
pub async fn publish(
    pass: &Pass,
    request: &Request<'_>,
    access_token: &SecretString,
) -> Result<Publication, PublishError> {
    let call = pass.client().request(request.method.clone(), request.url.clone()).headers(request.headers.clone());
    let mut call = call.bearer_auth(access_token.expose_secret());
    if let Some(name) = request.api.idempotency_header.as_deref().and_then(|name| name.parse::<HeaderName>().ok()) {
        call = call.header(name, request.key.to_string());
    }
    match pass.send(request.body.on(call)).await {
        Ok(answer) => request.read(&answer, access_token),
        Err(NoAnswer::NotSent) => Err(PublishError::NotSent),
        Err(lost) => Err(PublishError::Unknown(lost.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use sealpost_shared::http::Answered;
    use serde_json::json;
    use uuid::Uuid;

    use super::super::Provider;
    use super::PublishError;

    fn answer(status: u16, body: &str) -> Result<String, PublishError> {
        let provider: Provider = serde_json::from_value(json!({
            "oauth": {"authorize_url": "http://127.0.0.1/", "token_url": "http://127.0.0.1/", "client_id": "c",
                "client_secret": {"env": "NONE"}},
            "publish": {"post": {"url": "http://127.0.0.1/", "body": {}, "remote_id": "/id"}},
        }))
        .unwrap();
        let content = serde_json::from_value(json!({"type": "post", "text": "x"})).unwrap();
        let request = provider.request(&content, Uuid::nil()).unwrap();
        let answer = Answered { status, retry_after: None, body: body.into() };
        request.read(&answer, &"token".into()).map(|post| post.0.id.unwrap())
    }

    #[test]
    fn only_a_2xx_with_an_id_is_a_post() {
        assert_eq!(answer(201, r#"{"id":"7\u001b[2J"}"#).unwrap(), "7[2J");
        assert_eq!(answer(200, r#"{"id":991}"#).unwrap(), "991");
        for body in ["", "<html>", r#"{"error":"no"}"#, r#"{"id":null}"#, r#"{"id":""}"#] {
            assert!(matches!(answer(200, body), Err(PublishError::Unknown(_))), "{body}");
        }
    }
}
