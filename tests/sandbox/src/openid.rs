//! The `OpenID` half: ID tokens for the scope `openid`, the key that they are signed with, and wrong ones on demand.
//!
//! `POST /admin/id-tokens` spoils the next n: `how` says in which way, `claims` are put in (`null` takes one out), and
//! `shift` moves their times by so many seconds. `POST /admin/new-key` changes the key; the old one is no longer told.

mod jwt;

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use self::jwt::Key;
use crate::app::{App, now};
use crate::grants::Tokens;
use crate::refusal::Refusal;
use crate::scopes::Scope;

/// Life of an ID token, in seconds.
const LIFE: i64 = 300;

/// The key, made when it is first needed, what is wrong with the next ID tokens, and those so far.
#[derive(Default)]
pub(crate) struct OpenId {
    key: Option<Key>,
    spoilt: Vec<Spoilt>,
    given: Vec<String>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Spoilt {
    /// How many ID tokens are still to be spoilt.
    n: u32,
    how: Option<How>,
    claims: Map<String, Value>,
    shift: i64,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum How {
    /// There is none.
    Missing,
    /// Not signed at all.
    AlgNone,
    /// HS256 with the client's secret.
    SharedSecret,
    /// Another subject under the signature of this one.
    Tampered,
    /// Signed with a key that nobody is told of.
    UnknownKey,
    /// The same, under the name of the one that is told.
    ForgedKey,
    /// Not a JWT.
    Garbage,
}

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new().route("/jwks", get(jwks))
}

pub(crate) fn admin_routes() -> Router<Arc<App>> {
    Router::new().route("/admin/id-tokens", post(spoil)).route("/admin/new-key", post(new_key))
}

async fn jwks(State(app): State<Arc<App>>) -> Result<Json<Value>, Refusal> {
    let state = &mut *app.state();
    state.stats.count_jwks();
    Ok(Json(json!({"keys": [state.openid.key()?.public()]})))
}

async fn spoil(State(app): State<Arc<App>>, Json(spoilt): Json<Spoilt>) -> StatusCode {
    app.state().openid.spoilt.push(Spoilt { n: spoilt.n.max(1), ..spoilt });
    StatusCode::NO_CONTENT
}

async fn new_key(State(app): State<Arc<App>>) -> StatusCode {
    app.state().openid.key = None;
    StatusCode::NO_CONTENT
}

impl OpenId {
    fn key(&mut self) -> Result<&Key, Refusal> {
        let key = self.key.take().map_or_else(Key::new, Ok)?;
        Ok(self.key.insert(key))
    }

    /// Puts the ID token beside the other tokens, if `openid` was granted.
    pub(crate) fn attach(&mut self, tokens: &mut Tokens, app: &App) -> Result<(), Refusal> {
        if !tokens.to.scopes.contains(Scope::OpenId) {
            return Ok(());
        }
        let spoilt = self.take();
        let mut claims = claims(tokens, app, spoilt.shift);
        claims.extend(spoilt.claims);
        claims.retain(|_, value| !value.is_null());
        let key = self.key()?;
        tokens.id_token = match spoilt.how {
            None => Some(key.sign(key.name(), &claims)?),
            Some(How::Missing) => None,
            Some(How::AlgNone) => Some(jwt::unsigned(&claims)),
            Some(How::SharedSecret) => Some(jwt::signed_with_secret(&app.client.secret, &claims)),
            Some(How::Tampered) => {
                let signed = key.sign(key.name(), &claims)?;
                claims.insert("sub".into(), "mallory".into());
                Some(jwt::with_other_claims(&signed, &claims))
            }
            Some(How::UnknownKey) => {
                let other = Key::new()?;
                Some(other.sign(other.name(), &claims)?)
            }
            Some(How::ForgedKey) => Some(Key::new()?.sign(key.name(), &claims)?),
            Some(How::Garbage) => Some("no.jwt".into()),
        };
        self.given.extend(tokens.id_token.clone());
        Ok(())
    }

    /// Every ID token so far, oldest first.
    pub(crate) fn given(&self) -> &[String] {
        &self.given
    }

    fn take(&mut self) -> Spoilt {
        let Some(first) = self.spoilt.first_mut() else { return Spoilt::default() };
        first.n -= 1;
        let taken = first.clone();
        self.spoilt.retain(|spoilt| spoilt.n > 0);
        taken
    }
}

/// `OpenID` Connect Core §2. The subject is not the user's name, so that nobody takes one for the other.
fn claims(tokens: &Tokens, app: &App, shift: i64) -> Map<String, Value> {
    let (user, at) = (&tokens.to.user, now().as_second() + shift);
    let name = tokens.to.scopes.contains(Scope::Profile).then_some(user);
    let claims = [
        ("iss", json!(app.issuer)),
        ("sub", json!(format!("id-of-{user}"))),
        ("aud", json!(app.client.id)),
        ("iat", json!(at)),
        ("exp", json!(at + LIFE)),
        ("nonce", json!(tokens.nonce)),
        ("preferred_username", json!(name)),
    ];
    claims.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
