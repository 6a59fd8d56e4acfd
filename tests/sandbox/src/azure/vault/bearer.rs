//! Who calls a vault: the token is checked in every way that Key Vault checks one.

use axum::http::{HeaderMap, header};

use super::refusal::Refused;
use crate::app::now;
use crate::azure::directory::vault_audiences;
use crate::azure::jwt::Jwt;
use crate::azure::places::Places;
use crate::azure::world::State;

/// Whom the token speaks for.
pub(crate) struct Caller {
    pub(crate) app_id: String,
    pub(crate) object_id: String,
    pub(crate) issuer: String,
}

/// 401 with the challenge where there is no good token.
pub(super) fn caller(state: &State, places: &Places, vault: &str, headers: &HeaderMap) -> Result<Caller, Refused> {
    let tenant = state.directory.owner(vault);
    let no = |why: &str| Refused::unauthorized(&format!("{}/{tenant}", places.authority), why);
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token =
        value.and_then(|value| value.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let Some((_, token)) = token else { return Err(no("AKV10000: Request is missing a Bearer or PoP token.")) };
    let jwt = Jwt::parse(token.trim()).ok_or_else(|| no("AKV10046: Unable to parse the token."))?;
    let named = jwt.header("kid");
    let key = state.keys.iter().find(|key| Some(key.name()) == named);
    if !key.is_some_and(|key| jwt.is_signed_by(key.public_der())) {
        return Err(no("AKV10046: Unable to resolve the key used for signature validation."));
    }
    let issuer = places.issuer(tenant);
    if jwt.claim("iss") != issuer {
        return Err(no(&format!("AKV10032: Invalid issuer. Expected {issuer}, found {}.", jwt.claim("iss"))));
    }
    if !vault_audiences().contains(&jwt.claim("aud").trim_end_matches('/')) {
        return Err(no(&format!(
            "AKV10022: Invalid audience. Expected https://vault.azure.net, found: {}.",
            jwt.claim("aud")
        )));
    }
    if !jwt.is_timely(now().as_second()) {
        return Err(no("AKV10064: The token is expired or not yet valid."));
    }
    let [app_id, object_id] = ["azp", "oid"].map(|claim| jwt.claim(claim).to_owned());
    Ok(Caller { app_id, object_id, issuer })
}
