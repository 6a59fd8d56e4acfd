//! The managed identity's endpoint, in the form that App Service and Container Apps give it: plain http on loopback, a
//! header that proves that the caller is on the machine, and texts where others have numbers.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;

use super::counts::Line;
use super::directory::MANAGED;
use super::faults;
use super::places::IDENTITY_HEADER;
use super::tenant::tokens::{self, Proof};
use super::world::World;

#[derive(Deserialize)]
struct Wanted {
    resource: String,
    #[serde(rename = "api-version")]
    api_version: String,
    client_id: Option<String>,
}

pub(crate) fn router(world: &Arc<World>) -> Router {
    Router::new()
        .route("/msi/token", get(token))
        .layer(from_fn_with_state(world.clone(), faults::at_identity))
        .with_state(world.clone())
}

async fn token(State(world): State<Arc<World>>, headers: HeaderMap, Query(wanted): Query<Wanted>) -> Response {
    let answer = issued(&world, &headers, &wanted);
    let line =
        Line { at: "identity".into(), operation: "token", of: wanted.resource, status: answer.status().as_u16() };
    world.state().counts.count(line);
    answer
}

fn issued(world: &World, headers: &HeaderMap, wanted: &Wanted) -> Response {
    let no = |status: StatusCode, message: &str| {
        (status, Json(json!({"statusCode": status.as_u16(), "message": message}))).into_response()
    };
    if headers.get("x-identity-header").is_none_or(|header| header != IDENTITY_HEADER) {
        return no(StatusCode::UNAUTHORIZED, "X-IDENTITY-HEADER is missing or wrong.");
    }
    if wanted.api_version != "2019-08-01" {
        return no(StatusCode::BAD_REQUEST, "The api-version is not 2019-08-01.");
    }
    if wanted.client_id.as_deref().is_some_and(|id| id != MANAGED) {
        return no(
            StatusCode::BAD_REQUEST,
            "No User Assigned or Delegated Managed Identity found for specified ClientId.",
        );
    }
    let state = &*world.state();
    let Some(resource) = state.directory.resource(&wanted.resource) else {
        return no(StatusCode::BAD_REQUEST, "The resource is not known in the tenant.");
    };
    match tokens::for_app(world, state, &world.places.tenant, MANAGED, Proof::Certificate, resource) {
        Ok(tokens) => Json(json!({
            "access_token": tokens.access_token, "client_id": MANAGED, "expires_in": tokens.expires_in.to_string(),
            "expires_on": tokens.expires_on.to_string(), "not_before": tokens.not_before.to_string(),
            "resource": wanted.resource, "token_type": "Bearer",
        }))
        .into_response(),
        Err(refused) => refused.into_response(),
    }
}
