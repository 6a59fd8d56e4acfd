//! A collector of traces: it takes spans by OTLP over HTTP (protobuf), and keeps them. Ours, since a test wants to see
//! every byte that was sent; what it reads them with is OpenTelemetry's own.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Every body and the spans in it, in the order in which they came.
type Kept = Arc<Mutex<Vec<(Bytes, Vec<Span>)>>>;

/// A collector. Dropping it closes its port.
#[derive(Debug)]
pub struct Collector {
    url: String,
    kept: Kept,
    server: JoinHandle<()>,
}

impl Collector {
    /// Starts one on a free port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/v1/traces", listener.local_addr().expect("an address"));
        let kept = Kept::default();
        let app = Router::new().route("/v1/traces", post(take)).with_state(kept.clone());
        let server = tokio::spawn(async move { axum::serve(listener, app).await.expect("a server") });
        Self { url, kept, server }
    }

    /// Where spans go.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The spans of a trace that came so far.
    #[must_use]
    pub fn trace(&self, id: &str) -> Vec<Span> {
        self.spans().into_iter().filter(|span| hex::encode(&span.trace_id) == id).collect()
    }

    /// All spans that came so far.
    #[must_use]
    pub fn spans(&self) -> Vec<Span> {
        self.kept.lock().expect("the lock").iter().flat_map(|(_, spans)| spans.clone()).collect()
    }

    /// Everything that came, as it came.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        self.kept.lock().expect("the lock").iter().flat_map(|(body, _)| body.to_vec()).collect()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// An attribute of a span as text.
#[must_use]
pub fn attribute(span: &Span, name: &str) -> Option<String> {
    let value = span.attributes.iter().find(|attribute| attribute.key == name)?.value.clone()?.value?;
    Some(match value {
        any_value::Value::StringValue(text) => text,
        any_value::Value::IntValue(number) => number.to_string(),
        other => format!("{other:?}"),
    })
}

async fn take(State(kept): State<Kept>, headers: HeaderMap, body: Bytes) {
    assert_eq!(headers["content-type"], "application/x-protobuf");
    let spans = ExportTraceServiceRequest::decode(body.clone()).expect("spans").resource_spans;
    let spans = spans.into_iter().flat_map(|of| of.scope_spans).flat_map(|of| of.spans).collect();
    kept.lock().expect("the lock").push((body, spans));
}
