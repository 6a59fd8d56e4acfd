//! What operators see: measures, readiness, logs; and what nobody may see.

mod measures;
mod moved;
mod readiness;
pub(crate) mod secrets;

/// The names of all metrics that are documented.
pub(crate) fn documented_metrics() -> std::collections::BTreeSet<String> {
    measures::documented().into_keys().collect()
}
