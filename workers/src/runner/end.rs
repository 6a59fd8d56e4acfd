//! What is told of an attempt: one line, and its span.

use std::time::Duration;

use sealpost_schemas::Code;
use sealpost_shared::metrics::Left;
use sealpost_shared::trace;
use tracing::Span;
use tracing::field::display;
use uuid::Uuid;

use crate::telemetry;

/// How the handling of a message ended.
pub(super) struct End {
    /// The message's, as far as it could be read.
    pub(super) id: Option<Uuid>,
    /// Why it is not done.
    pub(super) failure: Option<(Code, String)>,
    /// `None`: the delivery is lost, and will be delivered again.
    pub(super) left: Option<Left>,
}

/// The one line of an attempt, and the end of its span.
pub(super) fn told(
    queue: &str,
    (id, attempt): (Option<Uuid>, u32),
    traceparent: Option<&str>,
    (left, failure): (Left, Option<(Code, String)>),
    took: Duration,
) {
    let (outcome, ms) = (left.label(), u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
    let (id, trace) = (id.map(display), telemetry::trace_id(traceparent).map(display));
    let span = Span::current();
    span.record("sealpost.outcome", outcome);
    let Some((code, reason)) = failure else {
        if !matches!(left, Left::GivenBack) {
            return tracing::info!(job.id = id, trace.id = trace, queue, attempt, outcome, ms, "done");
        }
        tracing::warn!(job.id = id, trace.id = trace, queue, attempt, outcome, ms, "not done: it comes again");
        return trace::failed(&span, &outcome);
    };
    let turns = matches!((left, code), (Left::Deferred, Code::RateLimited));
    let code = code.as_str();
    if turns {
        // it comes again when it is its turn: nobody has to do anything
        tracing::info!(job.id = id, trace.id = trace, queue, attempt, outcome, ms, code, reason, "put off");
    } else {
        tracing::warn!(job.id = id, trace.id = trace, queue, attempt, outcome, ms, code, reason, "not done");
    }
    span.record("sealpost.code", code);
    // the reason may name a tenant, or a producer's queue
    trace::failed(&span, &code);
}
