//! `/{tenant}/oauth2/v2.0/authorize`: a page on which one chooses a user, and the code that goes back.

use std::fmt::Write;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State as Shared};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use url::{Host, Url};

use super::discovery::{ANY, no_tenant};
use super::grants::{Code, Session};
use super::refusal::Refused;
use super::scope::Scope;
use crate::app::now;
use crate::authorize::loopback;
use crate::azure::directory::App;
use crate::azure::world::{State, World};
use crate::fields::Fields;
use crate::pages::{avatar, escape, page};
use crate::refusal::{NO_STORE, Refusal};

/// What the form carries along.
const CARRIED: [&str; 9] = [
    "client_id",
    "redirect_uri",
    "response_type",
    "scope",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
    "claims",
];

pub(super) fn routes() -> Router<Arc<World>> {
    Router::new().route("/{tenant}/oauth2/v2.0/authorize", get(ask).post(decide))
}

async fn ask(
    Shared(world): Shared<Arc<World>>,
    Path(tenant): Path<String>,
    fields: Result<Fields, Refusal>,
) -> Result<Response, Refused> {
    let (fields, state) = (fields?, &*world.state());
    let (app, to) = client(state, &tenant, &fields)?;
    if let Err(refused) = terms(state, app, &fields) {
        return Ok(back(to, &fields, &[("error", &refused.error), ("error_description", &refused.description())]));
    }
    let (mut carried, mut users) = (String::new(), String::new());
    for name in CARRIED {
        let value = escape(fields.get(name).unwrap_or_default());
        let _ = writeln!(carried, r#"<input type="hidden" name="{name}" value="{value}">"#);
    }
    for found in state.directory.tenants.iter().filter(|found| found.id == tenant || ANY.contains(&tenant.as_str())) {
        for user in &found.users {
            let (login, face) = (escape(&format!("{user}@{}.example", found.name)), avatar(user));
            let _ = writeln!(
                users,
                r#"<label><input type="radio" name="user" value="{login}"><span class="who">{face}{login}</span></label>"#
            );
        }
    }
    let name = escape(&app.name);
    let body = format!(
        r#"<main class="consent"><form class="card" method="post">
{carried}<div class="brand"><i></i>Sandbox <small>practice tenant</small></div>
<h1>Sign in to {name}</h1>
<fieldset><legend>Continue as</legend><div class="users">
{users}</div></fieldset>
<div class="choice"><button class="allow" name="decision" value="allow">Accept</button><button name="decision" value="deny">Cancel</button></div>
<p class="soft fine">Nothing here is real: no password, no account.</p>
</form></main>
"#
    );
    Ok(page(StatusCode::OK, &format!("Sign in to {}", app.name), "", &body))
}

/// The request is checked again: the browser's user may have changed it.
async fn decide(
    Shared(world): Shared<Arc<World>>,
    Path(tenant): Path<String>,
    fields: Result<Fields, Refusal>,
) -> Result<Response, Refused> {
    let (fields, state) = (fields?, &mut *world.state());
    let (app, to) = client(state, &tenant, &fields).map(|(app, to)| (app.clone(), to))?;
    let told = |refused: &Refused| [("error", refused.error.clone()), ("error_description", refused.description())];
    let decided = terms(state, &app, &fields).and_then(|scope| {
        if fields.get("decision") == Some("deny") {
            return Err(Refused::new("access_denied", 65_004, "User declined to consent to access the app."));
        }
        let login = fields.get("user").unwrap_or_default();
        let known = state.directory.tenants.iter().find_map(|found| {
            let user = login.strip_suffix(&format!("@{}.example", found.name))?;
            let here = (found.id == tenant || ANY.contains(&tenant.as_str())) && found.users.iter().any(|u| u == user);
            here.then(|| (found.id.clone(), user.to_owned()))
        });
        let (tenant, user) = known
            .ok_or_else(|| Refused::new("access_denied", 50_034, "The user account does not exist in the tenant."))?;
        let asked = state.troubles.claims_of(&tenant, &user);
        let met_challenge = asked.is_some() && asked == fields.get("claims");
        let nonce = fields.get("nonce").map(str::to_owned);
        let session = Session { tenant, user, client_id: app.client_id, nonce, scope, met_challenge };
        let code = Code {
            session,
            redirect_uri: fields.get("redirect_uri").unwrap_or_default().to_owned(),
            challenge: fields.get("code_challenge").map(str::to_owned),
            expires_at: now().as_second() + i64::from(state.settings.code_ttl),
            is_used: false,
        };
        state.grants.keep(code)
    });
    Ok(match decided {
        Ok(code) => back(to, &fields, &[("code", &code)]),
        Err(refused) => back(to, &fields, &told(&refused).each_ref().map(|(name, value)| (*name, value.as_str()))),
    })
}

/// What cannot be trusted with an answer is shown and never redirected to.
fn client<'a>(state: &'a State, tenant: &str, fields: &Fields) -> Result<(&'a App, Url), Refused> {
    if !ANY.contains(&tenant) && state.directory.tenant(tenant).is_none() {
        return Err(no_tenant(tenant));
    }
    let app = fields.get("client_id").and_then(|id| state.directory.app(id));
    let app = app.ok_or_else(|| Refused::new("unauthorized_client", 700_016, "The application was not found."))?;
    let uri = fields.get("redirect_uri").unwrap_or_default();
    let to = loopback(uri).or_else(|| {
        let url = Url::parse(uri).ok()?;
        let here = url.scheme() == "http" && url.host() == Some(Host::Domain("localhost"));
        (here || app.redirect_uris.iter().any(|registered| registered == uri)).then_some(url)
    });
    let wrong = || Refused::new("invalid_request", 50_011, "The redirect URI does not match those of the application.");
    Ok((app, to.ok_or_else(wrong)?))
}

/// What is answered by redirect when it is wrong.
fn terms(state: &State, app: &App, fields: &Fields) -> Result<Scope, Refused> {
    if fields.get("response_type") != Some("code") {
        return Err(Refused::new("unsupported_response_type", 700_054, "response_type must be code."));
    }
    if fields.get("prompt") == Some("none") {
        return Err(Refused::new(
            "login_required",
            50_058,
            "A silent sign-in request was sent but no user is signed in.",
        ));
    }
    let challenge = fields.get("code_challenge");
    if challenge.is_none() && app.public {
        return Err(Refused::new("invalid_request", 9_002_325, "Proof Key for Code Exchange is required."));
    }
    let is_good = |challenge: &str| {
        challenge.len() == 43 && challenge.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    if challenge.is_some_and(|text| fields.get("code_challenge_method") != Some("S256") || !is_good(text)) {
        return Err(Refused::new("invalid_request", 501_491, "Invalid code_challenge: only S256 is taken here."));
    }
    Scope::of(fields.get("scope").ok_or_else(|| Refused::missing("scope"))?, &state.directory)
}

fn back(mut to: Url, fields: &Fields, with: &[(&str, &str)]) -> Response {
    let state = fields.get("state").map(|state| ("state", state));
    to.query_pairs_mut().extend_pairs(with.iter().copied().chain(state));
    (StatusCode::FOUND, NO_STORE, [(header::LOCATION, String::from(to))]).into_response()
}
