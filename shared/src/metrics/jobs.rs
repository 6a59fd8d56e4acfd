//! Messages, and what became of them.

use std::time::Duration;

use ::metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use sealpost_schemas::Code;

/// Messages that left their queue.
pub const JOBS: &str = "sealpost_jobs_total";
pub(super) const JOB_SECONDS: &str = "sealpost_job_seconds";
/// How long messages waited for a worker.
pub const JOB_WAIT: &str = "sealpost_job_wait_seconds";
pub(super) const JOB_AGE: &str = "sealpost_job_age_seconds";
/// Messages that a step works on now.
pub const JOBS_IN_FLIGHT: &str = "sealpost_jobs_in_flight";
/// Attempts that failed.
pub const ATTEMPTS_FAILED: &str = "sealpost_attempts_failed_total";
const PUBLISHES: &str = "sealpost_publishes_total";
const UNKNOWN_FIELDS: &str = "sealpost_unknown_fields_total";
const UNKNOWN_OUTCOMES: &str = "sealpost_unknown_outcomes_total";

/// Help texts, and counters that begin at 0.
pub(super) fn describe() {
    describe_counter!(JOBS, "Messages that left their queue, by queue and outcome.");
    describe_histogram!(JOB_SECONDS, Unit::Seconds, "Time from delivery to ack, by queue.");
    describe_histogram!(JOB_WAIT, Unit::Seconds, "Time from the making of a message to its first delivery, by queue.");
    describe_histogram!(JOB_AGE, Unit::Seconds, "Time from the making of a message to its end, by queue.");
    describe_gauge!(JOBS_IN_FLIGHT, "Messages that a step works on now, by queue.");
    describe_counter!(ATTEMPTS_FAILED, "Attempts that failed, by queue and failure code.");
    describe_counter!(PUBLISHES, "Messages that were to be published, by kind and result.");
    describe_counter!(UNKNOWN_FIELDS, "Fields of messages that this version does not know, by queue.");
    describe_counter!(UNKNOWN_OUTCOMES, "Times that an outcome was told as unknown or lost, by act.");
    // from the start, so that the first one is a rise
    for act in [Act::Publish, Act::Exchange, Act::Refresh, Act::Notice] {
        counter!(UNKNOWN_OUTCOMES, "act" => act.label()).increment(0);
    }
}

/// How a message left its queue.
#[derive(Clone, Copy)]
pub enum Left {
    /// A step ended with this outcome (a topic of its answer, or `done`).
    Done(&'static str),
    /// It waits for another attempt.
    Retried,
    /// It waits without having spent an attempt.
    Deferred,
    /// It is in `dead-letters`.
    DeadLettered,
    /// It went back to its queue unfinished.
    GivenBack,
}

impl Left {
    /// Its name in measures and logs.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Done(outcome) => outcome,
            Self::Retried => "retried",
            Self::Deferred => "deferred",
            Self::DeadLettered => "dead-lettered",
            Self::GivenBack => "given-back",
        }
    }
}

/// A message that a step works on; counted until it is dropped.
pub struct InFlight(&'static str);

impl InFlight {
    /// Begins one.
    #[must_use]
    pub fn begin(queue: &'static str) -> Self {
        gauge!(JOBS_IN_FLIGHT, "queue" => queue).increment(1);
        Self(queue)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        gauge!(JOBS_IN_FLIGHT, "queue" => self.0).decrement(1);
    }
}

/// A message left its queue.
pub fn job_left(queue: &'static str, how: Left, took: Duration) {
    counter!(JOBS, "queue" => queue, "outcome" => how.label()).increment(1);
    histogram!(JOB_SECONDS, "queue" => queue).record(took);
}

/// A message was delivered for the first time, so long after it was made.
pub fn job_waited(queue: &'static str, wait: Duration) {
    histogram!(JOB_WAIT, "queue" => queue).record(wait);
}

/// A message came to its end, so long after it was made.
pub fn job_ended(queue: &'static str, age: Duration) {
    histogram!(JOB_AGE, "queue" => queue).record(age);
}

/// An attempt failed.
pub fn attempt_failed(queue: &'static str, code: Code) {
    counter!(ATTEMPTS_FAILED, "queue" => queue, "code" => code.as_str()).increment(1);
}

/// A message was published, or was not. Kinds: `follow-up`, `delay`, `dead-letter`, `reply`, `event`, `tick`; results:
/// `confirmed`, and the labels of the broker's errors.
pub fn published(kind: &'static str, result: &'static str) {
    counter!(PUBLISHES, "kind" => kind, "result" => result).increment(1);
}

/// A message had fields that are not known here.
pub fn unknown_fields(queue: &'static str, fields: usize) {
    if fields > 0 {
        counter!(UNKNOWN_FIELDS, "queue" => queue).increment(fields as u64);
    }
}

/// What has an outcome.
#[derive(Clone, Copy)]
pub enum Act {
    /// A request to a publishing API.
    Publish,
    /// The exchange of a code, or of a refresh token that is brought in.
    Exchange,
    /// The refresh of a connection's tokens.
    Refresh,
    /// A text message about how a job ended.
    Notice,
}

impl Act {
    const fn label(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Exchange => "exchange",
            Self::Refresh => "refresh",
            Self::Notice => "notice",
        }
    }
}

/// An outcome was told as unknown: the request may have been carried out, or its answer was lost for good.
pub fn outcome_unknown(act: Act) {
    counter!(UNKNOWN_OUTCOMES, "act" => act.label()).increment(1);
}
