//! Why the store did not do what it was asked to.

use sealpost_schemas::Code;

use super::fields::RecordError;
use super::trouble::Trouble;
use crate::failure::Failure;

/// What was being done, and what went wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot {doing}: {trouble}")]
pub struct StoreError {
    /// What was being done, with what: `load record 017/ab…`.
    pub doing: String,
    /// What went wrong, and what to do.
    pub trouble: Trouble,
}

impl StoreError {
    pub(super) fn new(doing: impl Into<String>, trouble: Trouble) -> Self {
        Self { doing: doing.into(), trouble }
    }

    /// The failure code of results, metrics and dead letters.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self.trouble {
            Trouble::Unreadable(_) => Code::RecordUnreadable,
            Trouble::KeyRetired(_) => Code::KeyRetired,
            _ => Code::StoreUnavailable,
        }
    }
}

/// Redis can come back, and a newer worker reads a newer record; a damaged record stays so.
impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let damaged = matches!(error.trouble, Trouble::Unreadable(RecordError::Missing(_) | RecordError::Malformed(_)));
        let verdict = if damaged { Self::reject } else { Self::retry };
        verdict(error.code(), error.to_string())
    }
}
