//! The wall: all posts for people to look at, newest first, renewing itself.

use std::fmt::Write;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::app::App;
use crate::pages::{avatar, escape, page};
use crate::posts::{Post, Posts};

/// Posts on the wall; older ones have only their own page.
const SHOWN: usize = 100;

const SCRIPT: &str = include_str!("wall/wall.js");
const HEAD: &str =
    "<script src=\"/wall.js\" defer></script><noscript><meta http-equiv=\"refresh\" content=\"3\"></noscript>\n";

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new().route("/", get(wall)).route("/posts/{id}", get(one)).route("/wall.js", get(script))
}

async fn wall(State(app): State<Arc<App>>) -> Response {
    let state = app.state();
    let posts = state.posts.all();
    let mut body = match posts.len() {
        0 => r#"<div class="card empty"><h1>Nothing here yet</h1><p class="soft">The first post will show up by itself.</p></div>"#.to_owned(),
        _ => String::new(),
    };
    posts.iter().rev().take(SHOWN).for_each(|post| body.push_str(&card(&state.posts, post)));
    let count = match posts.len() {
        1 => "1 post".to_owned(),
        n => format!("{n} posts"),
    };
    page(StatusCode::OK, "The wall", HEAD, &framed(&format!(r#"<span class="live">{count}</span>"#), &body))
}

/// Where a post's `url` leads.
async fn one(State(app): State<Arc<App>>, Path(id): Path<String>) -> Response {
    let state = app.state();
    let (status, title, body) = match state.posts.by_id(&id) {
        Some(post) => (StatusCode::OK, format!("A post by {}", post.author), card(&state.posts, post)),
        None => (
            StatusCode::NOT_FOUND,
            "No such post".to_owned(),
            r#"<div class="card empty"><h1>There is no such post</h1></div>"#.to_owned(),
        ),
    };
    page(status, &title, "", &framed(r#"<a href="/">All posts</a>"#, &body))
}

async fn script() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/javascript")], SCRIPT)
}

fn framed(right: &str, body: &str) -> String {
    format!(
        r#"<header class="bar"><div><a class="brand" href="/"><i></i>Sandbox <small>the wall</small></a>{right}</div></header>
<main class="wall">
{body}</main>
"#
    )
}

fn card(posts: &Posts, post: &Post) -> String {
    let Post { id, author, title, text, in_reply_to, created_at, .. } = post;
    let (picture, id, author, text) = (avatar(author), escape(id), escape(author), escape(text));
    let time = created_at.strftime("%-d %b, %H:%M:%S UTC");
    let mut above = String::new();
    if let Some(earlier) = in_reply_to {
        let earlier = match posts.by_id(earlier) {
            Some(Post { id, author, .. }) => format!(r#"<a href="/posts/{id}">{}</a>"#, escape(author)),
            None => escape(earlier),
        };
        let _ = write!(above, r#"<p class="soft reply">in reply to {earlier}</p>"#);
    }
    if let Some(title) = title {
        let _ = write!(above, "<h2>{}</h2>", escape(title));
    }
    format!(
        r#"<article class="card post">{picture}<div>
<header><strong>{author}</strong><time class="soft" datetime="{created_at}"><a class="soft" href="/posts/{id}">{time}</a></time></header>
{above}<p>{text}</p>
</div></article>
"#
    )
}
