//! The publishing API: posts, idempotency keys, and who is asking.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{FromRequest, Path, RawQuery, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::routing::get;
use axum::{Form, Json, Router};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::app::{App, now};
use crate::fields::Fields;
use crate::grants::Bearer;
use crate::refusal::Refusal;
use crate::scopes::Scope;

/// Longest text, in characters.
const LONGEST_TEXT: usize = 5000;

/// A post on the wall.
#[derive(Clone, Serialize)]
pub(crate) struct Post {
    pub(crate) id: String,
    pub(crate) url: String,
    pub(crate) author: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) title: Option<String>,
    pub(crate) text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) in_reply_to: Option<String>,
    pub(crate) created_at: Timestamp,
}

/// All posts, oldest first, and which came under which idempotency key of which user.
#[derive(Default)]
pub(crate) struct Posts {
    all: Vec<Post>,
    by_key: HashMap<(String, String), usize>,
}

#[derive(Deserialize)]
struct NewPost {
    text: String,
    title: Option<String>,
    in_reply_to: Option<String>,
}

/// From a form where the body says that it is one, otherwise from JSON.
impl<S: Send + Sync> FromRequest<S> for NewPost {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        let wrong = |why| Refusal::new(StatusCode::BAD_REQUEST, "invalid_request", why);
        let kind = request.headers().get(header::CONTENT_TYPE).map(|kind| kind.as_bytes().to_ascii_lowercase());
        if kind.is_some_and(|kind| kind.starts_with(b"application/x-www-form-urlencoded")) {
            let form = Form::from_request(request, state).await;
            return form.map(|Form(new)| new).map_err(|why| wrong(why.body_text()));
        }
        Json::from_request(request, state).await.map(|Json(new)| new).map_err(|why| wrong(why.body_text()))
    }
}

impl Posts {
    pub(crate) fn all(&self) -> &[Post] {
        &self.all
    }

    pub(crate) fn by_id(&self, id: &str) -> Option<&Post> {
        self.all.iter().find(|post| post.id == id)
    }

    fn by_key(&self, user: &str, key: &str) -> Option<&Post> {
        self.by_key.get(&(user.to_owned(), key.to_owned())).map(|index| &self.all[*index])
    }

    fn publish(&mut self, issuer: &str, author: String, key: Option<&str>, new: NewPost) -> Post {
        let id = (self.all.len() + 1).to_string();
        if let Some(key) = key {
            self.by_key.insert((author.clone(), key.to_owned()), self.all.len());
        }
        let NewPost { text, title, in_reply_to } = new;
        let url = format!("{issuer}/posts/{id}");
        let post = Post { id, url, author, title, text, in_reply_to, created_at: now() };
        self.all.push(post.clone());
        post
    }
}

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/api/posts", get(list).post(publish))
        .route("/api/posts/{id}", get(one))
        .route("/api/me", get(me))
}

/// 201 with the post; 200 with the earlier one where the same user sent the same `Idempotency-Key` before.
async fn publish(
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    new: Result<NewPost, Refusal>,
) -> Result<(StatusCode, Json<Post>), Refusal> {
    let published = made(&app, &headers, new);
    let outcome = match &published {
        Ok((StatusCode::CREATED, _)) => "made",
        Ok(_) => "repeated",
        Err(refusal) => refusal.error,
    };
    let made = published.as_ref().ok().map(|(_, post)| (post.author.clone(), post.text.clone()));
    let mut state = app.state();
    state.stats.count_post(outcome);
    state.log.post(query, made, outcome);
    published.map(|(status, post)| (status, Json(post)))
}

fn made(app: &App, headers: &HeaderMap, new: Result<NewPost, Refusal>) -> Result<(StatusCode, Post), Refusal> {
    let author = bearer(app, headers)?;
    if !author.scopes.contains(Scope::PostsWrite) {
        return Err(Refusal::insufficient_scope());
    }
    let new = new?;
    let key = headers.get("idempotency-key").and_then(|key| key.to_str().ok());
    // One lock from the look to the act: two requests with one key make one post.
    let mut state = app.state();
    if let Some(earlier) = key.and_then(|key| state.posts.by_key(&author.user, key)) {
        return Ok((StatusCode::OK, earlier.clone()));
    }
    if new.text.trim().is_empty() || new.text.chars().count() > LONGEST_TEXT {
        let rule = format!("text must be 1 to {LONGEST_TEXT} characters, not only white space");
        return Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_text", rule));
    }
    Ok((StatusCode::CREATED, state.posts.publish(&app.issuer, author.user, key, new)))
}

/// The user's own posts, or with `by_key` the one under that idempotency key: none or one.
async fn list(State(app): State<Arc<App>>, headers: HeaderMap, fields: Fields) -> Result<Json<Value>, Refusal> {
    let user = reader(&app, &headers)?.user;
    let state = app.state();
    let posts: Vec<&Post> = match fields.get("by_key") {
        Some(key) => state.posts.by_key(&user, key).into_iter().collect(),
        None => state.posts.all.iter().filter(|post| post.author == user).collect(),
    };
    Ok(Json(json!({"posts": posts})))
}

async fn one(State(app): State<Arc<App>>, headers: HeaderMap, Path(id): Path<String>) -> Result<Json<Post>, Refusal> {
    reader(&app, &headers)?;
    let found = app.state().posts.by_id(&id).cloned();
    found.map(Json).ok_or_else(|| Refusal::new(StatusCode::NOT_FOUND, "not_found", format!("there is no post {id:?}")))
}

async fn me(State(app): State<Arc<App>>, headers: HeaderMap) -> Result<Json<Value>, Refusal> {
    let Bearer { user, scopes } = bearer(&app, &headers)?;
    Ok(Json(json!({"id": user, "name": user, "scope": scopes.to_string()})))
}

/// Whoever may write may also look up what became of it.
fn reader(app: &App, headers: &HeaderMap) -> Result<Bearer, Refusal> {
    let bearer = bearer(app, headers)?;
    if bearer.scopes.contains(Scope::PostsRead) || bearer.scopes.contains(Scope::PostsWrite) {
        Ok(bearer)
    } else {
        Err(Refusal::insufficient_scope())
    }
}

fn bearer(app: &App, headers: &HeaderMap) -> Result<Bearer, Refusal> {
    let value = headers.get(header::AUTHORIZATION).ok_or_else(Refusal::no_token)?;
    let token = value.to_str().ok().and_then(|value| value.split_once(' '));
    match token {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => {
            app.state().grants.bearer(token.trim(), now()).ok_or_else(Refusal::invalid_token)
        }
        _ => Err(Refusal::no_token()),
    }
}
