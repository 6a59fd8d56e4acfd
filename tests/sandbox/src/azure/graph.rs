//! The part of Microsoft Graph that Sealpost acts at: a message in a chat, by a user's token with scope `ChatMessage.Send`. It
//! is at the tenants' address.

use std::sync::Arc;

use axum::extract::{Path, State as Shared};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use uuid::Uuid;

use super::counts::Line;
use super::jwt::Jwt;
use super::world::{State, World};
use crate::app::now;

const AUDIENCE: &str = "https://graph.microsoft.com";
const SCOPE: &str = "ChatMessage.Send";

pub(super) fn routes() -> Router<Arc<World>> {
    Router::new().route("/v1.0/chats/{chat}/messages", post(message))
}

async fn message(
    Shared(world): Shared<Arc<World>>,
    Path(chat): Path<String>,
    headers: HeaderMap,
    Json(message): Json<Value>,
) -> Response {
    let state = &mut *world.state();
    let jwt = token(&headers);
    let (status, answer) = match jwt.as_ref().ok_or("CompactToken parsing failed.").and_then(|jwt| check(state, jwt)) {
        Err(why) => (StatusCode::UNAUTHORIZED, refused("InvalidAuthenticationToken", why)),
        Ok(scopes) if !scopes.split(' ').any(|scope| scope == SCOPE) => {
            (StatusCode::FORBIDDEN, refused("Forbidden", "Missing scope permissions on the request."))
        }
        Ok(_) if !message["body"]["content"].is_string() => {
            (StatusCode::BAD_REQUEST, refused("BadRequest", "Missing body content."))
        }
        Ok(_) => {
            let id = Uuid::new_v4();
            (StatusCode::CREATED, json!({"id": id, "chatId": chat, "body": message["body"]}))
        }
    };
    let claim = |name| jwt.as_ref().map(|jwt| jwt.claim(name).to_owned()).unwrap_or_default();
    state.counts.count(Line { at: claim("tid"), operation: "message", of: claim("oid"), status: status.as_u16() });
    (status, Json(answer)).into_response()
}

fn token(headers: &HeaderMap) -> Option<Jwt> {
    Jwt::parse(headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")?)
}

/// The scopes of a good token.
fn check<'a>(state: &State, jwt: &'a Jwt) -> Result<&'a str, &'static str> {
    let key = state.keys.iter().find(|key| Some(key.name()) == jwt.header("kid"));
    if !key.is_some_and(|key| jwt.is_signed_by(key.public_der())) {
        return Err("Signature is invalid.");
    }
    if jwt.claim("aud") != AUDIENCE {
        return Err("Access token validation failure. Invalid audience.");
    }
    if !jwt.is_timely(now().as_second()) {
        return Err("Lifetime validation failed, the token is expired.");
    }
    Ok(jwt.claim("scp"))
}

fn refused(code: &str, message: &str) -> Value {
    json!({"error": {"code": code, "message": message}})
}
