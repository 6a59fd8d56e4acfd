//! What stands on the command line, as the types that messages have.

use std::path::Path;

use jiff::Timestamp;
use sealpost_schemas::{Name, ProviderId};
use uuid::Uuid;

pub(super) fn name(text: &str) -> Result<Name, String> {
    Name::new(text).ok_or_else(|| format!("must be 1 to {} bytes without control characters", Name::MAX_BYTES))
}

pub(super) fn provider(text: &str) -> Result<ProviderId, String> {
    ProviderId::new(text).ok_or_else(|| "must be 1 to 64 of a-z, 0-9 and hyphen".into())
}

pub(super) fn id(text: &str) -> Result<Uuid, String> {
    text.parse().map_err(|_| "must be a UUID, as in 01a2230b-87af-709a-854b-a5c500581774".into())
}

pub(super) fn time(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|_| "must be a time of RFC 3339, as in 2026-11-22T12:00:00Z".into())
}

/// Whether two paths lead to the same file.
pub(super) fn same_file(a: &Path, b: &Path) -> bool {
    a.canonicalize().ok().is_some_and(|a| b.canonicalize().is_ok_and(|b| a == b))
}

#[cfg(test)]
mod tests {
    use super::{id, time};

    #[test]
    fn what_cannot_be_read_is_told_by_what_it_should_look_like() {
        assert!(time("tomorrow").unwrap_err().contains("2026-11-22T12:00:00Z"));
        assert!(time("2026-11-22T12:00:00").is_err(), "of which place?");
        assert_eq!(time("2026-11-22T13:00:00+01:00"), time("2026-11-22T12:00:00Z"));
        assert!(id("job-1").unwrap_err().contains("a UUID"));
    }
}
