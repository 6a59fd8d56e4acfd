//! `publish-jobs`: content in, a post out, at most one however often the job is delivered.

mod act;
mod doubt;
mod results;
mod tokens;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use sealpost_schemas::{Answer, Code, Content, Notice, PublishJob, PublishOutcome, PublishResult};
use sealpost_shared::clock::SystemClock;
use sealpost_shared::failure::Failure;
use sealpost_shared::ids;
use sealpost_shared::ledger::{Claim, Ledger, Turn};
use sealpost_shared::oauth::OAuthProvider;
use sealpost_shared::pace::{Endpoint, Line, Paces, Pass};
use sealpost_shared::tokens::{JobTokens, TokenKeeper};

use self::doubt::again;
use self::results::{answer, busy, failed};
use self::tokens::{Tokens, job_tokens};
use crate::places::Places;
use crate::providers::{Catalogue, Request, RequestError};
use crate::step::{Attempt, Step, Told, deadline_passed};

/// The name of its ledger.
pub const LEDGER: &str = "publish-job";

/// The step.
pub struct Publish {
    /// Where connections are kept.
    pub keeper: Arc<TokenKeeper>,
    /// What became of each job.
    pub ledger: Ledger<SystemClock>,
    /// The providers.
    pub catalogue: Arc<Catalogue>,
    /// The passes to providers.
    pub paces: Paces,
    /// How many of a worker's places one provider's jobs may have.
    pub places: Places,
    /// Whether somebody sends notices here.
    pub notices: bool,
}

impl Step for Publish {
    type Input = PublishJob;
    type Output = Told<PublishResult>;
    const JUDGES_DEADLINE: bool = true;

    async fn run(&self, job: &PublishJob, at: Attempt) -> Result<Self::Output, Failure> {
        // one that is late is not sent, and needs none
        let _place = if late(job, at) { None } else { self.places.take(&job.provider).await? };
        let mut events = Vec::new();
        match self.turn(job, at, &mut events).await {
            Ok(mut result) => {
                if matches!(result.outcome, PublishOutcome::Unknown | PublishOutcome::Conflict) {
                    result.tokens_refreshed = self.newer_wait(job).await;
                }
                Ok(Told { notice: Notice::of(job, &result), result, events })
            }
            Err(failure) => {
                let tokens_refreshed = self.newer_wait(job).await;
                Err(Failure { tokens_refreshed, ..failure.with_events(events) })
            }
        }
    }
}

impl Publish {
    /// What this delivery has to do; what happens to the connection on the way goes into `events`.
    async fn turn(&self, job: &PublishJob, at: Attempt, events: &mut Vec<Answer>) -> Result<PublishResult, Failure> {
        let (job_as_known, request) = (decoded(job), self.request(job));
        let late = late(job, at);
        let mut way = Way { pass: None, line: line(job, at) };
        let usable = match &request {
            Ok((_, oauth)) if !late && job.device_tokens.is_none() => self.keeper.usable_if(&job.connection(), oauth),
            _ => None,
        };
        let begun = match (usable, &request) {
            // record, claim and mark cost one round trip
            (Some(usable), Ok((request, oauth))) => {
                let pass = way.pass(self, job).await?;
                match self.ledger.begin_sending(&job.owner, job.id, &*job_as_known, &usable).await {
                    Ok(Ok(begin)) => {
                        let before = begin.again;
                        let tokens = Tokens::of(self, job, oauth, events);
                        let result = self.marked_already(job, request, (begin, pass), tokens).await?;
                        return self.told(job, before, result, events).await;
                    }
                    Ok(Err(turn)) => {
                        way.pass = Some(pass);
                        Ok(turn)
                    }
                    Err(failure) => Err(failure),
                }
            }
            _ => self.ledger.begin(&job.owner, job.id, &*job_as_known).await,
        };
        let turn = match begun {
            Ok(turn) => turn,
            Err(failure) => return again(job, failure),
        };
        let before = matches!(&turn, Turn::Act(Claim { again: true, .. }) | Turn::Settled(_));
        // what was sent before counts, also where the catalogue does not take it any more
        let result = match (turn, request) {
            (Turn::Act(claim), Err(failure)) => {
                self.ledger.give_up(&claim).await;
                Err(failure)
            }
            (Turn::Act(claim), Ok(_)) if late => {
                answer(job, self.ledger.decline(&claim, &failed(job, deadline_passed(), false)).await?)
            }
            // what is rare does not make every job larger
            (Turn::Act(claim), Ok((request, oauth))) => {
                let mut tokens = Tokens::of(self, job, oauth, events);
                Box::pin(self.act(job, &request, (claim, way), &mut tokens)).await
            }
            (Turn::Settled(standing), _) => answer(job, standing),
            (Turn::Doubt(_), Err(failure)) => again(job, failure),
            (Turn::Doubt(doubt), Ok((request, oauth))) => {
                let mut tokens = Tokens::of(self, job, oauth, events);
                Box::pin(self.doubt(job, &request, (&doubt, way), &mut tokens)).await
            }
            (Turn::Busy(after), _) => Err(busy(job, after)),
            (Turn::Reused, _) => {
                let message = "another job of this owner has this id; give each job an id of its own";
                Err(Failure::reject(Code::IdReused, message))
            }
        }?;
        self.told(job, before, result, events).await
    }

