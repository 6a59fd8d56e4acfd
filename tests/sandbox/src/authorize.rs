//! `/authorize`: checks what a client asks for, asks the user, and sends the answer back (OAuth 2.1 §4.1.1).
//!
//! What cannot be trusted with an answer (an unknown client, a redirect address that is not loopback) is shown to the
//! user and never redirected to.

mod consent;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use jiff::SignedDuration;
use url::{Host, Url};

use crate::app::{App, now};
use crate::fields::Fields;
use crate::grants::Code;
use crate::refusal::{NO_STORE, Refusal};
use crate::scopes::Scopes;

/// Longest user name, in characters.
const LONGEST_NAME: usize = 64;

/// A request that may be put before the user.
struct Asked {
    back: Box<Back>,
    /// As the client wrote it; the token request must repeat it.
    redirect_uri: String,
    scopes: Scopes,
    challenge: String,
    nonce: Option<String>,
    /// The user whom the app has in mind (`login_hint`).
    hint: Option<String>,
}

/// Where an answer goes, and with which state.
struct Back {
    to: Url,
    state: Option<String>,
}

/// What is wrong with a request, and who is told.
enum Wrong {
    Show(Refusal),
    Redirect(Box<Back>, Refusal),
}

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new().route("/authorize", get(ask).post(decide))
}

async fn ask(State(app): State<Arc<App>>, fields: Result<Fields, Refusal>) -> Response {
    match fields.map_err(Wrong::Show).and_then(|fields| check(&app, &fields)) {
        Ok(asked) => consent::page(&app.client, &asked),
        Err(wrong) => wrong.answer(&app),
    }
}

/// The form carries the request along and it is checked again: the browser's user may have changed it.
async fn decide(State(app): State<Arc<App>>, fields: Result<Fields, Refusal>) -> Response {
    let decided = fields.map_err(Wrong::Show).and_then(|fields| {
        let asked = check(&app, &fields)?;
        if fields.get("decision") != Some("allow") {
            return Err(Wrong::Redirect(asked.back, Refusal::oauth("access_denied", "the user said no")));
        }
        let user = fields.get("other_user").or_else(|| fields.get("user")).unwrap_or_default().trim();
        if user.is_empty() || user.chars().count() > LONGEST_NAME {
            let rule = format!("choose a user name of 1 to {LONGEST_NAME} characters");
            return Err(Wrong::Show(Refusal::oauth("invalid_request", rule)));
        }
        allow(&app, asked, user.to_owned())
    });
    decided.unwrap_or_else(|wrong| wrong.answer(&app))
}

fn allow(app: &App, asked: Asked, user: String) -> Result<Response, Wrong> {
    let Asked { back, redirect_uri, scopes, challenge, nonce, .. } = asked;
    let mut state = app.state();
    let expires_at = now() + SignedDuration::from_secs(state.settings.code_ttl.into());
    let challenge = Some(challenge);
    let code = Code { user, scopes, redirect_uri, challenge, nonce, expires_at, used_for: None };
    match state.grants.keep(code) {
        Ok(code) => Ok(back.with(app, &[("code", &code)])),
        Err(refusal) => Err(Wrong::Redirect(back, refusal)),
    }
}

fn check(app: &App, fields: &Fields) -> Result<Asked, Wrong> {
    let show = |why: &str| Wrong::Show(Refusal::oauth("invalid_request", why));
    if fields.get("client_id") != Some(&app.client.id) {
        return Err(show("this platform does not know the app that sent you here (client_id)"));
    }
    let redirect_uri = fields.get("redirect_uri").unwrap_or_default().to_owned();
    let to = loopback(&redirect_uri)
        .ok_or_else(|| show("the app wants its answer at an address that is not on this machine (redirect_uri)"))?;
    // From here on the client can be trusted with an answer.
    let back = Box::new(Back { to, state: fields.get("state").map(str::to_owned) });
    match terms(fields) {
        Ok((scopes, challenge)) => {
            let nonce = fields.get("nonce").map(str::to_owned);
            let hint = fields.get("login_hint").filter(|hint| hint.chars().count() <= LONGEST_NAME);
            Ok(Asked { back, redirect_uri, scopes, challenge, nonce, hint: hint.map(str::to_owned) })
        }
        Err(refusal) => Err(Wrong::Redirect(back, refusal)),
    }
}

/// What may be answered by redirect when it is wrong.
fn terms(fields: &Fields) -> Result<(Scopes, String), Refusal> {
    if fields.required("response_type")? != "code" {
        return Err(Refusal::oauth("unsupported_response_type", "response_type must be code"));
    }
    fields.required("state")?;
    let challenge = fields.required("code_challenge")?;
    // Absent means plain (RFC 7636 §4.3), which OAuth 2.1 has no use for.
    if fields.get("code_challenge_method") != Some("S256") {
        return Err(Refusal::oauth("invalid_request", "code_challenge_method must be S256"));
    }
    let base64url = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if challenge.len() != 43 || !challenge.bytes().all(base64url) {
        return Err(Refusal::oauth("invalid_request", "code_challenge is no SHA-256 in base64url"));
    }
    let scopes = fields.get("scope").map_or_else(|| Ok(Scopes::usual()), str::parse)?;
    Ok((scopes, challenge.to_owned()))
}

/// RFC 8252 §7.3: http on a loopback address (a number, so that no name server has a say), any port, any path.
pub(crate) fn loopback(address: &str) -> Option<Url> {
    let url = Url::parse(address).ok()?;
    let here = match url.host()? {
        Host::Ipv4(ip) => ip.is_loopback(),
        Host::Ipv6(ip) => ip.is_loopback(),
        Host::Domain(_) => false,
    };
    let plain = url.scheme() == "http" && url.fragment().is_none() && url.username().is_empty();
    (here && plain && url.password().is_none()).then_some(url)
}

impl Back {
    /// 302, with the parameters, `state` and `iss` (RFC 9207) added to what the address had.
    fn with(self, app: &App, parameters: &[(&str, &str)]) -> Response {
        let mut to = self.to;
        let state = self.state.iter().map(|state| ("state", state.as_str()));
        let all = parameters.iter().copied().chain(state).chain([("iss", app.issuer.as_str())]);
        to.query_pairs_mut().extend_pairs(all);
        (StatusCode::FOUND, NO_STORE, [(header::LOCATION, String::from(to))]).into_response()
    }
}

impl Wrong {
    fn answer(self, app: &App) -> Response {
        match self {
            Self::Show(refusal) => consent::refused(&refusal),
            Self::Redirect(back, Refusal { error, description, .. }) => {
                back.with(app, &[("error", error), ("error_description", &description)])
            }
        }
    }
}
