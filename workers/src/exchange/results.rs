//! What a request is answered.

use std::time::Duration;

use jiff::Timestamp;
use sealpost_schemas::{Code, ExchangeOutcome, ExchangeRequest, ExchangeResult, FailureReport, Message, Subject};
use sealpost_shared::failure::Failure;
use sealpost_shared::ids;
use sealpost_shared::ledger::Standing;
use sealpost_shared::metrics::{self, Act};
use sealpost_shared::records;
use sealpost_shared::tokens::Handed;

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

/// It is stored, or only that it is: the tokens that a device gets are added where it is told.
pub(super) fn stored_as(
    request: &ExchangeRequest,
    scopes: Vec<String>,
    expires_at: Option<Timestamp>,
    whose: Option<&records::Subject>,
) -> ExchangeResult {
    let (name, outcome) = if request.store_on_device {
        ("on-device", ExchangeOutcome::OnDevice)
    } else {
        ("stored", ExchangeOutcome::Stored)
    };
    let result = request.result(result_id(request, name), outcome);
    ExchangeResult { subject: subject(whose), scopes: Some(scopes), expires_at, ..result }
}

/// The tokens are added where it is told.
pub(super) fn picked_up_as(request: &ExchangeRequest, handed: &Handed) -> ExchangeResult {
    let result = request.result(result_id(request, "picked-up"), ExchangeOutcome::PickedUp);
    let (scopes, expires_at) = (Some(handed.metadata.scopes.clone()), handed.metadata.access_expires_at);
    ExchangeResult { subject: subject(handed.subject.as_ref()), scopes, expires_at, ..result }
}

fn subject(known: Option<&records::Subject>) -> Option<Subject> {
    known.cloned().map(|records::Subject { id, name, replaced }| Subject { id, name, changed: replaced })
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
