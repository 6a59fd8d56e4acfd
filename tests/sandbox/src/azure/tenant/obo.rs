//! On behalf of: a user's access token for us becomes one for somebody else.

use super::grants::Session;
use super::refusal::Refused;
use super::scope::Scope;
use super::tokens::Proof;
use crate::app::now;
use crate::azure::directory::{App, Directory, object_id};
use crate::azure::jwt::Jwt;
use crate::azure::world::{State, World};
use crate::fields::Fields;

/// Whom the assertion speaks for, as a session of ours.
pub(super) fn session(
    world: &World,
    state: &State,
    tenant: &str,
    (app, proof): (&App, Proof),
    fields: &Fields,
    scope: &Scope,
) -> Result<Session, Refused> {
    if fields.get("requested_token_use") != Some("on_behalf_of") {
        let message = "The required field 'requested_token_use' is missing or not 'on_behalf_of'.";
        return Err(Refused::new("invalid_request", 90_014, message));
    }
    if proof == Proof::Nothing {
        return Err(Refused::client(7_000_218, "A public client cannot act on behalf of a user."));
    }
    let assertion = fields.get("assertion").ok_or_else(|| Refused::missing("assertion"))?;
    let no = |code, message| Err(Refused::grant(code, message));
    let Some(jwt) = Jwt::parse(assertion) else { return no(50_027, "JWT token is invalid or malformed.") };
    let key = state.keys.iter().find(|key| Some(key.name()) == jwt.header("kid"));
    if !key.is_some_and(|key| jwt.is_signed_by(key.public_der())) {
        return no(50_013, "Assertion failed signature validation.");
    }
    if jwt.claim("iss") != world.places.issuer(tenant) {
        return no(50_013, "Assertion is not of this tenant.");
    }
    if ![app.app_id_uri.as_deref(), Some(app.client_id.as_str())].contains(&Some(jwt.claim("aud"))) {
        return no(500_131, "Assertion audience does not match the Client app presenting the assertion.");
    }
    if !jwt.is_timely(now().as_second()) {
        return no(500_133, "Assertion is not within its valid time range.");
    }
    let Some(user) = user(&state.directory, tenant, jwt.claim("oid")).filter(|_| !jwt.claim("scp").is_empty()) else {
        return no(7_000_114, "An application's token is no assertion: it speaks for no user.");
    };
    Ok(Session {
        tenant: tenant.to_owned(),
        user,
        client_id: app.client_id.clone(),
        nonce: None,
        scope: scope.clone(),
        met_challenge: jwt.claims["acrs"].as_array().is_some_and(|met| !met.is_empty()),
    })
}

fn user(directory: &Directory, tenant: &str, id: &str) -> Option<String> {
    directory.tenant(tenant)?.users.iter().find(|user| object_id(tenant, user) == id).cloned()
}
