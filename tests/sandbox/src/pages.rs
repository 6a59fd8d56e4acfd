//! The frame of every page: head, style, headers, and the escaping of all text that comes from outside.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};

use crate::refusal::NO_STORE;

const STYLE: &str = include_str!("pages/style.css");

/// No inline script runs and nobody frames the page (RFC 6749 §10.13), whatever escaping may have missed.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'self'; connect-src 'self'; \
    base-uri 'none'; frame-ancestors 'none'";

/// A page. `title` is escaped here; `head` and `body` are HTML, in which the caller has escaped what is not its own.
pub(crate) fn page(status: StatusCode, title: &str, head: &str, body: &str) -> Response {
    let title = escape(title);
    let html = format!(
        r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{STYLE}</style>
{head}</head>
<body>
{body}</body>
</html>
"#
    );
    let policy = [
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    (status, NO_STORE, policy, Html(html)).into_response()
}

/// For text and for attribute values in double quotes.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// A coloured disc with the name's first letter, the same for the same name.
pub(crate) fn avatar(name: &str) -> String {
    const HUES: [u8; 8] = [248, 24, 165, 205, 4, 140, 190, 225];
    let sum = name.bytes().fold(0, |sum: usize, byte| (sum * 31 + usize::from(byte)) % 9973);
    let (hue, letter) = (HUES[sum % HUES.len()], name.chars().take(1).flat_map(char::to_uppercase).collect::<String>());
    format!(r#"<span class="avatar" style="--hue:{hue}" aria-hidden="true">{}</span>"#, escape(&letter))
}
