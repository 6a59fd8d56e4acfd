//! Answers as a fault leaves them.

use std::future::ready;
use std::io;

use axum::body::{Body, to_bytes};
use axum::http::header;
use axum::response::Response;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use serde_json::{Map, Value};

/// A connection that closes without a byte.
pub(super) fn dropped() -> Response {
    Response::new(Body::from_stream(stream::once(ready(cut()))))
}

/// A body's last word. The server closes the connection over it; before the first byte of a body was sent, also
/// without a head.
fn cut() -> io::Result<Bytes> {
    Err(io::ErrorKind::ConnectionAborted.into())
}

/// The answer with fields of its object changed; what is no object stays as it is.
pub(super) async fn edited(answer: Response, set: Map<String, Value>) -> Response {
    let (mut parts, body) = answer.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let Ok(Value::Object(mut fields)) = serde_json::from_slice(&body) else {
        return Response::from_parts(parts, Body::from(body));
    };
    for (name, value) in set {
        match value {
            Value::Null => drop(fields.remove(&name)),
            value => drop(fields.insert(name, value)),
        }
    }
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(Value::Object(fields).to_string()))
}

/// The answer, and white space after it.
pub(super) async fn swollen(answer: Response, bytes: usize) -> Response {
    let (mut parts, body) = answer.into_parts();
    let mut body = to_bytes(body, usize::MAX).await.unwrap_or_default().to_vec();
    body.resize(body.len() + bytes, b' ');
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(body))
}

/// Promises the whole length and delivers half of it.
pub(super) async fn torn(answer: Response) -> Response {
    let (mut parts, body) = answer.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let half = body.slice(..body.len() / 2);
    parts.headers.insert(header::CONTENT_LENGTH, body.len().max(1).into());
    // Head and half are flushed while the stream pauses, so that the cut comes after them.
    let pause = async {
        tokio::task::yield_now().await;
        cut()
    };
    Response::from_parts(parts, Body::from_stream(stream::once(ready(Ok(half))).chain(stream::once(pause))))
}
