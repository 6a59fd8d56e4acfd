//! Spans on their way to a collector, and the W3C trace context of messages.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::TracerProvider;
use opentelemetry_http::{HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracer, SdkTracerProvider};
use sealpost_shared::config::{Http, Ratio, Telemetry};
use sealpost_shared::http::{self, NoAnswer};
use tokio::runtime::Handle;
use tracing::{Span, Subscriber};
use tracing_opentelemetry::{OpenTelemetryLayer, OpenTelemetrySpanExt};
use tracing_subscriber::registry::LookupSpan;

/// How long the collector may take to answer, and what is left may take to go out at the end.
const WITHIN: Duration = Duration::from_secs(5);

const TRACEPARENT: &str = "traceparent";

/// What sends spans; nothing, where the configuration names no collector.
pub struct Traces(Option<SdkTracerProvider>);

impl Traces {
    pub(super) fn to(Telemetry { traces, ratio: Ratio(ratio), .. }: &Telemetry, http: &Http) -> Result<Self, String> {
        let Some(url) = traces else { return Ok(Self(None)) };
        let wrong = |problem: &dyn std::fmt::Display| format!("telemetry.traces: {problem}");
        let client = Sender { http: http.client(WITHIN)?, runtime: Handle::current(), refused: AtomicBool::new(false) };
        let exporter = SpanExporter::builder().with_http().with_http_client(client).with_endpoint(url.as_str());
        let exporter = exporter.with_timeout(WITHIN).build().map_err(|e| wrong(&e))?;
        let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(*ratio)));
        let resource = Resource::builder().with_service_name("sealpost");
        let resource =
            resource.with_attribute(opentelemetry::KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
        let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).with_sampler(sampler);
        Ok(Self(Some(provider.with_resource(resource.build()).build())))
    }

    pub(super) fn layer<S: Subscriber + for<'a> LookupSpan<'a>>(&self) -> Option<OpenTelemetryLayer<S, SdkTracer>> {
        let tracer = self.0.as_ref()?.tracer("sealpost");
        // where a span was made in the code, and by which thread, says nothing to who reads traces
        let layer = tracing_opentelemetry::layer().with_tracer(tracer);
        Some(
            layer
                .with_location(false)
                .with_threads(false)
                .with_tracked_inactivity(false)
                .with_target(false)
                .with_level(false),
        )
    }

    /// Sends what is left.
    pub async fn end(self) {
        let Some(provider) = self.0 else { return };
        // it blocks, on a request that this runtime must carry
        let ended = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(WITHIN)).await;
        if !matches!(ended, Ok(Ok(()))) {
            tracing::warn!("the last spans may not have been sent");
        }
    }
}

/// Makes the span go on with the trace that the message brought, and returns what the messages that follow from it bring;
/// without a collector that is what came.
pub(crate) fn continued(span: &Span, traceparent: Option<String>) -> Option<String> {
    if span.is_disabled() {
        return traceparent;
    }
    let propagator = TraceContextPropagator::new();
    if let Some(parent) = traceparent {
        // an error means that it has a parent already; it was made right now
        let _ = span.set_parent(propagator.extract(&HashMap::from([(TRACEPARENT.to_owned(), parent)])));
    }
    let mut carrier = HashMap::new();
    propagator.inject_context(&span.context(), &mut carrier);
    carrier.remove(TRACEPARENT)
}

/// The id of the trace (W3C Trace Context §3.2.2.3).
pub(crate) fn trace_id(traceparent: Option<&str>) -> Option<&str> {
    traceparent?.split('-').nth(1)
}

/// Sends on the runtime of the process: batches are made by a thread that has none.
#[derive(Debug)]
struct Sender {
    http: reqwest::Client,
    runtime: Handle,
    /// Whether the last batch was not taken.
    refused: AtomicBool,
}

impl Sender {
    /// Says so when the collector begins not to take spans, and when it does again.
    fn told(&self, problem: Option<String>) {
        match (problem, self.refused.load(Ordering::Relaxed)) {
            (Some(problem), false) => {
                tracing::warn!(
                    problem,
                    "the collector of telemetry.traces takes no spans; they are lost, and no job is"
                );
            }
            (None, true) => tracing::info!("the collector of telemetry.traces takes spans again"),
            _ => return,
        }
        self.refused.fetch_not(Ordering::Relaxed);
    }
}

#[async_trait]
impl HttpClient for Sender {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let request = reqwest::Request::try_from(request)?;
        let client = self.http.clone();
        let answering = async move {
            let answer = client.execute(request).await.map_err(|error| NoAnswer::from(&error))?;
            let headers = answer.headers().clone();
            Ok::<_, NoAnswer>((headers, http::read(answer).await?))
        };
        let answered = self.runtime.spawn(answering).await?;
        self.told(match &answered {
            Ok((_, answer)) if (200..300).contains(&answer.status) => None,
            Ok((_, answer)) => Some(format!("status {}", answer.status)),
            Err(none) => Some(none.to_string()),
        });
        let (headers, answer) = answered?;
        let mut response = Response::builder().status(answer.status);
        if let Some(own) = response.headers_mut() {
            *own = headers;
        }
        Ok(response.body(answer.body.into())?)
    }
}
