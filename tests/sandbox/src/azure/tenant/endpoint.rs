//! `POST /{tenant}/oauth2/v2.0/token`: codes, refresh tokens, clients' own tokens, and on behalf of.

use std::sync::Arc;

use axum::extract::{Path, State as Shared};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};

use super::discovery::{ANY, no_tenant};
use super::refusal::Refused;
use super::scope::Scope;
use super::tokens::{self, Proof, Tokens};
use super::{clients, obo};
use crate::azure::counts::Line;
use crate::azure::world::World;
use crate::fields::Fields;
use crate::refusal::{NO_STORE, Refusal};

const ON_BEHALF_OF: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

pub(super) fn routes() -> Router<Arc<World>> {
    Router::new().route("/{tenant}/oauth2/v2.0/token", post(token))
}

async fn token(
    Shared(world): Shared<Arc<World>>,
    Path(tenant): Path<String>,
    headers: HeaderMap,
    fields: Result<Fields, Refusal>,
) -> Response {
    let named = |name| fields.as_ref().ok().and_then(|fields| fields.get(name));
    let operation = match named("grant_type") {
        Some("authorization_code") => "authorization_code",
        Some("refresh_token") => "refresh_token",
        Some("client_credentials") => "client_credentials",
        Some(ON_BEHALF_OF) => "on_behalf_of",
        _ => "other",
    };
    let of = named("client_id").unwrap_or_default().to_owned();
    let answer = fields
        .map_err(Refused::from)
        .and_then(|fields| answer(&world, &tenant, operation, &headers, &fields))
        .map(|tokens| (NO_STORE, Json(tokens)))
        .into_response();
    let status = answer.status().as_u16();
    world.state().counts.count(Line { at: tenant, operation, of, status });
    answer
}

fn answer(world: &World, tenant: &str, grant: &str, headers: &HeaderMap, fields: &Fields) -> Result<Tokens, Refused> {
    let state = &mut *world.state();
    let any = ANY.contains(&tenant);
    if !any && state.directory.tenant(tenant).is_none() {
        return Err(no_tenant(tenant));
    }
    let (app, proof) = clients::authenticate(world, state, tenant, headers, fields)?;
    let required = |name: &str| fields.get(name).ok_or_else(|| Refused::missing(name));
    let asked = fields.get("scope").map(|scope| Scope::of(scope, &state.directory)).transpose()?;
    let settings = state.settings;
    let (session, scope, refresh) = match grant {
        "client_credentials" => {
            if any || proof == Proof::Nothing {
                return Err(Refused::new(
                    "unauthorized_client",
                    53_003,
                    "A tenant's own client has a token of its own.",
                ));
            }
            let scope = required("scope")?;
            let scope = scope.strip_suffix("/.default").ok_or_else(|| {
                Refused::new(
                    "invalid_scope",
                    1_002_012,
                    "Client credential flows must have a scope value with /.default.",
                )
            })?;
            let scope = scope.trim_end_matches('/');
            let Some(resource) = state.directory.resource(scope) else {
                let message = format!("The resource principal named {scope} was not found in the tenant.");
                return Err(Refused::new("invalid_resource", 500_011, message));
            };
            return tokens::for_app(world, state, tenant, &app.client_id, proof, resource);
        }
        "authorization_code" => {
            let (code, to, verifier) = (required("code")?, required("redirect_uri")?, fields.get("code_verifier"));
            let session = state.grants.redeem(code, &app.client_id, to, verifier)?;
            let refresh = session.scope.offline.then(|| state.grants.begin(session.clone(), settings)).transpose()?;
            let scope = session.scope.clone();
            (session, scope, refresh)
        }
        "refresh_token" => {
            let (session, next) = state.grants.refresh(required("refresh_token")?, &app.client_id, settings)?;
            let scope = asked.unwrap_or_else(|| session.scope.clone());
            (session, scope, Some(next))
        }
        "on_behalf_of" => {
            let scope = asked.ok_or_else(|| Refused::missing("scope"))?;
            let session = obo::session(world, state, tenant, (&app, proof), fields, &scope)?;
            state.troubles.check(&session)?;
            let refresh = scope.offline.then(|| state.grants.begin(session.clone(), settings)).transpose()?;
            (session, scope, refresh)
        }
        _ => {
            required("grant_type")?;
            return Err(Refused::new("unsupported_grant_type", 70_003, "The app requested an unsupported grant type."));
        }
    };
    if !any && session.tenant != tenant {
        return Err(Refused::grant(700_005, "The grant is of another tenant."));
    }
    state.troubles.check(&session)?;
    if !scope.is_within(&session.scope) {
        let refused = Refused::grant(65_001, "The user or administrator has not consented to use the application.");
        return Err(refused.with(Some("consent_required".into()), None));
    }
    let mut tokens = tokens::for_user(world, state, &session, proof, &scope)?;
    tokens.refresh_token = refresh;
    if fields.get("client_info").is_none() {
        tokens.client_info = None;
    }
    Ok(tokens)
}
