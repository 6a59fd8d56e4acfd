//! Faults of the vaults and the tenants, with all the kinds of the practice platform's (`../faults.rs`).
//!
//! `POST /faults {"at": "vault", "kind": "status", "status": 429, "headers": {"retry-after": "1"}}` spoils the next request;
//! `"n": 3` three, `"always": true` all until they are taken back (`DELETE /faults`). `vault`, `operation` (as in the counts), `secret` and, at the
//! tenant, `path` (its last part) narrow it. A fault with a number lets a vault's requests without a token pass: a client's first is one, to be
//! told the tenant, and would eat the fault. An empty body becomes the one that goes with the status.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::vault::name_of;
use super::vault::request::Asked;
use super::world::World;
use crate::faults::Fault;
use crate::refusal::Refusal;

#[derive(Default)]
pub(crate) struct Faults {
    waiting: Vec<(Meant, Fault)>,
    fired: u64,
}

/// Which requests a fault meets.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
struct Meant {
    at: Place,
    always: bool,
    vault: Option<String>,
    operation: Option<String>,
    secret: Option<String>,
    #[serde(rename = "path")]
    last: Option<String>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Place {
    #[default]
    Vault,
    Tenant,
    Identity,
}

/// What a request is, as far as faults ask.
struct Met<'a> {
    at: Place,
    vault: Option<&'a str>,
    operation: Option<&'static str>,
    secret: Option<&'a str>,
    last: &'a str,
    has_token: bool,
}

impl Meant {
    fn meets(&self, met: &Met<'_>) -> bool {
        let same = |wanted: &Option<String>, is: Option<&str>| wanted.is_none() || wanted.as_deref() == is;
        self.at == met.at
            && (self.always || met.has_token)
            && same(&self.vault, met.vault)
            && same(&self.operation, met.operation)
            && same(&self.secret, met.secret)
            && same(&self.last, Some(met.last))
    }
}

impl Faults {
    fn take(&mut self, met: &Met<'_>) -> Option<Fault> {
        let index = self.waiting.iter().position(|(meant, _)| meant.meets(met))?;
        self.fired += 1;
        let (meant, fault) = &mut self.waiting[index];
        if meant.always {
            return Some(fault.clone());
        }
        fault.n -= 1;
        let fault = fault.clone();
        self.waiting.retain(|(_, fault)| fault.n > 0);
        Some(fault)
    }
}

pub(crate) async fn waiting(State(world): State<Arc<World>>) -> Json<Value> {
    let state = world.state();
    Json(json!({"waiting": state.faults.waiting, "fired": state.faults.fired}))
}

pub(crate) async fn switch_on(
    State(world): State<Arc<World>>,
    Json(mut how): Json<Map<String, Value>>,
) -> Result<StatusCode, Refusal> {
    let wrong = |error: serde_json::Error| Refusal::oauth("invalid_fault", error.to_string());
    let names = ["at", "always", "vault", "operation", "secret", "path"];
    let meant: Map<_, _> = names.iter().filter_map(|&name| how.remove_entry(name)).collect();
    let meant: Meant = serde_json::from_value(meant.into()).map_err(wrong)?;
    how.insert("path".into(), "*".into());
    let mut fault: Fault = serde_json::from_value(how.into()).map_err(wrong)?;
    fault.check()?;
    if fault.body.is_empty() && fault.status >= 400 {
        fault.body = usual_body(meant.at, fault.status).to_string();
        fault.headers.entry("content-type".into()).or_insert("application/json".into());
    }
    world.state().faults.waiting.push((meant, fault));
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn switch_off(State(world): State<Arc<World>>) -> StatusCode {
    world.state().faults.waiting.clear();
    StatusCode::NO_CONTENT
}

fn usual_body(at: Place, status: u16) -> Value {
    if at == Place::Vault {
        let (code, message) = match status {
            429 => ("Throttled", "Request was not processed because too many requests were received."),
            503 => ("ServiceUnavailable", "The service is temporarily unavailable."),
            _ => ("InternalServerError", "An internal server error occurred."),
        };
        return json!({"error": {"code": code, "message": message}});
    }
    let (error, code) = match status {
        429 | 503 => ("temporarily_unavailable", 90033),
        _ => ("server_error", 90036),
    };
    json!({"error": error, "error_description": format!("AADSTS{code}: A transient error has occurred. Please try again."),
           "error_codes": [code]})
}

pub(crate) async fn at_vault(State(world): State<Arc<World>>, request: Request, next: Next) -> Response {
    let asked = Asked::of(request.method(), request.uri()).ok();
    let met = Met {
        at: Place::Vault,
        vault: name_of(request.headers()),
        operation: asked.as_ref().map(|asked| asked.operation.name()),
        secret: asked.as_ref().and_then(|asked| asked.secret.as_deref()),
        last: "",
        has_token: request.headers().contains_key(header::AUTHORIZATION),
    };
    let fault = world.state().faults.take(&met);
    spoilt(fault, request, next).await
}

pub(crate) async fn at_tenant(State(world): State<Arc<World>>, request: Request, next: Next) -> Response {
    elsewhere(&world, Place::Tenant, request, next).await
}

pub(crate) async fn at_identity(State(world): State<Arc<World>>, request: Request, next: Next) -> Response {
    elsewhere(&world, Place::Identity, request, next).await
}

async fn elsewhere(world: &World, at: Place, request: Request, next: Next) -> Response {
    let last = request.uri().path().rsplit('/').next().unwrap_or_default();
    let met = Met { at, vault: None, operation: None, secret: None, last, has_token: true };
    let fault = world.state().faults.take(&met);
    spoilt(fault, request, next).await
}

async fn spoilt(fault: Option<Fault>, request: Request, next: Next) -> Response {
    match fault {
        Some(fault) => fault.spoil(request, next).await,
        None => next.run(request).await,
    }
}
