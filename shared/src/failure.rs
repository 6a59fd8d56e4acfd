//! Why a step could not do its work, with the verdict on what becomes of the message.

use std::time::Duration;

use sealpost_schemas::{Answer, Code, FailureReport};

use crate::keys::{KeyError, Wanted};

/// What becomes of a message whose step failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Again later; spends an attempt.
    Retry {
        /// Not before this much time, where somebody said so.
        after: Option<Duration>,
    },
    /// Again later; spends no attempt, since nothing went wrong: somebody else is at it, or a limit is reached.
    Defer {
        /// Not before this much time.
        after: Duration,
    },
    /// Never again: the message, or what we stored, is at fault. It goes to `dead-letters`.
    Reject,
}

/// A step's failure. A refusal by the world (no consent, the provider's no) is not one: that is a result.
pub struct Failure {
    /// What becomes of the message.
    pub verdict: Verdict,
    /// The stable code.
    pub code: Code,
    /// What was being done, with what, what went wrong, what to do. Free of secrets.
    pub message: String,
    /// What happened before the failure and must be told all the same.
    pub events: Vec<Answer>,
    /// Whether it is about one key or secret, so that what needs others is not kept waiting.
    pub of_one: bool,
    /// Whether it comes again at its place in the line of its provider's jobs.
    pub lined_up: bool,
    /// Whether newer tokens than a job brought wait for its user's device: told also where the job fails.
    pub tokens_refreshed: bool,
}

impl Failure {
    /// Again later, when the cause may be gone.
    pub fn retry(code: Code, message: impl Into<String>) -> Self {
        Self::new(Verdict::Retry { after: None }, code, message)
    }

    /// Never again.
    pub fn reject(code: Code, message: impl Into<String>) -> Self {
        Self::new(Verdict::Reject, code, message)
    }

    /// Later, without spending an attempt.
    pub fn defer(after: Duration, code: Code, message: impl Into<String>) -> Self {
        Self::new(Verdict::Defer { after }, code, message)
    }

    /// With this verdict.
    pub fn new(verdict: Verdict, code: Code, message: impl Into<String>) -> Self {
        Self {
            verdict,
            code,
            message: message.into(),
            events: Vec::new(),
            of_one: false,
            lined_up: false,
            tokens_refreshed: false,
        }
    }

    /// Tells what happened before.
    #[must_use]
    pub fn with_events(mut self, events: impl IntoIterator<Item = Answer>) -> Self {
        self.events.extend(events);
        self
    }

    /// What the producer is told when the message will not be tried again.
    #[must_use]
    pub fn report(&self) -> FailureReport {
        let report = FailureReport::new(self.code, &self.message, !matches!(self.verdict, Verdict::Reject));
        FailureReport { tokens_refreshed: self.tokens_refreshed, ..report }
    }
}

impl From<KeyError> for Failure {
    /// A retry: nothing is wrong with the message, nobody is asked for consent, an operator mends it. But for a tenant whose
    /// name no key can have: its messages wait for a replay.
    fn from(error: KeyError) -> Self {
        let code = match error {
            KeyError::Missing { .. } | KeyError::Deleted { .. } => Code::KeyMissing,
            KeyError::Disabled { .. } => Code::KeyDisabled,
            KeyError::SourceUnavailable { .. }
            | KeyError::Throttled { .. }
            | KeyError::Denied { .. }
            | KeyError::Unauthenticated { .. }
            | KeyError::Misconfigured { .. } => Code::KeySourceUnavailable,
        };
        let after = match error {
            KeyError::Throttled { after, .. } => Some(after),
            _ => None,
        };
        let of_one = matches!(error, KeyError::Misconfigured { .. } | KeyError::Denied { .. });
        let verdict = match &error {
            // it has none, however often one looks
            KeyError::Misconfigured { wanted: Wanted::OfTenant(_), .. } => Verdict::Reject,
            _ => Verdict::Retry { after },
        };
        Self { of_one, ..Self::new(verdict, code, error.to_string()) }
    }
}
