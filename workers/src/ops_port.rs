//! The operations port: `/metrics`, `/livez`, `/readyz`, and for producers `/jwks`.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use metrics_exporter_prometheus::PrometheusHandle;
use serde_json::Value;
use tokio::net::TcpListener;

/// For how long producers may go on with what they have read.
const JWKS_CACHE: &str = "max-age=300";

/// Tells whether the worker can do its work now, and if not, why.
pub trait Readiness: Send + Sync + 'static {
    /// `Err` with a sentence if it cannot.
    fn check(&self) -> impl Future<Output = Result<(), String>> + Send;

    /// What producers seal to; `Err` with a sentence if it cannot be had now.
    fn jwks(&self) -> impl Future<Output = Result<Value, String>> + Send;
}

/// Begins to serve, and tells the address.
///
/// # Errors
/// If the address cannot be bound.
pub async fn serve<R: Readiness>(
    listen: SocketAddr,
    metrics: PrometheusHandle,
    readiness: Arc<R>,
) -> Result<SocketAddr, String> {
    let problem = |e| format!("cannot serve /metrics on {listen}: {e}; set another ops.listen");
    let listener = TcpListener::bind(listen).await.map_err(problem)?;
    let address = listener.local_addr().map_err(problem)?;
    let render = move || async move { ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], metrics.render()) };
    let keys = Arc::clone(&readiness);
    let ready = move || async move {
        match readiness.check().await {
            Ok(()) => (StatusCode::OK, "ready\n".to_owned()).into_response(),
            Err(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response(),
        }
    };
    let jwks = move || async move {
        let headers = [(header::CONTENT_TYPE, "application/jwk-set+json"), (header::CACHE_CONTROL, JWKS_CACHE)];
        match keys.jwks().await {
            Ok(jwks) => (headers, jwks.to_string()).into_response(),
            Err(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response(),
        }
    };
    let router = Router::new()
        .route("/metrics", get(render))
        .route("/livez", get(async || "alive\n"))
        .route("/readyz", get(ready))
        .route("/jwks", get(jwks));
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!(%error, "the operations port ended");
        }
    });
    Ok(address)
}
