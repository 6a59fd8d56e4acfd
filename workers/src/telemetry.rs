//! Logs: what is printed, and what never is.

use std::io::{IsTerminal, stderr};
use std::panic;

use sealpost_shared::broker::may_log;
use tracing_subscriber::filter::{FilterExt, LevelFilter, filter_fn};
use tracing_subscriber::prelude::*;
use tracing_subscriber::{EnvFilter, fmt};

/// The environment variable of the log filter, as in `sealpost=debug`.
const FILTER: &str = "SEALPOST_LOG";

/// Without it. What lapin would say of a lost connection, our own supervision says with what to do.
const DEFAULT: &str = "info,lapin=off";

/// Begins to log to standard error, one line an event.
pub fn start() {
    let chosen = std::env::var(FILTER).unwrap_or_else(|_| DEFAULT.into());
    let read = EnvFilter::try_new(&chosen);
    let problem = read.as_ref().err().map(ToString::to_string);
    let filter = read.unwrap_or_else(|_| EnvFilter::new(DEFAULT));
    // whatever the filter says: some lines of libraries hold message bodies
    // with a hint, so that what no filter wants is passed over at its call
    let filter = filter.and(filter_fn(may_log).with_max_level_hint(LevelFilter::TRACE));
    let lines = fmt::layer().with_writer(stderr).with_ansi(stderr().is_terminal()).with_target(false);
    // an error means that this process logs already
    let _ = tracing_subscriber::registry().with(lines.with_filter(filter)).try_init();
    if let Some(problem) = problem {
        tracing::warn!(problem, "{FILTER} cannot be read, and counts as info; write it as in sealpost=debug");
    }
    panic::set_hook(Box::new(|info| {
        // the text of a panic may hold what a message held; the line does not
        let at = info.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(at, "a defect of Sealpost: the code stopped here");
    }));
}
