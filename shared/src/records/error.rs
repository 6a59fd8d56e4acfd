//! Why the store did not do what it was asked to.

use std::time::Duration;

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

/// How long a message waits for Redis.
const LATER: Duration = Duration::from_secs(5);

/// Redis can come back, and that spends no attempt: nothing is wrong with the message, and one that may have been posted
/// must not end as failed for want of attempts. A newer worker reads a newer record; a damaged record stays so.
impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error.trouble {
            Trouble::Unreadable(RecordError::Missing(_) | RecordError::Malformed(_)) => {
                Self::reject(error.code(), error.to_string())
            }
            Trouble::Unreadable(_) => Self::retry(error.code(), error.to_string()),
            _ => Self::defer(LATER, error.code(), error.to_string()),
        }
    }
}
