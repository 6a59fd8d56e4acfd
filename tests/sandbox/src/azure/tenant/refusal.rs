//! A tenant's no: an OAuth error with Microsoft's number, ids to trace it by and, where a user can help, `suberror` and `claims`.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use uuid::Uuid;

use crate::app::now;
use crate::refusal::{NO_STORE, Refusal};

pub(crate) struct Refused {
    status: StatusCode,
    pub(crate) error: String,
    code: u32,
    message: String,
    suberror: Option<String>,
    claims: Option<String>,
}

impl Refused {
    /// With status 400.
    pub(crate) fn new(error: &str, code: u32, message: impl Into<String>) -> Self {
        let status = StatusCode::BAD_REQUEST;
        Self { status, error: error.into(), code, message: message.into(), suberror: None, claims: None }
    }

    /// The client did not prove who it is: 401.
    pub(crate) fn client(code: u32, message: &str) -> Self {
        Self { status: StatusCode::UNAUTHORIZED, ..Self::new("invalid_client", code, message) }
    }

    pub(crate) fn grant(code: u32, message: &str) -> Self {
        Self::new("invalid_grant", code, message)
    }

    pub(crate) fn missing(field: &str) -> Self {
        let message = format!("The request body must contain the following parameter: '{field}'.");
        Self::new("invalid_request", 900_144, message)
    }

    /// What a client of the user's is to show, and what it is to hand on when the user signs in.
    pub(crate) fn with(self, suberror: Option<String>, claims: Option<String>) -> Self {
        Self { suberror, claims, ..self }
    }

    pub(crate) fn ours(why: impl std::fmt::Display) -> Self {
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        Self { status, ..Self::new("server_error", 90_036, format!("An unexpected error: {why}")) }
    }

    pub(crate) fn description(&self) -> String {
        format!("AADSTS{}: {}", self.code, self.message)
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self::new(refusal.error, 90_014, refusal.description)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let [trace, correlation] = [Uuid::new_v4(), Uuid::new_v4()];
        let at = now().strftime("%Y-%m-%d %H:%M:%SZ").to_string();
        let text = self.description();
        let mut body = json!({
            "error": self.error,
            "error_description": format!("{text} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {at}"),
            "error_codes": [self.code], "timestamp": at, "trace_id": trace, "correlation_id": correlation,
        });
        for (name, value) in [("suberror", self.suberror), ("claims", self.claims)] {
            if let Some(value) = value {
                body[name] = value.into();
            }
        }
        (self.status, NO_STORE, Json(body)).into_response()
    }
}
