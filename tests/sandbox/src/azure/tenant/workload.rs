//! Workload identity: the tokens of a cluster, which an application of the tenant is federated with.

use std::fs;

use serde_json::{Value, json};

use super::refusal::Refused;
use super::tokens::extend;
use crate::app::now;
use crate::azure::directory::{App, SEALPOST};
use crate::azure::jwt::Jwt;
use crate::azure::keys::Key;
use crate::azure::world::{State, World};

/// Whom a workload's token is for.
const AUDIENCE: &str = "api://AzureADTokenExchange";

/// Signed by the cluster, for the exchange, of the subject that the application is federated with, and timely.
pub(super) fn check(world: &World, state: &State, app: &App, jwt: &Jwt) -> Result<(), Refused> {
    if jwt.claim("iss") != world.places.cluster() {
        return Err(Refused::client(
            700_211,
            "No matching federated identity record found for presented assertion issuer.",
        ));
    }
    if !state.cluster.as_ref().is_some_and(|key| jwt.is_signed_by(key.public_der())) {
        return Err(Refused::client(50_013, "Assertion failed signature validation."));
    }
    if jwt.claim("aud") != AUDIENCE && jwt.claims["aud"] != json!([AUDIENCE]) {
        return Err(Refused::client(
            700_212,
            "No matching federated identity record found for presented assertion audience.",
        ));
    }
    if app.federated_subject.as_deref() != Some(jwt.claim("sub")) {
        return Err(Refused::client(
            700_213,
            "No matching federated identity record found for presented assertion subject.",
        ));
    }
    if !jwt.is_timely(now().as_second()) {
        return Err(Refused::client(700_024, "Client assertion is not within its valid time range."));
    }
    Ok(())
}

/// A new token of the workload, with these claims changed; it is in its file as well. Makes the cluster's key: blocks.
pub(crate) fn token(world: &World, changed: Value) -> Result<String, Refused> {
    let cluster = world.state().cluster.take().map_or_else(Key::new, Ok).map_err(Refused::ours)?;
    let state = &mut *world.state();
    let (at, cluster) = (now().as_second(), state.cluster.insert(cluster));
    let subject = state.directory.app(SEALPOST).and_then(|app| app.federated_subject.as_deref());
    let mut claims = json!({
        "iss": world.places.cluster(), "sub": subject, "aud": [AUDIENCE], "iat": at, "nbf": at, "exp": at + 3600,
    });
    extend(&mut claims, changed);
    let token = cluster.sign(claims.as_object().unwrap_or(&serde_json::Map::new())).map_err(Refused::ours)?;
    fs::write(&world.places.federated_token_file, &token).map_err(Refused::ours)?;
    Ok(token)
}
