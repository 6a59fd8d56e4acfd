//! The page and its parts, the view as it changes (server-sent events), and what the buttons do.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures_util::Stream;
use futures_util::stream::unfold;
use serde_json::json;
use tokio::net::TcpListener;

use super::Page;
use super::act::{Act, act};
use super::caller::only_our_page;
use super::view::Phase;

const PAGE: &str = include_str!("page.html");

const CSS: &str = "text/css";
const JAVASCRIPT: &str = "text/javascript";

/// What the page loads, by path.
const PARTS: &[(&str, &str, &str)] = &[
    ("console.css", CSS, include_str!("console.css")),
    ("flow.css", CSS, include_str!("flow.css")),
    ("main.js", JAVASCRIPT, include_str!("main.js")),
    ("dom.js", JAVASCRIPT, include_str!("dom.js")),
    ("ask.js", JAVASCRIPT, include_str!("ask.js")),
    ("flow.js", JAVASCRIPT, include_str!("flow.js")),
    ("panels.js", JAVASCRIPT, include_str!("panels.js")),
];

/// Nothing from elsewhere, nothing inline, no frame around it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Between two states that are sent; what changes more often is sent together.
const PAUSE: Duration = Duration::from_millis(80);

pub(super) async fn serve(listener: TcpListener, page: Arc<Page>) {
    let router = Router::new()
        .route("/", get(whole))
        .route("/{part}", get(part))
        .route("/live", get(live))
        .route("/do/{what}", post(does))
        .layer(from_fn_with_state(Arc::clone(&page), only_our_page))
        .layer(from_fn(guarded))
        .with_state(page);
    if let Err(error) = axum::serve(listener, router).await {
        tracing::error!(%error, "the console ended");
    }
}

async fn guarded(request: axum::extract::Request, next: axum::middleware::Next) -> Response {
    let mut response = next.run(request).await;
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (header::HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

async fn whole(State(page): State<Arc<Page>>) -> Html<String> {
    Html(PAGE.replace("TOKEN", page.caller.token()))
}

async fn part(Path(name): Path<String>) -> Response {
    match PARTS.iter().find(|(path, ..)| *path == name) {
        Some((_, kind, text)) => ([(header::CONTENT_TYPE, *kind)], *text).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn live(State(page): State<Arc<Page>>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let mut watching = page.board.watch();
    watching.mark_changed(); // the first state at once
    let states = unfold(watching, async |mut watching| {
        watching.changed().await.ok()?;
        let event = Event::default().json_data(&*watching.borrow_and_update()).ok()?;
        tokio::time::sleep(PAUSE).await;
        Some((Ok(event), watching))
    });
    Sse::new(states).keep_alive(KeepAlive::default())
}

async fn does(
    State(page): State<Arc<Page>>,
    Path(what): Path<String>,
    wish: Result<Json<serde_json::Value>, JsonRejection>,
) -> Response {
    let refusal = |status: StatusCode, why: String| (status, Json(json!({"problem": why}))).into_response();
    let wish = match wish {
        Ok(Json(wish)) => Act::read(&what, wish),
        Err(rejection) => return refusal(rejection.status(), rejection.body_text()),
    };
    let wish = match wish {
        Ok(wish) => wish,
        Err(why) => return refusal(StatusCode::BAD_REQUEST, why),
    };
    let Some(world) = page.world.get().filter(|_| page.board.read(|view| view.phase) == Phase::Running) else {
        return refusal(StatusCode::CONFLICT, "not everything runs now; wait for the page to say so".into());
    };
    // a task of its own: what was begun is done to its end, also when the page is closed meanwhile
    let (board, world) = (page.board.clone(), Arc::clone(world));
    match tokio::spawn(act(wish, board, world)).await {
        Ok(Ok(done)) => Json(done).into_response(),
        Ok(Err(why)) => refusal(StatusCode::BAD_GATEWAY, why),
        Err(_) => refusal(StatusCode::INTERNAL_SERVER_ERROR, "a defect of the console; see the terminal".into()),
    }
}
