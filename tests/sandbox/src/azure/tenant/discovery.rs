//! What a tenant says of itself, and the keys. `common` and `organizations` name a template as issuer, as Entra's do.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::refusal::Refused;
use crate::azure::counts::Line;
use crate::azure::keys::Key;
use crate::azure::world::World;

/// Not tenants, but "the user's own".
pub(super) const ANY: [&str; 2] = ["common", "organizations"];

pub(super) fn routes() -> Router<Arc<World>> {
    Router::new()
        .route("/{tenant}/v2.0/.well-known/openid-configuration", get(about))
        .route("/{tenant}/discovery/v2.0/keys", get(keys))
        .route("/cluster/.well-known/openid-configuration", get(about_cluster))
        .route("/cluster/keys", get(cluster_keys))
}

async fn about(State(world): State<Arc<World>>, Path(tenant): Path<String>) -> Result<Json<Value>, Refused> {
    let at = format!("{}/{tenant}", world.places.authority);
    let issuer = if ANY.contains(&tenant.as_str()) {
        world.places.issuer("{tenantid}")
    } else {
        known(&world, &tenant)?;
        world.places.issuer(&tenant)
    };
    Ok(Json(json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{at}/oauth2/v2.0/authorize"),
        "token_endpoint": format!("{at}/oauth2/v2.0/token"),
        "jwks_uri": format!("{at}/discovery/v2.0/keys"),
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
        "response_types_supported": ["code"], "response_modes_supported": ["query"],
        "subject_types_supported": ["pairwise"], "id_token_signing_alg_values_supported": ["RS256"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
    })))
}

async fn keys(State(world): State<Arc<World>>, Path(tenant): Path<String>) -> Result<Json<Value>, Refused> {
    if !ANY.contains(&tenant.as_str()) {
        known(&world, &tenant)?;
    }
    let state = &mut *world.state();
    state.counts.count(Line { at: tenant, operation: "keys", of: String::new(), status: 200 });
    // Entra's say for whom they sign: for every directory, those that its tokens are signed with.
    let issuer = world.places.issuer("{tenantid}");
    let public = |key: &Key| {
        let mut public = key.public();
        public["issuer"] = issuer.clone().into();
        public
    };
    Ok(Json(json!({"keys": state.keys.iter().map(public).collect::<Vec<_>>()})))
}

async fn about_cluster(State(world): State<Arc<World>>) -> Json<Value> {
    let issuer = world.places.cluster();
    Json(json!({"issuer": issuer, "jwks_uri": format!("{issuer}/keys")}))
}

async fn cluster_keys(State(world): State<Arc<World>>) -> Json<Value> {
    Json(json!({"keys": world.state().cluster.iter().map(Key::public).collect::<Vec<_>>()}))
}

fn known(world: &World, tenant: &str) -> Result<(), Refused> {
    let found = world.state().directory.tenant(tenant).is_some();
    if found { Ok(()) } else { Err(no_tenant(tenant)) }
}

pub(super) fn no_tenant(tenant: &str) -> Refused {
    Refused::new("invalid_request", 90_002, format!("Tenant '{tenant}' not found."))
}
