//! The consent page, and the page for what must not be redirected.

use std::fmt::Write;

use axum::http::StatusCode;
use axum::response::Response;

use super::Asked;
use crate::clients::Client;
use crate::pages::{avatar, escape, page as framed};
use crate::refusal::Refusal;

/// Practice users to choose from; any other name can be typed.
const USERS: [&str; 3] = ["ada", "grace", "alan"];

const BRAND: &str = r#"<div class="brand"><i></i>Sandbox <small>practice platform</small></div>"#;

/// Who asks, for what, and as whom to answer.
pub(super) fn page(client: &Client, asked: &Asked) -> Response {
    let name = escape(&client.name);
    let destination = escape(asked.back.to.host_str().unwrap_or_default());
    let port = asked.back.to.port_or_known_default().unwrap_or_default();
    let (mut scopes, mut users) = (String::new(), String::new());
    for scope in asked.scopes.iter() {
        let _ = writeln!(scopes, "<li>{}</li>", scope.in_words());
    }
    let hinted = asked.hint.as_deref().unwrap_or(USERS[0]);
    let other = if USERS.contains(&hinted) { String::new() } else { escape(hinted) };
    for user in USERS {
        let checked = if user == hinted { " checked" } else { "" };
        let avatar = avatar(user);
        let _ = writeln!(
            users,
            r#"<label><input type="radio" name="user" value="{user}"{checked}><span class="who">{avatar}{user}</span></label>"#
        );
    }
    let hidden = carried_along(client, asked);
    let body = format!(
        r#"<main class="consent"><form class="card" method="post" action="/authorize">
{hidden}{BRAND}
<h1>{name} asks for access</h1>
<p class="soft">If you allow it, {name} can do this until you withdraw it:</p>
<ul class="scopes">
{scopes}</ul>
<fieldset><legend>Continue as</legend>
<div class="users">
{users}</div>
<input class="other" name="other_user" value="{other}" maxlength="64" placeholder="or another user name" aria-label="another user name" autocomplete="off">
</fieldset>
<div class="choice"><button class="allow" name="decision" value="allow">Allow</button><button name="decision" value="deny">Deny</button></div>
<p class="soft fine">You will go back to <code>{destination}:{port}</code> on this machine. Nothing here is real: no password, no account.</p>
</form></main>
"#
    );
    framed(StatusCode::OK, &format!("Allow {}?", client.name), "", &body)
}

/// The request, as hidden fields.
fn carried_along(client: &Client, asked: &Asked) -> String {
    let fields = [
        ("client_id", client.id.as_str()),
        ("redirect_uri", &asked.redirect_uri),
        ("response_type", "code"),
        ("scope", &asked.scopes.to_string()),
        ("state", asked.back.state.as_deref().unwrap_or_default()),
        ("code_challenge", &asked.challenge),
        ("code_challenge_method", "S256"),
        ("nonce", asked.nonce.as_deref().unwrap_or_default()),
    ];
    let mut hidden = String::new();
    for (name, value) in fields {
        let _ = writeln!(hidden, r#"<input type="hidden" name="{name}" value="{}">"#, escape(value));
    }
    hidden
}

/// The end of the road, in the browser.
pub(super) fn refused(refusal: &Refusal) -> Response {
    let (error, description) = (escape(refusal.error), escape(&refusal.description));
    let body = format!(
        r#"<main class="consent"><div class="card">
{BRAND}
<h1>This request cannot go on</h1>
<p class="why">{description}.</p>
<p class="soft">Nothing was sent to anybody. Close this page and start again from the app. <code>{error}</code></p>
</div></main>
"#
    );
    framed(refusal.status, "This request cannot go on", "", &body)
}
