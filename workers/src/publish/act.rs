//! One request to the provider, under a claim and a mark of its own, and what its answer means for the job.

use std::ops::ControlFlow::{self, Break, Continue};
use std::time::{Duration, Instant};

use sealpost_schemas::{Code, FailureReport, PublishJob, PublishResult};
use sealpost_shared::failure::{Failure, Verdict};
use sealpost_shared::ledger::{Begin, Claim, Sending};
use sealpost_shared::metrics::{self, Call};
use sealpost_shared::pace::{Line, Pass};
use sealpost_shared::records::Outcome;
use secrecy::SecretString;

use super::results::{answer, busy, failed, published, unknown};
use super::tokens::Tokens;
use super::{Publish, Way};
use crate::providers::{Publication, PublishError, Request, publish};

/// How long a job waits when the provider asks for fewer requests without saying how long.
const RATE_LIMIT_PAUSE: Duration = Duration::from_secs(30);

/// How long a job waits when its claim was over before the request could be sent, or when the answer to it was lost.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

impl Way {
    /// The same after what was done for the tokens: a refresh and the request are one act.
    fn after(self, tokens: &Tokens<'_>) -> Self {
        if tokens.called { Self { line: Line::Follows, ..self } } else { self }
    }
}

/// A request that is marked, the token and the pass that it is sent with.
type Marked = (Sending, SecretString, Pass);

impl Publish {
    /// Has a token, marks the request, and sends it.
    pub(super) async fn act(
        &self,
        job: &PublishJob,
        request: &Request<'_>,
        (claim, way): (Claim, Way),
        tokens: &mut Tokens<'_>,
    ) -> Result<PublishResult, Failure> {
        let token = tokens.token().await;
        match self.marked(job, (claim.under(tokens.consent), way.after(tokens)), (token, tokens.refreshed)).await? {
            Continue(marked) => self.send(job, request, marked, tokens).await,
            Break(result) => Ok(result),
        }
    }

    /// Sends a request that was marked when its turn began. A record that is not what it seemed is judged as always, and
    /// nothing was sent.
    pub(super) async fn marked_already(
        &self,
        job: &PublishJob,
        request: &Request<'_>,
        (Begin { sending, ready, .. }, pass): (Begin, Pass),
        mut tokens: Tokens<'_>,
    ) -> Result<PublishResult, Failure> {
        if let Some(usable) = ready.and_then(|(record, key)| self.keeper.usable(&record, &key)) {
            return self.send(job, request, (sending, usable.token, pass), &mut tokens.after(usable.generation)).await;
        }
        let claim = self.ledger.take_back(&sending).await?.ok_or_else(|| busy(job, LOOK_AGAIN))?;
        let way = Way { pass: Some(pass), line: Line::Follows };
        Box::pin(self.act(job, request, (claim, way), &mut tokens)).await
    }

    /// Sends the marked request, unless the claim is over by then. An access token that the platform refuses means one newer
    /// token and one more request.
    pub(super) async fn send(
        &self,
        job: &PublishJob,
        request: &Request<'_>,
        (mut sending, mut token, mut pass): Marked,
        tokens: &mut Tokens<'_>,
    ) -> Result<PublishResult, Failure> {
        let mut refused = false;
        loop {
            if !self.ledger.in_time(&sending) {
                self.ledger.unsent(&sending).await?;
                return Err(busy(job, LOOK_AGAIN));
            }
            let began = Instant::now();
            let answer = publish(&pass, request, &token).await;
            let outcome = answer.as_ref().err().map_or("ok", PublishError::label);
            metrics::api_call(job.provider.as_str(), Call::Publish, outcome, began.elapsed());
            match answer {
                Ok(post) => return self.published(job, (post, tokens.refreshed), &sending).await,
                Err(PublishError::TokenRefused { .. }) if !refused => {
                    refused = true;
                    let taken_back = self.ledger.take_back(&sending).await?;
                    let claim = taken_back.ok_or_else(|| busy(job, LOOK_AGAIN))?;
                    let newer = Box::pin(tokens.newer()).await;
                    let claim = (claim.under(tokens.consent), Way { pass: None, line: Line::Follows });
                    match self.marked(job, claim, (newer, tokens.refreshed)).await? {
                        Continue(marked) => (sending, token, pass) = marked,
                        Break(result) => return Ok(result),
                    }
                }
                Err(error) => {
                    return Box::pin(self.not_published(job, request, (&sending, tokens.refreshed), &error)).await;
                }
            }
        }
    }

