//! Rate limits that can be switched on: who calls a path more often is answered 429 (RFC 6585 §4).

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use serde::Deserialize;

use crate::app::App;

/// The limits, by path.
#[derive(Default)]
pub(crate) struct Limits(HashMap<String, Limited>);

struct Limited {
    limiter: DefaultDirectRateLimiter,
    refused: u64,
}

/// One of them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Limit {
    /// Exactly this path, whatever the query.
    path: String,
    /// Calls in a second, in the long run.
    per_second: NonZeroU32,
    /// How many may come at once.
    burst: NonZeroU32,
}

impl Limits {
    /// How many calls were refused so far.
    pub(crate) fn refused(&self) -> u64 {
        self.0.values().map(|limited| limited.refused).sum()
    }

    fn allows(&mut self, path: &str) -> bool {
        let Some(limited) = self.0.get_mut(path) else { return true };
        let allowed = limited.limiter.check().is_ok();
        limited.refused += u64::from(!allowed);
        allowed
    }
}

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new().route("/admin/limits", post(switch_on))
}

async fn switch_on(State(app): State<Arc<App>>, Json(limit): Json<Limit>) -> StatusCode {
    let quota = Quota::per_second(limit.per_second).allow_burst(limit.burst);
    let limited = Limited { limiter: RateLimiter::direct(quota), refused: 0 };
    app.state().limits.0.insert(limit.path, limited);
    StatusCode::NO_CONTENT
}

/// The layer around every route that clients use.
pub(crate) async fn hold(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    if app.state().limits.allows(request.uri().path()) {
        return next.run(request).await;
    }
    (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, "1")], "too many requests").into_response()
}
