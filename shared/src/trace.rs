//! The spans of traces: how they are called, and all that they carry. Names and attributes are those of OpenTelemetry's
//! semantic conventions (messaging, HTTP and database spans). Nothing of a message, a user or an address's path is here:
//! whoever reads traces need not be trusted with those.
//!
//! Without somebody who collects them, no span is made: see [`is_of_traces`].

use std::fmt::Display;

use tracing::field::{Empty, display};
use tracing::{Level, Metadata, Span, span};
use uuid::Uuid;

const TARGET: &str = "sealpost::trace";

/// Whether this is a span of traces, which no log line shows.
#[must_use]
pub fn is_of_traces(metadata: &Metadata<'_>) -> bool {
    metadata.target() == TARGET
}

/// One delivery of a message, from its reading to its ack. An id that is none is not told: a producer may write anything there.
#[must_use]
pub fn job(queue: &'static str, id: Option<&str>, attempt: u32) -> Span {
    span!(
        target: TARGET,
        Level::DEBUG,
        "job",
        otel.name = format_args!("process {queue}"),
        otel.kind = "consumer",
        otel.status_code = Empty,
        otel.status_description = Empty,
        messaging.system = "rabbitmq",
        messaging.operation.type = "process",
        messaging.destination.name = queue,
        messaging.message.id = id.and_then(|id| Uuid::try_parse(id).ok()).map(display),
        sealpost.attempt = attempt,
        sealpost.outcome = Empty,
        sealpost.code = Empty,
    )
}

/// A message on its way to the broker, until that has it. `to`: what kind of place it goes to; a producer's own queue has
/// whatever name he gave it.
pub(crate) fn send(to: &str) -> Span {
    span!(
        target: TARGET,
        Level::DEBUG,
        "send",
        otel.name = format_args!("send {to}"),
        otel.kind = "producer",
        otel.status_code = Empty,
        otel.status_description = Empty,
        messaging.system = "rabbitmq",
        messaging.operation.type = "send",
        messaging.destination.name = to,
    )
}

/// A call of Redis: a command, or a script by its name.
pub(crate) fn redis(name: &str) -> Span {
    span!(
        target: TARGET,
        Level::DEBUG,
        "redis",
        otel.name = name,
        otel.kind = "client",
        otel.status_code = Empty,
        otel.status_description = Empty,
        db.system.name = "redis",
        db.operation.name = name,
    )
}

/// An HTTP request, answer included. Its path may hold a user's name, and is not said.
pub(crate) fn http(method: &str, host: Option<&str>, port: Option<u16>) -> Span {
    span!(
        target: TARGET,
        Level::DEBUG,
        "http",
        otel.name = method,
        otel.kind = "client",
        otel.status_code = Empty,
        otel.status_description = Empty,
        http.request.method = method,
        http.response.status_code = Empty,
        server.address = host,
        server.port = port,
    )
}

/// Says with what status an HTTP request was answered.
pub(crate) fn answered(span: &Span, status: u16) {
    span.record("http.response.status_code", status);
}

/// Says of a span that what it stands for failed, and why, in words that a log could have as well.
pub fn failed(span: &Span, why: &dyn Display) {
    if !span.is_disabled() {
        span.record("otel.status_code", "ERROR");
        span.record("otel.status_description", display(why));
    }
}