    /// The mark of a request with this token, when it has its turn; without one, what that means for the job.
    async fn marked(
        &self,
        job: &PublishJob,
        (claim, mut way): (Claim, Way),
        (token, refreshed): (Result<Result<SecretString, FailureReport>, Failure>, bool),
    ) -> Result<ControlFlow<PublishResult, Marked>, Failure> {
        match token {
            Ok(Ok(token)) => {
                let pass = match way.pass(self, job).await {
                    Ok(pass) => pass,
                    Err(failure) => {
                        self.ledger.give_up(&claim).await;
                        return Err(failure);
                    }
                };
                let sending = self.ledger.sending(&claim).await?;
                sending.map(|sending| Continue((sending, token, pass))).ok_or_else(|| busy(job, LOOK_AGAIN))
            }
            Ok(Err(report)) => self.declined(job, (report, refreshed), &claim).await.map(Break),
            Err(failure) => {
                self.ledger.give_up(&claim).await;
                Err(failure)
            }
        }
    }

    /// There is no token to send it with. What is told now is told again, also when consent was given meanwhile: the
    /// producer may have acted on it. What was sent before may have been posted.
    async fn declined(
        &self,
        job: &PublishJob,
        (report, refreshed): (FailureReport, bool),
        claim: &Claim,
    ) -> Result<PublishResult, Failure> {
        if claim.doubtful {
            self.ledger.give_up(claim).await;
            return Ok(unknown(job, &report.message));
        }
        answer(job, self.ledger.decline(claim, &failed(job, report, refreshed)).await?)
    }

    /// That the post exists is told, also when it could not be written down.
    async fn published(
        &self,
        job: &PublishJob,
        (post, refreshed): (Publication, bool),
        sending: &Sending,
    ) -> Result<PublishResult, Failure> {
        let result = published(job, post, refreshed);
        match self.ledger.settle(sending, Outcome::Happened, &result).await {
            Ok(standing) => answer(job, standing),
            Err(failure) => {
                tracing::error!(job.id = %job.id, reason = failure.message, "posted, and not written down");
                Ok(result)
            }
        }
    }

    /// What a failed call means for the job: only what is known not to be posted is tried again.
    async fn not_published(
        &self,
        job: &PublishJob,
        request: &Request<'_>,
        (sending, refreshed): (&Sending, bool),
        error: &PublishError,
    ) -> Result<PublishResult, Failure> {
        let message = format!("publishing at {}: {error}", job.provider);
        match error {
            PublishError::Rejected(said) => {
                let report = FailureReport::new(Code::ProviderRejected, message, false);
                let report = FailureReport { provider_error: Some(Box::new(said.clone())), ..report };
                answer(job, self.ledger.settle(sending, Outcome::Refused, &failed(job, report, refreshed)).await?)
            }
            PublishError::Unknown(_) => {
                self.ledger.lost(sending).await?;
                if request.can_be_found() || request.repeatable_for().is_some() {
                    let message = format!("{message}; it is looked for when no request can be under way any more");
                    return Err(Failure::defer(LOOK_AGAIN, Code::OutcomeUnknown, message));
                }
                Ok(unknown(job, &message))
            }
            PublishError::NotSent => {
                self.ledger.unsent(sending).await?;
                Err(Failure::retry(Code::ProviderUnavailable, message))
            }
            PublishError::Unavailable { after, .. } => {
                self.ledger.unsent(sending).await?;
                Err(Failure::new(Verdict::Retry { after: *after }, Code::ProviderUnavailable, message))
            }
            PublishError::RateLimited { after, .. } => {
                self.ledger.unsent(sending).await?;
                Err(Failure::defer(after.unwrap_or(RATE_LIMIT_PAUSE), Code::RateLimited, message))
            }
            PublishError::TokenRefused { .. } => {
                let message = format!("{message}; consent must be given again");
                let report = FailureReport::new(Code::NeedsConsent, message, false);
                answer(job, self.ledger.settle(sending, Outcome::Refused, &failed(job, report, refreshed)).await?)
            }
        }
    }
}
