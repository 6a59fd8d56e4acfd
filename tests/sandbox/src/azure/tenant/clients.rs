//! How a client proves itself: a secret (in the form or as Basic), an assertion signed with its certificate's key, or
//! one of the cluster that it is federated with.

use axum::http::{HeaderMap, header};
use base64::prelude::{BASE64_STANDARD, Engine};

use super::refusal::Refused;
use super::tokens::Proof;
use super::{assertion, workload};
use crate::azure::directory::App;
use crate::azure::jwt::Jwt;
use crate::azure::world::{State, World};
use crate::fields::Fields;

/// RFC 7523 §2.2.
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The client, and how it proved itself.
pub(super) fn authenticate(
    world: &World,
    state: &mut State,
    tenant: &str,
    headers: &HeaderMap,
    fields: &Fields,
) -> Result<(App, Proof), Refused> {
    let basic = headers.get(header::AUTHORIZATION).and_then(|value| basic(value.to_str().ok()?));
    let (id, secret) = match &basic {
        Some((id, secret)) => (id.as_str(), Some(secret.as_str())),
        None => (fields.get("client_id").ok_or_else(|| Refused::missing("client_id"))?, fields.get("client_secret")),
    };
    let Some(app) = state.directory.app(id).cloned() else {
        let message = format!("Application with identifier '{id}' was not found in the directory '{tenant}'.");
        return Err(Refused::new("unauthorized_client", 700_016, message));
    };
    if let Some(assertion) = fields.get("client_assertion") {
        if fields.get("client_assertion_type") != Some(JWT_BEARER) {
            return Err(Refused::missing("client_assertion_type"));
        }
        let wrong = || Refused::client(50_027, "JWT token is invalid or malformed.");
        let jwt = Jwt::parse(assertion).ok_or_else(wrong)?;
        if jwt.claim("iss") == app.client_id {
            assertion::check(world, state, tenant, &app, &jwt)?;
        } else {
            workload::check(world, state, &app, &jwt)?;
        }
        return Ok((app, Proof::Certificate));
    }
    match secret {
        Some(secret) if app.secret.as_deref() == Some(secret) => Ok((app, Proof::Secret)),
        Some(_) => Err(Refused::client(7_000_215, "Invalid client secret provided.")),
        None if app.public => Ok((app, Proof::Nothing)),
        None => Err(Refused::client(
            7_000_218,
            "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
        )),
    }
}

fn basic(header: &str) -> Option<(String, String)> {
    let credentials = header.strip_prefix("Basic ")?;
    let credentials = String::from_utf8(BASE64_STANDARD.decode(credentials).ok()?).ok()?;
    let decoded = |word: &str| url::form_urlencoded::parse(word.as_bytes()).next().map(|(name, _)| name.into_owned());
    let (id, secret) = credentials.split_once(':')?;
    Some((decoded(id)?, decoded(secret)?))
}
