//! Logs: what is printed, and what never is.

use std::io::IsTerminal;
use std::panic;

use sealpost_shared::broker::quiet_targets;
use tracing_subscriber::EnvFilter;

/// The environment variable of the log filter, as in `sealpost=debug`.
const FILTER: &str = "SEALPOST_LOG";

/// Begins to log to standard error, one line an event.
pub fn start() {
    let chosen = std::env::var(FILTER).unwrap_or_else(|_| "info".into());
    let mut filter = EnvFilter::try_new(chosen).unwrap_or_else(|_| EnvFilter::new("info"));
    for target in quiet_targets() {
        // whatever the filter says: these print message bodies
        filter = match format!("{target}=off").parse() {
            Ok(directive) => filter.add_directive(directive),
            Err(_) => filter,
        };
    }
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    let log = log.with_ansi(std::io::stderr().is_terminal());
    let _ = log.try_init(); // an error means that this process logs already
    panic::set_hook(Box::new(|info| {
        // the text of a panic may hold what a message held; the line does not
        let at = info.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(at, "a defect of Sealpost: the code stopped here");
    }));
}
