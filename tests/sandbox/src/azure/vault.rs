//! The vaults: Key Vault's REST API for secrets, on the host that names the vault.

mod answers;
mod bearer;
mod carried_out;
pub(crate) mod refusal;
pub(crate) mod request;
pub(crate) mod roles;
pub(crate) mod secrets;

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, Uri, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};

use self::refusal::Refused;
use self::request::Asked;
use super::counts::Line;
use super::faults;
use super::world::World;

/// What a vault's host is called, after its own name.
const DOMAIN: &str = ".vault.azure.net";

pub(crate) fn router(world: &Arc<World>) -> Router {
    Router::new().fallback(answer).layer(from_fn_with_state(world.clone(), faults::at_vault)).with_state(world.clone())
}

/// The vault's name; none where the host is no vault's (RFC 9112 §3.2: a request names its host).
pub(crate) fn name_of(headers: &HeaderMap) -> Option<&str> {
    let host = headers.get(header::HOST)?.to_str().ok()?;
    let name = host.split(':').next()?.strip_suffix(DOMAIN)?;
    let good = name.len() >= 3 && name.len() <= 24 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    good.then_some(name)
}

async fn answer(
    State(world): State<Arc<World>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Some(vault) = name_of(&headers) else { return Refused::no_vault().into_response() };
    let asked = Asked::of(&method, &uri);
    let line = asked.as_ref().ok().map(|asked| (asked.operation.name(), asked.secret.clone().unwrap_or_default()));
    let answer = asked.and_then(|asked| carried_out::carry_out(&world, vault, &headers, &asked, &body)).into_response();
    if let Some((operation, of)) = line {
        let status = answer.status().as_u16();
        world.state().counts.count(Line { at: vault.to_owned(), operation, of, status });
    }
    answer
}
