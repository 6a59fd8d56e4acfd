//! `private_key_jwt`: an assertion that a client signed with its certificate's key (RFC 7523 §3).

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::refusal::Refused;
use crate::app::now;
use crate::azure::directory::App;
use crate::azure::jwt::Jwt;
use crate::azure::world::{State, World};

/// Named by a thumbprint, signed, for this tenant, of the client, timely, and not seen before.
pub(super) fn check(world: &World, state: &mut State, tenant: &str, app: &App, jwt: &Jwt) -> Result<(), Refused> {
    let named = |der: &&Vec<u8>| {
        let is = |name, algorithm| jwt.header(name) == Some(&BASE64_URL_SAFE_NO_PAD.encode(digest(algorithm, der)));
        is("x5t", &SHA1_FOR_LEGACY_USE_ONLY) || is("x5t#S256", &SHA256)
    };
    let Some(der) = app.certificates.iter().find(named) else {
        return Err(Refused::client(
            700_027,
            "The certificate with identifier used to sign the client assertion is not registered on application.",
        ));
    };
    let (_, certificate) = X509Certificate::from_der(der).map_err(Refused::ours)?;
    if !jwt.is_signed_by(&certificate.public_key().subject_public_key.data) {
        return Err(Refused::client(700_027, "Client assertion failed signature validation."));
    }
    let token_endpoint = format!("{}/{tenant}/oauth2/v2.0/token", world.places.authority);
    if jwt.claim("aud") != token_endpoint && jwt.claim("aud") != world.places.issuer(tenant) {
        return Err(Refused::client(700_023, "Client assertion audience claim does not match Realm issuer."));
    }
    if jwt.claim("sub") != app.client_id {
        return Err(Refused::client(700_021, "Client assertion subject does not match the application identifier."));
    }
    if !jwt.is_timely(now().as_second()) {
        return Err(Refused::client(700_024, "Client assertion is not within its valid time range."));
    }
    if jwt.claim("jti").is_empty() {
        return Err(Refused::client(50_027, "JWT token is invalid or malformed: jti is missing."));
    }
    if !state.grants.is_new_assertion(&app.client_id, jwt.claim("jti")) {
        return Err(Refused::client(700_028, "Client assertion was used before."));
    }
    Ok(())
}
