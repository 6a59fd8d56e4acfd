//! Logs and traces: what is printed and sent, and what never is.

mod traces;

use std::io::{IsTerminal, stderr};
use std::panic;

use sealpost_shared::broker::may_log;
use sealpost_shared::config::{Config, LogFormat};
use sealpost_shared::trace::is_of_traces;
use tracing::{Level, Metadata};
use tracing_subscriber::filter::{FilterExt, LevelFilter, filter_fn};
use tracing_subscriber::prelude::*;
use tracing_subscriber::{EnvFilter, fmt};

pub use self::traces::Traces;
pub(crate) use self::traces::{continued, trace_id};

/// The environment variable of the log filter, as in `sealpost=debug`.
const FILTER: &str = "SEALPOST_LOG";

/// Without it. What lapin would say of a lost connection, our own supervision says with what to do.
const DEFAULT: &str = "info,lapin=off";

/// Begins to log to standard error, one line an event, and to send spans where the configuration says so, until what is
/// returned is [ended](Traces::end). Needs a tokio runtime.
///
/// # Errors
/// In words, if spans cannot be sent as it says.
pub fn start(Config { telemetry, http, .. }: &Config) -> Result<Traces, String> {
    let chosen = std::env::var(FILTER).unwrap_or_else(|_| DEFAULT.into());
    let read = EnvFilter::try_new(&chosen);
    let problem = read.as_ref().err().map(ToString::to_string);
    let filter = read.unwrap_or_else(|_| EnvFilter::new(DEFAULT));
    // whatever the filter says: some lines of libraries hold message bodies
    // with a hint, so that what no filter wants is passed over at its call
    let filter = filter.and(filter_fn(is_line).with_max_level_hint(LevelFilter::TRACE));
    let lines = fmt::layer().with_writer(stderr).with_ansi(stderr().is_terminal()).with_target(false);
    let lines = match telemetry.logs {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(false).with_span_list(false).boxed(),
    };
    let traces = Traces::to(telemetry, http)?;
    let spans = traces.layer().map(|layer| layer.with_filter(filter_fn(is_of_traces)));
    // an error means that this process logs already
    let _ = tracing_subscriber::registry().with(lines.with_filter(filter)).with(spans).try_init();
    if let Some(problem) = problem {
        tracing::warn!(problem, "{FILTER} cannot be read, and counts as info; write it as in sealpost=debug");
    }
    panic::set_hook(Box::new(|info| {
        // the text of a panic may hold what a message held; the line does not
        let at = info.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(at, "a defect of Sealpost: the code stopped here");
    }));
    Ok(traces)
}

fn is_line(metadata: &Metadata<'_>) -> bool {
    // what the library of traces says below a warning holds answers; and that no batch is taken we say once ourselves
    let library = metadata.target().starts_with("opentelemetry");
    let noise = library && (*metadata.level() > Level::WARN || metadata.name() == "BatchSpanProcessor.ExportError");
    may_log(metadata) && !is_of_traces(metadata) && !noise
}
