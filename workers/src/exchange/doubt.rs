//! A code or assertion that was sent, and nobody is there to say how it ended.

use std::borrow::Cow;
use std::time::Duration;

use sealpost_schemas::{Code, ExchangeRequest, ExchangeResult, FailureReport};
use sealpost_shared::failure::{Failure, Verdict};
use sealpost_shared::ledger::Doubt;
use sealpost_shared::oauth::OAuthProvider;
use sealpost_shared::records::Outcome;

use super::Exchange;
use super::grant::Spent;
use super::results::{LOOK_AGAIN, answer, busy, failed, stored_as};
use crate::step::Attempt;

/// How long a request waits that could not be looked into.
const LATER: Duration = Duration::from_secs(5);

impl Exchange {
    /// The code or assertion was sent, and nobody is there to say how it ended. It is not sent again: a second use would make the
    /// provider end what the first one began (RFC 6749 §4.1.2). What was stored names the request. A refresh token is sent
    /// again, see [`super::import`].
    pub(super) async fn doubt(
        &self,
        request: &ExchangeRequest,
        wanted: Result<(Cow<'_, OAuthProvider>, Spent<'_>), Failure>,
        doubt: &Doubt,
        at: Attempt,
    ) -> Result<ExchangeResult, Failure> {
        if !doubt.left.is_zero() {
            return Err(busy(request, doubt.left.min(LOOK_AGAIN)));
        }
        // it may be stored, so that it must not end as failed for want of attempts
        let place = self.keeper.prepare(&request.connection()).await.map_err(patient)?;
        if let Some((stored, subject)) = place.stored_by(request.id) {
            let result = stored_as(request, stored.scopes.clone(), stored.access_expires_at, subject);
            return answer(request, self.ledger.found(doubt, &result).await?);
        }
        let (oauth, spent) = wanted?;
        if let Spent::Token(_) = spent {
            return match self.ledger.repeat(doubt, true).await? {
                Some(claim) => self.begin(request, (&oauth, spent), &claim, at).await,
                None => Err(busy(request, LOOK_AGAIN)),
            };
        }
        let what = spent.name();
        let message = format!("the {what} was sent, and what it brought was lost; consent must be given again");
        let lost = failed(request, FailureReport::new(Code::ExchangeOutcomeLost, message, false));
        // should its sender still come with an answer, that is the later truth
        if self.ledger.conclude(doubt, Outcome::Refused, &lost).await? {
            Ok(lost)
        } else {
            Err(busy(request, LOOK_AGAIN))
        }
    }
}

pub(super) fn patient(failure: Failure) -> Failure {
    match failure.verdict {
        Verdict::Retry { after } => Failure { verdict: Verdict::Defer { after: after.unwrap_or(LATER) }, ..failure },
        Verdict::Defer { .. } | Verdict::Reject => failure,
    }
}
