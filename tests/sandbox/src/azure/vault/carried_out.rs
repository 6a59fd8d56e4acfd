//! The operations: who asks, whether they may, and what comes of it.

use axum::Json;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::Value;

use super::answers::Base;
use super::bearer::caller;
use super::refusal::Refused;
use super::request::{Asked, Operation};
use super::secrets::Settable;
use crate::azure::world::World;

#[derive(Deserialize)]
struct New {
    value: String,
    #[serde(flatten)]
    settable: Settable,
}

/// An answer, or the vault's no.
pub(super) fn carry_out(
    world: &World,
    vault: &str,
    headers: &HeaderMap,
    asked: &Asked,
    body: &[u8],
) -> Result<Response, Refused> {
    let state = &mut *world.state();
    let caller = caller(state, &world.places, vault, headers)?;
    let name = vault.to_owned();
    let vault = state.vaults.entry(name.clone()).or_default();
    if !state.roles.allow(&name, &caller, asked.operation) {
        return Err(Refused::not_permitted(&caller, asked.operation.action(), &name, vault.has_policies));
    }
    let base = Base(headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default());
    let (key, version) = (asked.key(), asked.version.as_deref());
    let answer: Value = match asked.operation {
        Operation::GetLatest | Operation::GetVersion => {
            let (name, version) = vault.version(&key, version)?;
            if !version.is_enabled() {
                return Err(Refused::disabled("get"));
            }
            base.bundle(&name, version)
        }
        Operation::Set => {
            let New { value, settable } = read(body)?;
            let (name, version) = vault.set(asked.secret.as_deref().unwrap_or_default(), value, settable)?;
            base.bundle(&name, version)
        }
        Operation::Update => {
            let (name, version) = vault.version(&key, version)?;
            version.update(read(body)?)?;
            base.properties(&format!("{name}/{}", version.id), version)
        }
        Operation::List => {
            let all = vault.secrets.iter().map(|(key, secret)| (key.as_str(), base.latest(secret, false)));
            base.page(asked, "secrets", all)
        }
        Operation::ListVersions => {
            // A secret that is not there has no versions: Key Vault lists none, and says no more.
            let secret = vault.secrets.get(&key).into_iter();
            let all = secret.flat_map(|secret| secret.versions.iter().map(move |version| (secret, version)));
            let all = all.map(|(secret, version)| {
                (version.id.as_str(), base.properties(&format!("{}/{}", secret.name, version.id), version))
            });
            base.page(asked, &format!("secrets/{key}/versions"), all)
        }
        Operation::Delete => base.deleted(vault.delete(&key)?, true),
        Operation::GetDeleted => {
            let deleted = vault.deleted.get(&key).ok_or_else(|| Refused::secret_not_found(&key))?;
            base.deleted(deleted, true)
        }
        Operation::ListDeleted => {
            let all = vault.deleted.iter().map(|(key, deleted)| (key.as_str(), base.deleted(deleted, false)));
            base.page(asked, "deletedsecrets", all)
        }
        Operation::Recover => base.latest(vault.recover(&key)?, true),
        Operation::Purge => {
            vault.purge(&key)?;
            return Ok(StatusCode::NO_CONTENT.into_response());
        }
    };
    Ok(Json(answer).into_response())
}

fn read<T: for<'a> Deserialize<'a>>(body: &[u8]) -> Result<T, Refused> {
    // Not the parser's words: they may quote the value.
    serde_json::from_slice(body)
        .map_err(|_| Refused::bad_parameter("The request body is not what the operation wants."))
}
