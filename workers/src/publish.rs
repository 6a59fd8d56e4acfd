//! `publish-jobs`: content in, a post out.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Client;
use sealpost_schemas::{Code, FailureReport, Message, PublishJob, PublishOutcome, PublishResult};
use sealpost_shared::failure::{Failure, Verdict};
use sealpost_shared::ids;
use sealpost_shared::tokens::{Access, TokenKeeper};

use crate::providers::{Catalogue, Provider, Publication, PublishError, Publishing, publish};
use crate::step::{Attempt, Step, Told};

/// How long a job waits when the provider asks for fewer requests without saying how long.
const RATE_LIMIT_PAUSE: Duration = Duration::from_secs(30);

/// The step.
pub struct Publish {
    /// Where connections are kept.
    pub keeper: Arc<TokenKeeper>,
    /// The providers.
    pub catalogue: Arc<Catalogue>,
    /// The HTTP client.
    pub http: Client,
}

impl Step for Publish {
    type Input = PublishJob;
    type Output = Told<PublishResult>;

    async fn run(&self, job: &PublishJob, _: Attempt) -> Result<Self::Output, Failure> {
        let (provider, publishing) = self.publishing(job)?;
        let (token, events) = match self.keeper.access_token(&job.connection(), &provider.oauth).await? {
            Access::Granted { token, events, .. } => (token, events),
            Access::Refused { report, events } => return Ok(Told { result: failed(job, report), events }),
        };
        let result = match publish(&self.http, publishing, &job.content, &token).await {
            Ok(post) => Ok(published(job, post)),
            Err(error) => not_published(job, &error),
        };
        match result {
            Ok(result) => Ok(Told { result, events }),
            Err(failure) => Err(failure.with_events(events)),
        }
    }
}

impl Publish {
    fn publishing(&self, job: &PublishJob) -> Result<(&Provider, &Publishing), Failure> {
        if job.device_tokens.is_some() || job.notify.is_some() {
            let message = "device_tokens and notify are not done by this version";
            return Err(Failure::reject(Code::NotSupported, message));
        }
        let provider = self.catalogue.get(&job.provider).ok_or_else(|| {
            let message = format!("provider {} is not in the catalogue; add its entry, then replay", job.provider);
            Failure::reject(Code::UnknownProvider, message)
        })?;
        let publishing = provider.publishing(&job.content).ok_or_else(|| {
            let message = format!("provider {} takes no content of type {}", job.provider, job.content.type_name());
            Failure::reject(Code::NotSupported, message)
        })?;
        Ok((provider, publishing))
    }
}

fn published(job: &PublishJob, post: Publication) -> PublishResult {
    PublishResult { remote: Some(post.0), ..result(job, PublishOutcome::Published, "published") }
}

/// What a failed call means for the job: only what is known not to be posted is tried again.
fn not_published(job: &PublishJob, error: &PublishError) -> Result<PublishResult, Failure> {
    let message = format!("publishing at {}: {error}", job.provider);
    match error {
        PublishError::NotSent => Err(Failure::retry(Code::ProviderUnavailable, message)),
        PublishError::RateLimited { after, .. } => {
            let after = after.unwrap_or(RATE_LIMIT_PAUSE);
            Err(Failure::new(Verdict::Defer { after }, Code::RateLimited, message))
        }
        PublishError::TokenRefused => {
            let message = format!("{message}; consent must be given again");
            Ok(failed(job, FailureReport::new(Code::NeedsConsent, message, false)))
        }
        PublishError::Rejected(said) => {
            let report = FailureReport::new(Code::ProviderRejected, message, false);
            Ok(failed(job, FailureReport { provider_error: Some(said.clone()), ..report }))
        }
        PublishError::Unknown(_) => {
            let report = FailureReport::new(Code::OutcomeUnknown, message, false);
            let result = result(job, PublishOutcome::Unknown, report.code.as_str());
            Ok(PublishResult { failure: Some(report), ..result })
        }
    }
}

fn failed(job: &PublishJob, failure: FailureReport) -> PublishResult {
    let result = result(job, PublishOutcome::Failed, failure.code.as_str());
    PublishResult { failure: Some(failure), ..result }
}

fn result(job: &PublishJob, outcome: PublishOutcome, name: &str) -> PublishResult {
    job.result(ids::follow_up(Some(&job.owner), job.id, PublishResult::NAME, name), outcome)
}
