//! The tenants: discovery, keys, sign-in and the token endpoint of the Microsoft identity platform (v2.0).

mod assertion;
mod authorize;
mod clients;
mod discovery;
mod endpoint;
pub(crate) mod grants;
mod obo;
pub(crate) mod refusal;
pub(crate) mod scope;
pub(crate) mod tokens;
pub(crate) mod troubles;
pub(crate) mod workload;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;

use super::world::World;
use super::{faults, graph};

pub(crate) fn router(world: &Arc<World>) -> Router {
    Router::new()
        .merge(discovery::routes())
        .merge(authorize::routes())
        .merge(endpoint::routes())
        .merge(graph::routes())
        .layer(from_fn_with_state(world.clone(), faults::at_tenant))
        .with_state(world.clone())
}
