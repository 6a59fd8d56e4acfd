//! The publishing call, and what its answer proves.

use std::time::Duration;

use reqwest::Client;
use sealpost_schemas::{Content, ProviderError, Remote};
use sealpost_shared::http::{self, Answered, NoAnswer};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::Publishing;
use super::template::fill;

/// The longest remote id or address that is kept, in characters.
const MAX_REMOTE: usize = 2048;

/// A post that the provider has.
pub struct Publication(pub Remote);

/// Why there is no post, or none that is known of.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// Nothing was sent.
    #[error("the publishing API could not be reached")]
    NotSent,
    /// Nothing was posted.
    #[error("the publishing API asks for fewer requests ({status})")]
    RateLimited {
        /// The HTTP status.
        status: u16,
        /// Not before this much time.
        after: Option<Duration>,
    },
    /// Nothing was posted: the access token is no good.
    #[error("the publishing API refused the access token (401)")]
    TokenRefused,
    /// Nothing was posted, and the same request would be refused again.
    #[error("the publishing API refused the request ({})", .0.status.unwrap_or_default())]
    Rejected(ProviderError),
    /// Nothing proves it either way.
    #[error("the publishing API's answer was lost: {0}")]
    Unknown(String),
}

/// Publishes content.
///
/// # Errors
/// [`PublishError`] tells whether it may have been posted.
pub async fn publish(
    client: &Client,
    publishing: &Publishing,
    content: &Content,
    access_token: &SecretString,
) -> Result<Publication, PublishError> {
    let body = fill(&publishing.body, content).unwrap_or(Value::Null);
    let request = client.post(publishing.url.clone()).bearer_auth(access_token.expose_secret()).json(&body);
    let answered = match request.send().await {
        Ok(response) => http::read(response).await,
        Err(error) => Err(NoAnswer::from(&error)),
    };
    match answered {
        Ok(answer) => read(publishing, &answer, access_token.expose_secret()),
        Err(NoAnswer::NotSent) => Err(PublishError::NotSent),
        Err(lost) => Err(PublishError::Unknown(lost.to_string())),
    }
}

fn read(publishing: &Publishing, answer: &Answered, sent: &str) -> Result<Publication, PublishError> {
    let status = answer.status;
    match status {
        200..=299 => {
            let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
            let id = text_at(&body, &publishing.remote_id, sent);
            let url = publishing.remote_url.as_deref().and_then(|pointer| text_at(&body, pointer, sent));
            // a 2xx without its id proves nothing: some APIs answer errors that way
            let id = id.ok_or_else(|| PublishError::Unknown(format!("status {status} without an id")))?;
            Ok(Publication(Remote { id: Some(id), url, response: None }))
        }
        429 => Err(PublishError::RateLimited { status, after: answer.retry_after }),
        503 if answer.retry_after.is_some() => Err(PublishError::RateLimited { status, after: answer.retry_after }),
        401 => Err(PublishError::TokenRefused),
        408 | 409 => Err(PublishError::Unknown(format!("status {status}"))),
        400..=499 => Err(PublishError::Rejected(ProviderError { status: Some(status), ..ProviderError::default() })),
        _ => Err(PublishError::Unknown(format!("status {status}"))),
    }
}

/// A text of an answer: bounded, without control characters, and without the access token that was sent.
fn text_at(body: &Value, pointer: &str, sent: &str) -> Option<String> {
    let text = match body.pointer(pointer)? {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    let plain: String = text.chars().filter(|c| !c.is_control()).collect();
    Some(http::scrubbed(&plain, &[sent]).chars().take(MAX_REMOTE).collect())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sealpost_shared::http::Answered;
    use serde_json::json;

    use super::{PublishError, read};

    fn answer(status: u16, retry_after: Option<u64>, body: &str) -> Result<String, PublishError> {
        let publishing =
            serde_json::from_value(json!({"url": "http://127.0.0.1/", "body": {}, "remote_id": "/id"})).unwrap();
        let retry_after = retry_after.map(Duration::from_secs);
        read(&publishing, &Answered { status, retry_after, body: body.into() }, "hunter2")
            .map(|post| post.0.id.unwrap())
    }

    #[test]
    fn only_a_2xx_with_an_id_is_a_post() {
        assert_eq!(answer(201, None, r#"{"id":"7\u001b[2J"}"#).unwrap(), "7[2J");
        assert_eq!(answer(200, None, r#"{"id":991}"#).unwrap(), "991");
        assert_eq!(answer(200, None, r#"{"id":"7?token=hunter2"}"#).unwrap(), "7?token=[removed]");
        for body in ["", "<html>", r#"{"error":"no"}"#, r#"{"id":null}"#] {
            assert!(matches!(answer(200, None, body), Err(PublishError::Unknown(_))), "{body}");
        }
    }

    #[test]
    fn what_is_known_not_to_be_posted_is_told_from_what_is_not_known() {
        assert!(matches!(answer(503, Some(2), ""), Err(PublishError::RateLimited { .. })));
        assert!(matches!(answer(429, None, ""), Err(PublishError::RateLimited { .. })));
        assert!(matches!(answer(401, None, ""), Err(PublishError::TokenRefused)));
        for refused in [400, 403, 404, 422] {
            assert!(matches!(answer(refused, None, ""), Err(PublishError::Rejected(_))), "{refused}");
        }
        for unknown in [302, 408, 409, 500, 502, 503, 504] {
            assert!(matches!(answer(unknown, None, ""), Err(PublishError::Unknown(_))), "{unknown}");
        }
    }
}
