//! What stands on the command line, as the types that messages have.

use std::path::Path;

use sealpost_schemas::{Name, ProviderId};

pub(super) fn name(text: &str) -> Result<Name, String> {
    Name::new(text).ok_or_else(|| format!("must be 1 to {} bytes without control characters", Name::MAX_BYTES))
}

pub(super) fn provider(text: &str) -> Result<ProviderId, String> {
    ProviderId::new(text).ok_or_else(|| "must be 1 to 64 of a-z, 0-9 and hyphen".into())
}

/// Whether two paths lead to the same file.
pub(super) fn same_file(a: &Path, b: &Path) -> bool {
    a.canonicalize().ok().is_some_and(|a| b.canonicalize().is_ok_and(|b| a == b))
}
