//! Access tokens and ID tokens, and the answer that carries them.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use serde::Serialize;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::grants::Session;
use super::refusal::Refused;
use super::scope::Scope;
use crate::app::now;
use crate::azure::directory::{App, object_id};
use crate::azure::world::{State, World};

/// How a client proved itself, as tokens tell it (`azpacr`).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Proof {
    Nothing = 0,
    Secret = 1,
    Certificate = 2,
}

/// The answer of the token endpoint.
#[derive(Serialize)]
pub(crate) struct Tokens {
    token_type: &'static str,
    scope: String,
    /// Seconds.
    pub(crate) expires_in: u32,
    ext_expires_in: u32,
    pub(crate) access_token: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) refresh_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client_info: Option<String>,
    #[serde(skip)]
    pub(crate) expires_on: i64,
    #[serde(skip)]
    pub(crate) not_before: i64,
}

/// An application's own token.
pub(crate) fn for_app(
    world: &World,
    state: &State,
    tenant: &str,
    client_id: &str,
    proof: Proof,
    resource: &App,
) -> Result<Tokens, Refused> {
    let id = object_id(tenant, client_id);
    let own = json!({"oid": id, "sub": id, "idtyp": "app", "azp": client_id, "azpacr": (proof as u8).to_string()});
    issue(world, state, tenant, resource, own, "")
}

/// A user's, for a client: the refresh token and the ID token are the caller's to add.
pub(crate) fn for_user(
    world: &World,
    state: &State,
    session: &Session,
    proof: Proof,
    scope: &Scope,
) -> Result<Tokens, Refused> {
    let resource = state.directory.resource(&scope.resource).unwrap_or_else(|| &state.directory.apps[0]);
    let Session { tenant, user, client_id, .. } = session;
    let mut own = json!({
        "oid": object_id(tenant, user), "sub": pairwise(tenant, user, &resource.client_id), "azp": client_id,
        "azpacr": (proof as u8).to_string(), "scp": scope.names.join(" "), "name": user,
        "preferred_username": session.login(&state.directory),
    });
    if session.met_challenge {
        own["acrs"] = json!(["c1"]);
    }
    let mut tokens = issue(world, state, tenant, resource, own, &scope.granted())?;
    if scope.openid {
        tokens.id_token = Some(id_token(world, state, session)?);
    }
    let info = json!({"uid": object_id(tenant, user), "utid": tenant});
    tokens.client_info = Some(BASE64_URL_SAFE_NO_PAD.encode(info.to_string()));
    Ok(tokens)
}

fn issue(
    world: &World,
    state: &State,
    tenant: &str,
    resource: &App,
    own: Value,
    scope: &str,
) -> Result<Tokens, Refused> {
    let (at, life) = (now().as_second(), state.settings.access_ttl);
    let expires_on = at + i64::from(life);
    // The vault's tokens name it by its address, others' by client id, as in v2.0 tokens.
    let uri = resource.app_id_uri.as_deref().unwrap_or(&resource.client_id);
    let mut claims = json!({
        "aud": uri, "iss": world.places.issuer(tenant), "iat": at, "nbf": at, "exp": expires_on, "tid": tenant,
        "ver": "2.0", "uti": Uuid::new_v4(),
    });
    extend(&mut claims, own);
    Ok(Tokens {
        token_type: "Bearer",
        scope: scope.to_owned(),
        expires_in: life,
        ext_expires_in: life,
        access_token: sign(state, &claims)?,
        refresh_token: None,
        id_token: None,
        client_info: None,
        expires_on,
        not_before: at,
    })
}

/// Owner and tenant are `oid` and `tid`; `sub` is another for every client (pairwise).
fn id_token(world: &World, state: &State, session: &Session) -> Result<String, Refused> {
    let (at, Session { tenant, user, client_id, .. }) = (now().as_second(), session);
    let login = session.login(&state.directory);
    let mut claims = json!({
        "aud": client_id, "iss": world.places.issuer(tenant), "iat": at, "nbf": at, "exp": at + 3600, "tid": tenant,
        "oid": object_id(tenant, user), "sub": pairwise(tenant, user, client_id), "name": user,
        "preferred_username": login, "email": login, "ver": "2.0", "uti": Uuid::new_v4(),
    });
    if let Some(nonce) = &session.nonce {
        claims["nonce"] = nonce.clone().into();
    }
    sign(state, &claims)
}

/// With the newest key.
pub(crate) fn sign(state: &State, claims: &Value) -> Result<String, Refused> {
    let key = state.keys.first().ok_or_else(|| Refused::ours("there is no key"))?;
    key.sign(claims.as_object().unwrap_or(&Map::new())).map_err(Refused::ours)
}

/// `null` takes a claim out.
pub(crate) fn extend(claims: &mut Value, with: Value) {
    if let (Value::Object(claims), Value::Object(with)) = (claims, with) {
        claims.extend(with);
        claims.retain(|_, value| !value.is_null());
    }
}

fn pairwise(tenant: &str, user: &str, audience: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(format!("{tenant}/{user}/{audience}")))
}
