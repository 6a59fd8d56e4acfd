//! What a job is answered.

use std::time::Duration;

use sealpost_schemas::{Code, FailureReport, Message, PublishJob, PublishOutcome, PublishResult};
use sealpost_shared::failure::Failure;
use sealpost_shared::ids;
use sealpost_shared::ledger::Standing;
use sealpost_shared::metrics::{self, Act};

use crate::providers::Publication;

/// The answer that the ledger knows, given again as often as it is asked for.
pub(super) fn answer(job: &PublishJob, standing: Standing<PublishResult>) -> Result<PublishResult, Failure> {
    match standing {
        Standing::Done(result) => Ok(result),
        Standing::Conflict(known) => {
            let message =
                "the provider's late answer contradicts what an operator said; what is known is in this result";
            let name = PublishOutcome::Conflict;
            let failure = known.failure.clone().unwrap_or(FailureReport::new(Code::OutcomeUnknown, message, false));
            Ok(PublishResult { failure: Some(failure), remote: known.remote, ..result(job, name, "conflict") })
        }
        Standing::Unknown => {
            Ok(unknown(job, &format!("publishing at {}: the request's answer was lost", job.provider)))
        }
        Standing::Open => Err(busy(job, Duration::from_secs(1))),
    }
}

/// `refreshed`: newer tokens than the job brings were used, and wait for the device.
pub(super) fn published(job: &PublishJob, post: Publication, refreshed: bool) -> PublishResult {
    PublishResult {
        remote: Some(post.0),
        tokens_refreshed: refreshed,
        ..result(job, PublishOutcome::Published, "published")
    }
}

pub(super) fn unknown(job: &PublishJob, message: &str) -> PublishResult {
    let message = format!("{message}; look whether it was posted; if it was not, send it under a new id");
    metrics::outcome_unknown(Act::Publish);
    let report = FailureReport::new(Code::OutcomeUnknown, message, false);
    PublishResult { failure: Some(report), ..result(job, PublishOutcome::Unknown, Code::OutcomeUnknown.as_str()) }
}

pub(super) fn failed(job: &PublishJob, failure: FailureReport, refreshed: bool) -> PublishResult {
    let result = result(job, PublishOutcome::Failed, failure.code.as_str());
    PublishResult { failure: Some(failure), tokens_refreshed: refreshed, ..result }
}

/// Somebody is at the job, or was until now.
pub(super) fn busy(job: &PublishJob, after: Duration) -> Failure {
    Failure::defer(
        after,
        Code::UnderWay,
        format!("job {} is under way elsewhere, or may be; it is looked at again", job.id),
    )
}

fn result(job: &PublishJob, outcome: PublishOutcome, name: &str) -> PublishResult {
    job.result(ids::follow_up(Some(&job.owner), job.id, PublishResult::NAME, name), outcome)
}
