//! What a request is answered.

use std::time::Duration;

use jiff::Timestamp;
use sealpost_schemas::{Code, ExchangeOutcome, ExchangeRequest, ExchangeResult, FailureReport, Message, Subject};
use sealpost_shared::failure::Failure;
use sealpost_shared::ids;
use sealpost_shared::ledger::Standing;
use sealpost_shared::metrics::{self, Act};
use sealpost_shared::records;

/// How long a request waits that may be under way elsewhere.
pub(super) const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// The answer that the ledger knows. One that contradicts what was told before is the truth: it came from the provider.
pub(super) fn answer(request: &ExchangeRequest, standing: Standing<ExchangeResult>) -> Result<ExchangeResult, Failure> {
    match standing {
        Standing::Done(result) | Standing::Conflict(result) => Ok(result),
        Standing::Unknown | Standing::Open => Err(busy(request, LOOK_AGAIN)),
    }
}

pub(super) fn busy(request: &ExchangeRequest, after: Duration) -> Failure {
    let message = format!("request {} is under way elsewhere, or may be; it is looked at again", request.id);
    Failure::defer(after, Code::UnderWay, message)
}

pub(super) fn stored_as(
    request: &ExchangeRequest,
    scopes: Vec<String>,
    expires_at: Option<Timestamp>,
    subject: Option<&records::Subject>,
) -> ExchangeResult {
    let result = request.result(result_id(request, "stored"), ExchangeOutcome::Stored);
    let subject =
        subject.cloned().map(|records::Subject { id, name, replaced }| Subject { id, name, changed: replaced });
    ExchangeResult { subject, scopes: Some(scopes), expires_at, ..result }
}

pub(super) fn failed(request: &ExchangeRequest, failure: FailureReport) -> ExchangeResult {
    if failure.code == Code::ExchangeOutcomeLost {
        metrics::outcome_unknown(Act::Exchange);
    }
    let result = request.result(result_id(request, failure.code.as_str()), ExchangeOutcome::Failed);
    ExchangeResult { failure: Some(failure), ..result }
}

fn result_id(request: &ExchangeRequest, outcome: &str) -> uuid::Uuid {
    ids::follow_up(Some(&request.owner), request.id, ExchangeResult::NAME, outcome)
}
