//! The back door for tests: what takes a user's clicks, or an hour, elsewhere. Real platforms have nothing like it.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::app::{App, Settings, now};
use crate::grants::{Code, Given, Reuse};
use crate::refusal::Refusal;
use crate::scopes::Scopes;
use crate::stats::Stats;

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/admin/mint", post(mint))
        .route("/admin/revoke", post(revoke))
        .route("/admin/expire", post(expire))
        .route("/admin/settings", post(settings))
        .route("/admin/stats", get(stats))
        .route("/admin/log", get(log))
        .route("/admin/posts", get(posts))
        .route("/admin/secrets", get(secrets))
        .route("/admin/reset", post(reset))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Mint {
    user: String,
    scope: Option<String>,
    redirect_uri: Option<String>,
    code_challenge: Option<String>,
    nonce: Option<String>,
}

/// With `redirect_uri` the code that the user's consent would have brought there; without one, tokens at once.
async fn mint(State(app): State<Arc<App>>, Json(mint): Json<Mint>) -> Result<Response, Refusal> {
    let scopes = mint.scope.as_deref().map_or_else(|| Ok(Scopes::usual()), str::parse)?;
    let state = &mut *app.state();
    let Settings { access_ttl, code_ttl } = state.settings;
    if let Some(redirect_uri) = mint.redirect_uri {
        let expires_at = now() + SignedDuration::from_secs(code_ttl.into());
        let Mint { user, code_challenge: challenge, nonce, .. } = mint;
        let code = Code { user, scopes, redirect_uri, challenge, nonce, expires_at, used_for: None };
        Ok(Json(json!({"code": state.grants.keep(code)?})).into_response())
    } else {
        let mut tokens = state.grants.mint(mint.user, scopes, access_ttl, now())?;
        state.openid.attach(&mut tokens, &app)?;
        Ok(Json(tokens).into_response())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Of {
    user: String,
}

/// The user withdraws consent, as on a platform's "connected apps" page.
async fn revoke(State(app): State<Arc<App>>, Json(of): Json<Of>) -> Json<Value> {
    Json(json!({"ended": app.state().grants.end_all_of(&of.user)}))
}

/// The user's access tokens expire now; the refresh tokens stay good.
async fn expire(State(app): State<Arc<App>>, Json(of): Json<Of>) -> Json<Value> {
    Json(json!({"expired": app.state().grants.expire_all_of(&of.user, now())}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    access_ttl: Option<u32>,
    code_ttl: Option<u32>,
}

/// Lives in seconds of what is issued from now on.
async fn settings(State(app): State<Arc<App>>, Json(change): Json<Change>) -> Json<Settings> {
    let settings = &mut app.state().settings;
    settings.access_ttl = change.access_ttl.unwrap_or(settings.access_ttl);
    settings.code_ttl = change.code_ttl.unwrap_or(settings.code_ttl);
    Json(*settings)
}

#[derive(Serialize)]
struct Counts {
    #[serde(flatten)]
    calls: Stats,
    #[serde(flatten)]
    reuse: Reuse,
    faults_fired: u64,
    /// How many calls came too often.
    limited: u64,
}

async fn stats(State(app): State<Arc<App>>) -> Json<Counts> {
    let state = app.state();
    Json(Counts {
        calls: state.stats.clone(),
        reuse: state.grants.reuse(),
        faults_fired: state.faults.fired(),
        limited: state.limits.refused(),
    })
}

/// Who asked what, oldest first.
async fn log(State(app): State<Arc<App>>) -> Json<Value> {
    Json(json!({"log": app.state().log.all()}))
}

/// Every post of every user, oldest first.
async fn posts(State(app): State<Arc<App>>) -> Json<Value> {
    Json(json!({"posts": app.state().posts.all()}))
}

/// Every secret that was given out, so that a test can look for it where it does not belong.
async fn secrets(State(app): State<Arc<App>>) -> Json<Value> {
    let state = app.state();
    let Given { codes, access_tokens, refresh_tokens } = state.grants.given();
    Json(json!({
        "codes": codes, "access_tokens": access_tokens, "refresh_tokens": refresh_tokens,
        "id_tokens": state.openid.given(),
    }))
}

async fn reset(State(app): State<Arc<App>>) -> StatusCode {
    app.reset();
    StatusCode::NO_CONTENT
}
