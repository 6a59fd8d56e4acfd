//! The access token of a job's connection, and a newer one when the platform does not take it.

use sealpost_schemas::{Answer, FailureReport, PublishJob};
use sealpost_shared::failure::Failure;
use sealpost_shared::oauth::OAuthProvider;
use sealpost_shared::tokens::Access;
use secrecy::SecretString;
use uuid::Uuid;

use super::Publish;

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
}

impl<'a> Tokens<'a> {
    pub(super) fn of(
        step: &'a Publish,
        job: &'a PublishJob,
        oauth: &'a OAuthProvider,
        events: &'a mut Vec<Answer>,
    ) -> Self {
        Self { step, job, oauth, events, generation: None, consent: None }
    }

    /// Where a token of this token set is in use already.
    pub(super) fn after(self, generation: Uuid) -> Self {
        Self { generation: Some(generation), ..self }
    }

    /// A token that should be good, or why there is none.
    pub(super) async fn token(&mut self) -> Result<Result<SecretString, FailureReport>, Failure> {
        let (keeper, connection) = (&self.step.keeper, self.job.connection());
        let access = keeper.access_token(&connection, self.oauth).await?;
        Ok(self.told(access))
    }

    /// One that is newer than the last, which the platform refused.
    pub(super) async fn newer(&mut self) -> Result<Result<SecretString, FailureReport>, Failure> {
        let refused = self.generation.unwrap_or_default();
        let access = self.step.keeper.newer_than(refused, &self.job.connection(), self.oauth).await?;
        Ok(self.told(access))
    }

    fn told(&mut self, access: Access) -> Result<SecretString, FailureReport> {
        match access {
            Access::Granted { token, generation, consent, events } => {
                self.events.extend(events);
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
