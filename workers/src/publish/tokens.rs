//! The access token of a job's connection, and a newer one when the platform does not take it.

use sealpost_schemas::events::ConnectionRefreshed;
use sealpost_schemas::{Answer, Code, FailureReport, Message, PublishJob, Secret};
use sealpost_shared::failure::Failure;
use sealpost_shared::oauth::OAuthProvider;
use sealpost_shared::tokens::{Access, JobTokens};
use secrecy::SecretString;
use uuid::Uuid;

use super::Publish;

/// The tokens that a job brings; `None`: they are to be here.
pub(super) fn job_tokens(job: &PublishJob) -> Result<Option<JobTokens>, Failure> {
    let Some(brought) = &job.device_tokens else { return Ok(None) };
    let plain = |secret: &Secret, field: &str| {
        // whoever runs a step opens what is sealed first
        let message = || format!("device_tokens.{field} is sealed still");
        secret.plain().cloned().ok_or_else(|| Failure::reject(Code::SealedUnreadable, message()))
    };
    let refresh = brought.refresh_token.as_ref().map(|token| plain(token, "refresh_token")).transpose()?;
    let access = plain(&brought.access_token, "access_token")?;
    Ok(Some(JobTokens { access, refresh, expires_at: brought.expires_at }))
}

/// Asks the keeper, and keeps what happened on the way.
pub(super) struct Tokens<'a> {
    step: &'a Publish,
    job: &'a PublishJob,
    oauth: &'a OAuthProvider,
    events: &'a mut Vec<Answer>,
    /// The token set of the last token.
    generation: Option<Uuid>,
    /// The consent that the last token comes from.
    pub(super) consent: Option<Uuid>,
    /// The tokens that the job brings, where they rest with the user.
    device: Option<JobTokens>,
    /// Whether newer ones than these were used: the user's device is to get them.
    pub(super) refreshed: bool,
    /// Whether the provider was called for them.
    pub(super) called: bool,
}

impl<'a> Tokens<'a> {
    pub(super) fn of(
        step: &'a Publish,
        job: &'a PublishJob,
        oauth: &'a OAuthProvider,
        events: &'a mut Vec<Answer>,
    ) -> Self {
        let device = job_tokens(job).ok().flatten();
        Self { step, job, oauth, events, generation: None, consent: None, device, refreshed: false, called: false }
    }

    /// Where a token of this token set is in use already.
    pub(super) fn after(self, generation: Uuid) -> Self {
        Self { generation: Some(generation), ..self }
    }

    /// A token that should be good, or why there is none.
    pub(super) async fn token(&mut self) -> Result<Result<SecretString, FailureReport>, Failure> {
        let (keeper, connection) = (&self.step.keeper, self.job.connection());
        let access = match &self.device {
            None => keeper.access_token(&connection, self.oauth).await?,
            Some(own) => keeper.device_access(&connection, self.oauth, (own, None)).await?,
        };
        Ok(self.told(access))
    }

    /// One that is newer than the last, which the platform refused.
    pub(super) async fn newer(&mut self) -> Result<Result<SecretString, FailureReport>, Failure> {
        let (keeper, connection) = (&self.step.keeper, self.job.connection());
        let access = match &self.device {
            None => keeper.newer_than(self.generation.unwrap_or_default(), &connection, self.oauth).await?,
            Some(own) => keeper.device_access(&connection, self.oauth, (own, self.generation)).await?,
        };
        Ok(self.told(access))
    }

    fn told(&mut self, access: Access) -> Result<SecretString, FailureReport> {
        let refreshed_type = ConnectionRefreshed::type_name();
        match access {
            Access::Granted { token, generation, consent, newer, events } => {
                self.called |= events.iter().any(|event| event.type_name == refreshed_type);
                self.events.extend(events);
                self.refreshed |= newer;
                (self.generation, self.consent) = (Some(generation), consent);
                Ok(token)
            }
            Access::Refused { report, events } => {
                self.events.extend(events);
                Err(report)
            }
        }
    }
}
