//! `POST /revoke`: token revocation (RFC 7009).

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;

use crate::app::App;
use crate::fields::Fields;
use crate::refusal::Refusal;

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new().route("/revoke", post(revoke))
}

/// 200 also for an unknown token (§2.2). The hint about its type is not needed: tokens are looked up by name.
async fn revoke(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    fields: Result<Fields, Refusal>,
) -> Result<StatusCode, Refusal> {
    let revoked = fields.and_then(|fields| {
        app.client.authenticate(&headers, &fields)?;
        Ok(app.state().grants.revoke(fields.required("token")?))
    });
    let outcome = match &revoked {
        Ok(true) => "ok",
        Ok(false) => "unknown",
        Err(refusal) => refusal.error,
    };
    app.state().stats.count_revoke(outcome);
    revoked.map(|_| StatusCode::OK)
}
