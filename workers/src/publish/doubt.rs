//! A request was sent, and nobody is there to say how it ended. Never a guess: the post is found, or the request repeated
//! where the provider's entry says that this makes no second post, or the outcome is unknown.

use std::time::{Duration, Instant};

use sealpost_schemas::{PublishJob, PublishResult};
use sealpost_shared::failure::{Failure, Verdict};
use sealpost_shared::ledger::Doubt;
use sealpost_shared::metrics::{self, Call};

use super::results::{answer, busy, published, unknown};
use super::tokens::Tokens;
use super::{Publish, Way};
use crate::providers::{Found, Request, find};

/// How long after the first request a look-up is tried that gives no proof.
const LOOK_FOR: Duration = Duration::from_hours(1);

/// How long a job waits that could not be looked for or repeated.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

impl Publish {
    /// Ends the doubt, if the provider's entry says how, and the request cannot be under way any more.
    pub(super) async fn doubt(
        &self,
        job: &PublishJob,
        request: &Request<'_>,
        (doubt, mut way): (&Doubt, Way),
        tokens: &mut Tokens<'_>,
    ) -> Result<PublishResult, Failure> {
        let no_proof = || Ok(unknown(job, &format!("publishing at {}: the request's answer was lost", job.provider)));
        let repeatable = request.repeatable_for().is_some_and(|window| doubt.since < window);
        let findable = request.can_be_found() && (repeatable || doubt.since < LOOK_FOR);
        if !findable && !repeatable {
            return no_proof();
        }
        if !doubt.left.is_zero() {
            return Err(busy(job, doubt.left.min(LOOK_AGAIN)));
        }
        let mut refused = false;
        let doubtful = loop {
            let token = if refused { Box::pin(tokens.newer()).await } else { tokens.token().await };
            let token = match token {
                Ok(Ok(token)) => token,
                Ok(Err(_)) => return no_proof(),
                Err(failure) => return again(job, failure),
            };
            // consent was given anew, perhaps by another account: what that one has proves nothing, and its key is another
            if doubt.consent.is_some_and(|consent| tokens.consent != Some(consent)) {
                return no_proof();
            }
            let found = if request.can_be_found() {
                let pass = match way.pass(self, job).await {
                    Ok(pass) => pass,
                    Err(failure) => return again(job, failure),
                };
                let began = Instant::now();
                find(&pass, request, &token).await.map(|found| (found, began.elapsed()))
            } else {
                None
            };
            if let Some((found, took)) = &found {
                metrics::api_call(job.provider.as_str(), Call::Find, found.label(), *took);
            }
            match found.map(|(found, _)| found) {
                Some(Found::Post(post)) => {
                    let standing = self.ledger.found(doubt, &published(job, post, tokens.refreshed)).await;
                    return standing.map_or_else(|failure| again(job, failure), |standing| answer(job, standing));
                }
                Some(Found::Nothing) => break false,
                // one newer token and one more look, as for the post itself
                Some(Found::TokenRefused) if !refused => refused = true,
                Some(Found::TokenRefused) if !repeatable => return no_proof(),
                Some(Found::NoProof) if !repeatable => return Err(busy(job, LOOK_AGAIN)),
                Some(Found::NoProof | Found::TokenRefused) | None => break true,
            }
        };
        // a new act, with a claim and a mark of its own
        let Some(claim) = self.ledger.repeat(doubt, doubtful).await? else { return Err(busy(job, LOOK_AGAIN)) };
        match self.act(job, request, (claim, way), tokens).await {
            Err(failure) if doubtful => again(job, failure),
            other => other,
        }
    }
}

/// A job that may have been posted must not end as failed, neither for want of attempts nor for a reason of ours.
pub(super) fn again(job: &PublishJob, failure: Failure) -> Result<PublishResult, Failure> {
    match failure.verdict {
        Verdict::Defer { .. } => Err(failure),
        Verdict::Retry { after } => {
            let after = after.unwrap_or(LOOK_AGAIN);
            Err(Failure { verdict: Verdict::Defer { after }, ..failure })
        }
        Verdict::Reject => {
            tracing::error!(job.id = %job.id, reason = failure.message, "the outcome stays unknown");
            Ok(unknown(job, &failure.message))
        }
    }
}
