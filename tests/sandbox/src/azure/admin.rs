//! The back door for tests, on a port of its own, without proof: what an administrator, a user or an hour does elsewhere.

use std::sync::Arc;

use axum::extract::State as Shared;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::directory::{FRONT, SEALPOST, object_id};
use super::faults;
use super::keys::{Certified, Key};
use super::tenant::grants::Session;
use super::tenant::refusal::Refused;
use super::tenant::tokens::{extend, sign};
use super::tenant::troubles::Trouble;
use super::tenant::workload;
use super::vault::refusal::Refused as VaultRefused;
use super::vault::roles::Assignment;
use super::vault::secrets::{Attributes, Settable};
use super::world::{Settings, World};
use crate::app::now;

type OfWorld = Shared<Arc<World>>;

pub(crate) fn router(world: &Arc<World>) -> Router {
    Router::new()
        .route("/faults", get(faults::waiting).post(faults::switch_on).delete(faults::switch_off))
        .route("/counts", get(counts).delete(forget_counts))
        .route("/settings", get(settings).post(set_settings))
        .route("/secrets", post(secret))
        .route("/attributes", post(attributes))
        .route("/vaults", post(vault))
        .route("/roles", post(role))
        .route("/users", post(user))
        .route("/tokens", post(token))
        .route("/workload", post(workload_token))
        .route("/certificates", post(certificate))
        .route("/keys", post(new_key))
        .with_state(world.clone())
}

async fn counts(Shared(world): OfWorld) -> Json<Value> {
    Json(json!({"counts": world.state().counts.all()}))
}

async fn forget_counts(Shared(world): OfWorld) -> StatusCode {
    world.state().counts.clear();
    StatusCode::NO_CONTENT
}

async fn settings(Shared(world): OfWorld) -> Json<Settings> {
    Json(world.state().settings)
}

/// All of them: what is left out is as at the start.
async fn set_settings(Shared(world): OfWorld, Json(new): Json<Settings>) -> StatusCode {
    world.state().settings = new;
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Secret {
    vault: String,
    name: String,
    value: String,
}

/// A new version, as from an operator's own tools.
async fn secret(Shared(world): OfWorld, Json(new): Json<Secret>) -> Result<Json<Value>, VaultRefused> {
    let state = &mut *world.state();
    let vault = state.vaults.entry(new.vault).or_default();
    let (_, version) = vault.set(&new.name, new.value, Settable::default())?;
    Ok(Json(json!({"version": version.id})))
}

#[derive(Deserialize)]
struct Change {
    vault: String,
    name: String,
    version: Option<String>,
    #[serde(flatten)]
    attributes: Attributes,
}

/// `enabled`, `nbf`, `exp` of a version, or of the latest.
async fn attributes(Shared(world): OfWorld, Json(change): Json<Change>) -> Result<StatusCode, VaultRefused> {
    let state = &mut *world.state();
    let vault = state.vaults.entry(change.vault).or_default();
    let (_, version) = vault.version(&change.name.to_ascii_lowercase(), change.version.as_deref())?;
    version.update(Settable { attributes: change.attributes, ..Settable::default() })?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfVault {
    name: String,
    #[serde(default)]
    purge_protection: bool,
    #[serde(default)]
    policies: bool,
}

async fn vault(Shared(world): OfWorld, Json(of): Json<OfVault>) -> StatusCode {
    let state = &mut *world.state();
    let vault = state.vaults.entry(of.name).or_default();
    (vault.has_purge_protection, vault.has_policies) = (of.purge_protection, of.policies);
    StatusCode::NO_CONTENT
}

async fn role(Shared(world): OfWorld, Json(new): Json<Assignment>) -> StatusCode {
    world.state().roles.assign(new);
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfUser {
    tenant: Option<String>,
    user: String,
    /// What every token call for the user is refused with; null takes it back.
    refuse: Option<Trouble>,
    #[serde(default)]
    revoke: bool,
}

async fn user(Shared(world): OfWorld, Json(of): Json<OfUser>) -> Json<Value> {
    let tenant = of.tenant.unwrap_or_else(|| world.places.tenant.clone());
    let state = &mut *world.state();
    let ended = if of.revoke { state.grants.end_all_of(&tenant, &of.user) } else { 0 };
    state.troubles.put(tenant.clone(), of.user.clone(), of.refuse);
    Json(json!({"oid": object_id(&tenant, &of.user), "tid": tenant, "ended": ended}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfToken {
    tenant: Option<String>,
    user: String,
    audience: Option<String>,
    /// Put in last; null takes one out.
    #[serde(default)]
    claims: Value,
}

/// The access token that a front end of the user's would bring: for Sealpost, from the front application.
async fn token(Shared(world): OfWorld, Json(of): Json<OfToken>) -> Result<Json<Value>, Refused> {
    let tenant = of.tenant.unwrap_or_else(|| world.places.tenant.clone());
    let (state, at) = (&*world.state(), now().as_second());
    let session = Session {
        tenant: tenant.clone(),
        user: of.user,
        client_id: FRONT.into(),
        nonce: None,
        scope: Default::default(),
        met_challenge: false,
    };
    let id = object_id(&tenant, &session.user);
    let mut claims = json!({
        "aud": of.audience.as_deref().unwrap_or("api://sealpost"), "iss": world.places.issuer(&tenant), "iat": at,
        "nbf": at, "exp": at + i64::from(state.settings.access_ttl), "tid": tenant, "oid": id, "sub": id, "azp": FRONT,
        "scp": "Connect", "preferred_username": session.login(&state.directory), "ver": "2.0",
    });
    extend(&mut claims, of.claims);
    Ok(Json(json!({"access_token": sign(state, &claims)?})))
}

/// A new token of the workload, with the claims of the body changed.
async fn workload_token(Shared(world): OfWorld, Json(changed): Json<Value>) -> Result<Json<Value>, Refused> {
    let made = tokio::task::spawn_blocking(move || workload::token(&world, changed)).await;
    Ok(Json(json!({"token": made.map_err(Refused::ours)??})))
}

/// A new certificate of Sealpost's; the tenant knows it, and the answer has its key.
async fn certificate(Shared(world): OfWorld) -> Result<Json<Value>, Refused> {
    let made = tokio::task::spawn_blocking(|| Certified::new("sealpost")).await;
    let made = made.map_err(Refused::ours)?.map_err(Refused::ours)?;
    let state = &mut *world.state();
    if let Some(app) = state.directory.apps.iter_mut().find(|app| app.client_id == SEALPOST) {
        app.certificates.push(made.certificate_der);
    }
    Ok(Json(json!({"certificate": made.certificate_pem, "key": made.key_pem})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rotation {
    #[serde(default)]
    forget_old: bool,
}

/// A new signing key of the tenants; the old ones are told beside it, or forgotten.
async fn new_key(Shared(world): OfWorld, Json(rotation): Json<Rotation>) -> Result<StatusCode, Refused> {
    let key = tokio::task::spawn_blocking(Key::new).await.map_err(Refused::ours)?.map_err(Refused::ours)?;
    let state = &mut *world.state();
    if rotation.forget_old {
        state.keys.clear();
    }
    state.keys.insert(0, key);
    Ok(StatusCode::NO_CONTENT)
}
