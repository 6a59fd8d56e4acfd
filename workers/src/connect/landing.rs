//! Where a person's browser comes back to: one path on a free port of loopback (RFC 8252 §7.3), for one consent.
//!
//! Only what brings the consent's state is an answer, and only once; everything else is shown a page and changes nothing.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use sealpost_schemas::{AuthorizationCode, Secret};
use sealpost_shared::oauth::{Consent, OAuthProvider};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};
use url::Url;

use super::answer::{Answer, NoConsent};
use super::page::Page;

/// The one path. Native clients are often registered with it, and any port.
const PATH: &str = "/callback";

/// How long the browser may take to read the last page.
const READ_WITHIN: Duration = Duration::from_secs(2);

/// A consent that was begun, and the port that its answer comes to. Dropping it closes the port.
pub(crate) struct Landing {
    consent: Consent,
    redirect_uri: String,
    landed: oneshot::Receiver<Landed>,
    port: Port,
}

/// The person at the browser, who waits for a page that says how it went.
pub(crate) struct Visitor {
    tell: oneshot::Sender<Page>,
    port: Port,
}

struct Landed {
    brought: Result<Answer, NoConsent>,
    tell: oneshot::Sender<Page>,
}

struct Port {
    server: JoinHandle<()>,
    open: DropGuard,
}

/// What the handler knows.
struct Expected {
    state: String,
    issuer: Option<String>,
    waiting: Mutex<Option<oneshot::Sender<Landed>>>,
}

impl Landing {
    /// Begins a consent and listens for its answer.
    ///
    /// # Errors
    /// If no port can be had.
    pub(crate) async fn begin(oauth: &OAuthProvider) -> Result<Self, String> {
        let problem = |error| format!("cannot listen on loopback for the browser: {error}");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(problem)?;
        let redirect_uri = format!("http://{}{PATH}", listener.local_addr().map_err(problem)?);
        let consent = Consent::begin(oauth, &redirect_uri)?;
        let (waiting, landed) = oneshot::channel();
        let waiting = Mutex::new(Some(waiting));
        let expected = Expected { state: consent.state.clone(), issuer: oauth.issuer.clone(), waiting };
        let router = Router::new().route(PATH, get(land)).fallback(elsewhere).with_state(Arc::new(expected));
        let closing = CancellationToken::new();
        let open = closing.clone().drop_guard();
        let server = tokio::spawn(async move {
            let serving = axum::serve(listener, router).with_graceful_shutdown(closing.cancelled_owned());
            if let Err(error) = serving.await {
                tracing::warn!(%error, "the port for the browser ended");
            }
        });
        Ok(Self { consent, redirect_uri, landed, port: Port { server, open } })
    }

    /// Where the browser goes.
    pub(crate) fn url(&self) -> &Url {
        &self.consent.url
    }

    /// Waits until the browser is back, and tells what it brought.
    ///
    /// # Errors
    /// If the port ended.
    pub(crate) async fn arrival(self) -> Result<(Result<AuthorizationCode, NoConsent>, Visitor), String> {
        let Self { consent, redirect_uri, landed, port } = self;
        let Landed { brought, tell } = landed.await.map_err(|_| "the port for the browser ended")?;
        let brought = brought.map(|answer| AuthorizationCode {
            code: Secret::Plain(answer.code),
            redirect_uri,
            code_verifier: Secret::Plain(consent.verifier),
            nonce: consent.nonce.map(Secret::Plain),
            iss: answer.iss,
        });
        Ok((brought, Visitor { tell, port }))
    }
}

impl Visitor {
    /// Shows how it went, and closes the port when the browser has read it.
    pub(crate) async fn tell(self, page: Page) {
        let Self { tell, port } = self;
        // an error means that the person closed the page
        let _ = tell.send(page);
        drop(port.open);
        let _ = timeout(READ_WITHIN, port.server).await;
    }
}

async fn land(State(expected): State<Arc<Expected>>, method: Method, RawQuery(query): RawQuery) -> Response {
    if method != Method::GET {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    let query = query.unwrap_or_default();
    let Some(brought) = Answer::read(&query, &expected.state, expected.issuer.as_deref()) else {
        return Page::stranger().into_response();
    };
    let waiting = expected.waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
    let Some(waiting) = waiting else { return Page::again().into_response() };
    let (tell, told) = oneshot::channel();
    // an error means that nobody waits any more, and nobody will tell
    let _ = waiting.send(Landed { brought, tell });
    told.await.unwrap_or_else(|_| Page::interrupted()).into_response()
}

async fn elsewhere() -> Response {
    StatusCode::NOT_FOUND.into_response()
}