    /// Whether the tokens that a job brings were replaced, by it or another one, and the newer ones wait for the device: told of a
    /// job whose worker may have died, where it is known.
    async fn newer_wait(&self, job: &PublishJob) -> bool {
        let Ok(Some(JobTokens { refresh: Some(token), .. })) = job_tokens(job) else { return false };
        match self.keeper.newer_wait(&job.connection(), &token).await {
            Ok(newer_wait) => newer_wait,
            Err(failure) => {
                tracing::warn!(job.id = %job.id, reason = failure.message, "whether tokens wait for the device is not told");
                false
            }
        }
    }

    /// The result of a job, which somebody else may have had `before`.
    async fn told(
        &self,
        job: &PublishJob,
        before: bool,
        result: PublishResult,
        events: &mut Vec<Answer>,
    ) -> Result<PublishResult, Failure> {
        if before && result.outcome != PublishOutcome::Published && events.is_empty() {
            // who had it may have found it out, and died before it was told
            events.extend(self.keeper.needs_consent(&job.connection()).await?);
        }
        Ok(result)
    }

    fn request(&self, job: &PublishJob) -> Result<(Request<'_>, &OAuthProvider), Failure> {
        job_tokens(job)?;
        if job.notify.is_some() && !self.notices {
            let message = "notify: this worker's configuration has no [notify]; add it with a gateway, then replay";
            return Err(Failure::reject(Code::NotSupported, message));
        }
        let provider = self.catalogue.get(&job.provider).ok_or_else(|| {
            let message = format!("provider {} is not in the catalogue; add its entry, then replay", job.provider);
            Failure::reject(Code::UnknownProvider, message)
        })?;
        let key = ids::follow_up(Some(&job.owner), job.id, "publish-request", "");
        let request = provider.request(&job.content, key).map_err(|error| {
            let code = match error {
                RequestError::NotAllowed(_) => Code::NotSupported,
                RequestError::Malformed(_) => Code::MalformedMessage,
            };
            Failure::reject(code, format!("publishing at {}: {error}", job.provider))
        })?;
        Ok((request, &provider.oauth))
    }
}

fn late(job: &PublishJob, at: Attempt) -> bool {
    job.deadline.is_some_and(|deadline| deadline < at.now)
}

/// How a job comes to its turn. A place in the line is of no use after its deadline.
fn line(job: &PublishJob, at: Attempt) -> Line {
    let within = job.deadline.map(|deadline| Duration::try_from(deadline.duration_since(at.now)).unwrap_or_default());
    if at.lined_up { Line::LinedUp { within } } else { Line::Joins { within } }
}

/// How the requests of a job come to their turn.
struct Way {
    /// The next one has it already.
    pass: Option<Pass>,
    line: Line,
}

impl Way {
    /// The right to the next call of the publishing API. Those after it are of the same act.
    async fn pass(&mut self, step: &Publish, job: &PublishJob) -> Result<Pass, Failure> {
        let line = std::mem::replace(&mut self.line, Line::Follows);
        match self.pass.take() {
            Some(pass) => Ok(pass),
            None => step.paces.pass(&job.provider, Endpoint::Api, line).await,
        }
    }
}

/// The job as its ledger knows it: the order of fields in a JSON body says nothing.
fn decoded(job: &PublishJob) -> Cow<'_, PublishJob> {
    let mut job = Cow::Borrowed(job);
    if matches!(&job.content, Content::Raw(_))
        && let Content::Raw(raw) = &mut job.to_mut().content
        && let Some(body) = &mut raw.body
    {
        body.sort_all_objects();
    }
    job
}
