//! `POST /token`: the grants `authorization_code` and `refresh_token`.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};

use crate::app::{App, now};
use crate::fields::Fields;
use crate::grants::Tokens;
use crate::refusal::{NO_STORE, Refusal};

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new().route("/token", post(token))
}

async fn token(
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    fields: Result<Fields, Refusal>,
) -> Response {
    let grant = match fields.as_ref().ok().and_then(|fields| fields.get("grant_type")) {
        Some("authorization_code") => "authorization_code",
        Some("refresh_token") => "refresh_token",
        _ => "other",
    };
    let spent = fields.as_ref().ok().and_then(|fields| fields.get("code").or(fields.get("refresh_token")));
    let spent = spent.map(str::to_owned);
    let tokens = fields.and_then(|fields| answer(&app, grant, &headers, &fields));
    let outcome = tokens.as_ref().map_or_else(|refusal| refusal.error, |_| "ok");
    let mut state = app.state();
    state.stats.count_token(grant, outcome);
    let whose = spent.and_then(|spent| state.grants.whose(&spent));
    state.log.token(grant, query, whose, outcome);
    tokens.map(|tokens| (NO_STORE, Json(tokens))).into_response()
}

fn answer(app: &App, grant: &str, headers: &HeaderMap, fields: &Fields) -> Result<Tokens, Refusal> {
    app.client.authenticate(headers, fields)?;
    let state = &mut *app.state();
    let ttl = state.settings.access_ttl;
    let mut tokens = match grant {
        "authorization_code" => {
            let (code, redirect_uri) = (fields.required("code")?, fields.required("redirect_uri")?);
            state.grants.redeem(code, redirect_uri, fields.get("code_verifier"), ttl, now())?
        }
        "refresh_token" => {
            let scopes = fields.get("scope").map(str::parse).transpose()?;
            state.grants.refresh(fields.required("refresh_token")?, scopes, ttl, now())?
        }
        _ => {
            let named = fields.required("grant_type")?;
            return Err(Refusal::oauth("unsupported_grant_type", format!("no grant {named:?} here")));
        }
    };
    state.openid.attach(&mut tokens, app)?;
    Ok(tokens)
}
