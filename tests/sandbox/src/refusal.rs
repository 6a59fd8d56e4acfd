//! A no, as JSON: the errors of RFC 6749 §5.2 (token, revoke) and RFC 6750 §3 (the API).

use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// An error code for programs, a sentence for people, and the status and challenge that go with them.
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) error: &'static str,
    pub(crate) description: String,
    challenge: Option<&'static str>,
}

/// What every answer that carries tokens, codes or errors about them says to caches (RFC 6749 §5.1).
pub(crate) const NO_STORE: [(HeaderName, HeaderValue); 2] = [
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (header::PRAGMA, HeaderValue::from_static("no-cache")),
];

impl Refusal {
    /// A refusal with any status.
    pub(crate) fn new(status: StatusCode, error: &'static str, description: impl Into<String>) -> Self {
        Self { status, error, description: description.into(), challenge: None }
    }

    /// RFC 6749 §5.2, with status 400: `invalid_request`, `invalid_grant`, `invalid_scope`, …
    pub(crate) fn oauth(error: &'static str, description: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error, description)
    }

    /// The client did not prove who it is.
    pub(crate) fn invalid_client(description: &str) -> Self {
        let refusal = Self::new(StatusCode::UNAUTHORIZED, "invalid_client", description);
        Self { challenge: Some(r#"Basic realm="sandbox""#), ..refusal }
    }

    /// RFC 6750 §3.1: the token is unknown, expired or revoked.
    pub(crate) fn invalid_token() -> Self {
        let refusal = Self::new(StatusCode::UNAUTHORIZED, "invalid_token", "the access token is expired or revoked");
        Self { challenge: Some(r#"Bearer realm="sandbox", error="invalid_token""#), ..refusal }
    }

    /// RFC 6750 §3: no token was sent, so the challenge names no error.
    pub(crate) fn no_token() -> Self {
        let refusal = Self::new(StatusCode::UNAUTHORIZED, "invalid_token", "send an access token as Bearer");
        Self { challenge: Some(r#"Bearer realm="sandbox""#), ..refusal }
    }

    /// RFC 6750 §3.1: the token is good, but not for this.
    pub(crate) fn insufficient_scope() -> Self {
        let refusal = Self::new(StatusCode::FORBIDDEN, "insufficient_scope", "the user did not allow this");
        Self { challenge: Some(r#"Bearer realm="sandbox", error="insufficient_scope""#), ..refusal }
    }

    /// Ours, not the client's.
    pub(crate) fn server_error(description: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "server_error", description)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = Json(json!({"error": self.error, "error_description": self.description}));
        let mut response = (self.status, NO_STORE, body).into_response();
        if let Some(challenge) = self.challenge {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        response
    }
}
