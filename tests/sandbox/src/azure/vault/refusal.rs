//! A vault's no: `{"error": {"code", "message", "innererror": {"code"}}}`, as Key Vault words it.

use axum::Json;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::bearer::Caller;

pub(crate) struct Refused {
    status: StatusCode,
    code: &'static str,
    message: String,
    inner: Option<&'static str>,
    challenge: Option<String>,
}

impl Refused {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), inner: None, challenge: None }
    }

    fn inner(self, code: &'static str) -> Self {
        Self { inner: Some(code), ..self }
    }

    /// 401, and where a token is to be had: `authority` is the vault's tenant.
    pub(crate) fn unauthorized(authority: &str, message: &str) -> Self {
        let challenge = format!(r#"Bearer authorization="{authority}", resource="https://vault.azure.net""#);
        Self { challenge: Some(challenge), ..Self::new(StatusCode::UNAUTHORIZED, "Unauthorized", message) }
    }

    pub(crate) fn no_vault() -> Self {
        Self::new(StatusCode::NOT_FOUND, "VaultNotFound", "The host is no vault's: NAME.vault.azure.net")
    }

    pub(crate) fn no_such_operation(method: &Method, path: &str) -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "BadParameter", format!("Nothing here answers {method} {path}"))
    }

    pub(crate) fn bad_parameter(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadParameter", message)
    }

    pub(crate) fn secret_not_found(id: &str) -> Self {
        let message = format!(
            "A secret with (name/id) {id} was not found in this key vault. If you recently deleted this secret you may \
             be able to recover it using the correct recovery command."
        );
        Self::new(StatusCode::NOT_FOUND, "SecretNotFound", message)
    }

    pub(crate) fn disabled(what: &str) -> Self {
        let message = format!("Operation {what} is not allowed on a disabled secret.");
        Self::new(StatusCode::FORBIDDEN, "Forbidden", message).inner("SecretDisabled")
    }

    pub(crate) fn deleted(name: &str) -> Self {
        let message = format!(
            "Secret {name} is currently in a deleted but recoverable state, and its name cannot be reused; in this \
             state, the secret can only be recovered or purged."
        );
        Self::new(StatusCode::CONFLICT, "Conflict", message).inner("ObjectIsDeletedButRecoverable")
    }

    pub(crate) fn name_in_use(name: &str) -> Self {
        Self::new(StatusCode::CONFLICT, "Conflict", format!("Secret {name} is in use and cannot be recovered over"))
    }

    pub(crate) fn purge_protected() -> Self {
        let message = "Operation \"purge\" is not allowed because purge protection is enabled for this vault.";
        Self::new(StatusCode::FORBIDDEN, "Forbidden", message)
    }

    /// `by_policy`: the vault has access policies instead of roles, which Key Vault says in other words.
    pub(crate) fn not_permitted(caller: &Caller, action: &str, vault: &str, by_policy: bool) -> Self {
        let who = format!("appid={};oid={};iss={}", caller.app_id, caller.object_id, caller.issuer);
        let (message, inner) = if by_policy {
            let what = action.trim_end_matches("/action");
            let message = format!(
                "The user, group or application '{who}' does not have secrets {what} permission on key vault '{vault}'."
            );
            (message, "AccessDenied")
        } else {
            let message = format!(
                "Caller is not authorized to perform action on resource.\r\nIf role assignments, deny assignments or \
                 role definitions were changed recently, please observe propagation time.\r\nCaller: {who}\r\nAction: \
                 'Microsoft.KeyVault/vaults/secrets/{action}'\r\nAssignment: (not found)\r\nVault: {vault}\r\n"
            );
            (message, "ForbiddenByRbac")
        };
        Self::new(StatusCode::FORBIDDEN, "Forbidden", message).inner(inner)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let mut error = json!({"code": self.code, "message": self.message});
        if let Some(code) = self.inner {
            error["innererror"] = json!({"code": code});
        }
        let mut answer = (self.status, Json(json!({"error": error}))).into_response();
        if let Some(Ok(challenge)) = self.challenge.as_deref().map(HeaderValue::from_str) {
            answer.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        answer
    }
}
