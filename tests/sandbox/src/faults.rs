//! Faults that can be switched on: the next n requests to a path fail in a chosen way.
//!
//! `before`: the request is not processed. `after`: it is (a token rotated, a post made), and only the answer suffers.

mod spoilt;

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use self::spoilt::{dropped, edited, swollen, torn};
use crate::app::App;
use crate::refusal::Refusal;

/// Longest request body that a fault reads.
const LONGEST_BODY: usize = 1 << 20;

/// The faults in waiting, in the order in which they were switched on.
#[derive(Default)]
pub(crate) struct Faults {
    waiting: Vec<Fault>,
    fired: u64,
}

/// One of them.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fault {
    /// Exactly this path, whatever the query.
    path: String,
    /// Only this method; any, where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<String>,
    /// How many requests it still spoils.
    #[serde(default = "once")]
    pub(crate) n: u32,
    #[serde(default)]
    when: When,
    kind: Kind,
    /// Of the answer made here: for `status`, and for `tear` with `before`.
    #[serde(default = "ok")]
    pub(crate) status: u16,
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) body: String,
    /// For `slow`.
    #[serde(default)]
    delay_ms: u64,
    /// For `swell`: how many bytes of white space.
    #[serde(default)]
    bytes: usize,
    /// For `edit`: what the fields of the answer are instead; null takes one out.
    #[serde(default)]
    set: Map<String, Value>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum When {
    #[default]
    Before,
    After,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    /// Another answer.
    Status,
    /// No answer, ever.
    Hang,
    /// The connection closes in the middle of the body.
    Tear,
    /// The connection closes without a byte.
    Drop,
    /// The true answer, late. With `before` also the processing is late, and happens even if the client has gone.
    Slow,
    /// The true answer, if it is a JSON object, with some fields changed.
    Edit,
    /// The answer, and white space after it: whole and good, and far too long.
    Swell,
}

fn once() -> u32 {
    1
}

fn ok() -> u16 {
    200
}

impl Faults {
    /// How many requests were spoilt so far. A test that waits for a hang to begin looks here.
    pub(crate) fn fired(&self) -> u64 {
        self.fired
    }

    fn take(&mut self, method: &Method, path: &str) -> Option<Fault> {
        let meant = |fault: &Fault| fault.path == path && fault.method.as_deref().is_none_or(|m| m == method.as_str());
        let index = self.waiting.iter().position(meant)?;
        self.fired += 1;
        self.waiting[index].n -= 1;
        let fault = self.waiting[index].clone();
        self.waiting.retain(|fault| fault.n > 0);
        Some(fault)
    }
}

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new().route("/admin/faults", get(waiting).post(switch_on).delete(switch_off))
}

async fn waiting(State(app): State<Arc<App>>) -> Json<Value> {
    Json(json!({"faults": app.state().faults.waiting}))
}

async fn switch_on(State(app): State<Arc<App>>, Json(fault): Json<Fault>) -> Result<Json<Value>, Refusal> {
    fault.check()?;
    let mut state = app.state();
    state.faults.waiting.push(fault);
    Ok(Json(json!({"faults": state.faults.waiting})))
}

async fn switch_off(State(app): State<Arc<App>>) -> StatusCode {
    app.state().faults.waiting.clear();
    StatusCode::NO_CONTENT
}

/// The layer around every route that clients use.
pub(crate) async fn spoil(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let fault = app.state().faults.take(request.method(), request.uri().path());
    match fault {
        Some(fault) => fault.spoil(request, next).await,
        None => next.run(request).await,
    }
}

impl Fault {
    /// Whether it makes sense.
    pub(crate) fn check(&self) -> Result<(), Refusal> {
        let wrong = |why: &str| Refusal::oauth("invalid_fault", why);
        self.answer().map_err(|error| wrong(&format!("status or headers are not sendable: {error}")))?;
        if self.n == 0 || self.path.starts_with("/admin/") {
            return Err(wrong("n must be 1 or more, and path none of /admin/"));
        }
        if (self.kind == Kind::Slow) != (self.delay_ms > 0) {
            return Err(wrong("delay_ms goes with slow, and slow with delay_ms"));
        }
        if (self.kind == Kind::Edit) == self.set.is_empty() || (self.kind == Kind::Swell) != (self.bytes > 0) {
            return Err(wrong("set goes with edit, and edit with set; so do bytes and swell"));
        }
        if self.kind == Kind::Edit && self.when == When::Before {
            return Err(wrong("only a true answer can be edited: when must be after"));
        }
        Ok(())
    }

    /// What becomes of a request that it meets.
    pub(crate) async fn spoil(self, request: Request, next: Next) -> Response {
        // The whole request is read first: a socket closed over unread bytes is reset, which may eat an answer sent before.
        let (parts, body) = request.into_parts();
        let Ok(body) = to_bytes(body, LONGEST_BODY).await else { return StatusCode::PAYLOAD_TOO_LARGE.into_response() };
        let request = Request::from_parts(parts, Body::from(body));

        let delay = Duration::from_millis(self.delay_ms);
        if self.kind == Kind::Slow && self.when == When::Before {
            // A task of its own, which goes on when the client hangs up: the late request that meets a newer one.
            let late = tokio::spawn(async move {
                tokio::time::sleep(delay).await;
                next.run(request).await
            });
            return late.await.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response());
        }
        let answer = match self.when {
            When::After => next.run(request).await,
            When::Before => self.answer().unwrap_or_default(),
        };
        match self.kind {
            Kind::Status => self.answer().unwrap_or_default(),
            Kind::Hang => pending().await,
            Kind::Tear => torn(answer).await,
            Kind::Drop => dropped(),
            Kind::Slow => {
                tokio::time::sleep(delay).await;
                answer
            }
            Kind::Edit => edited(answer, self.set).await,
            Kind::Swell => swollen(answer, self.bytes).await,
        }
    }

    fn answer(&self) -> Result<Response, axum::http::Error> {
        let answer = Response::builder().status(self.status);
        let answer = self.headers.iter().fold(answer, |answer, (name, value)| answer.header(name, value));
        answer.body(Body::from(self.body.clone()))
    }
}
