//! One delivery, from its decoding to its ack.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use futures_util::FutureExt;
use jiff::{SignedDuration, Timestamp};
use sealpost_schemas::codec::Encoding;
use sealpost_schemas::events::JobDeadLettered;
use sealpost_schemas::{Answer, Code, FailureReport, Message, Queued};
use sealpost_shared::broker::Delivery;
use sealpost_shared::clock::Clock;
use sealpost_shared::failure::{Failure, Verdict};
use sealpost_shared::metrics::{self, InFlight, Left};
use sealpost_shared::{ids, trace};
use tokio::time::sleep;
use tracing::Instrument;
use uuid::Uuid;

use super::emit::Place;
use super::end::{self, End};
use super::read::Input;
use super::{Runner, read, reply_to, secrets};
use crate::step::{Attempt, Emission, FollowUp, FollowUps, Step, deadline_passed};
use crate::telemetry;

/// How often a message is tried before an operator must look at it.
const MAX_ATTEMPTS: u32 = 12;

/// How long a message waits whose follow-ups the broker did not take.
const AGAIN: Duration = Duration::from_secs(5);

/// So little that a message which was put off is not sent on for it.
const NEARLY: Duration = Duration::from_millis(100);

/// Further away than any message is put off to, but by a clock that is wrong.
const FAR: Duration = Duration::from_hours(24);

const DEFECT: &str = "the worker failed in its own code; its log names the line: report it, with the version";

/// Handles one delivery. Whatever happens, the message is acked only once everything that follows is in safe hands.
pub(super) async fn handle<S: Step, C: Clock + Clone>(runner: &Runner<C>, step: &S, mut delivery: Delivery) {
    if let Some(until) = delivery.not_before {
        let left = time_until(until.duration_since(runner.clock.now()));
        if left > NEARLY && left < FAR {
            return not_yet(runner, delivery, until).await;
        }
        sleep(left.min(NEARLY)).await;
    }
    let _in_flight = InFlight::begin(S::Input::QUEUE);
    let span = trace::job(S::Input::QUEUE, delivery.message_id.as_deref(), delivery.attempt);
    delivery.traceparent = telemetry::continued(&span, delivery.traceparent.take());
    let handled = handled(runner, step, delivery);
    // without a collector nothing of this costs anything
    if span.is_disabled() { handled.await } else { handled.instrument(span).await }
}

/// Its time has not come: it goes on to it.
async fn not_yet<C: Clock>(runner: &Runner<C>, delivery: Delivery, until: Timestamp) {
    let (attempt, lined_up) = (delivery.attempt, delivery.lined_up);
    if runner.put_away(&delivery, Place::Later { attempt, until, lined_up }).await.is_some() {
        delivery.ack().await;
    }
}

async fn handled<S: Step, C: Clock + Clone>(runner: &Runner<C>, step: &S, mut delivery: Delivery) {
    let began = runner.clock.since_boot();
    let read = catch_unwind(AssertUnwindSafe(|| read::input::<S::Input>(&delivery)));
    let mut read = read.unwrap_or_else(|_| Err(Failure::reject(Code::StepPanicked, DEFECT)));
    let made = read.as_ref().ok().and_then(|input| delivery.made(input.message.id()));
    let age = || made.map(|made| time_until(runner.clock.now().duration_since(made)));
    if let Some(wait) = age().filter(|_| delivery.first && !delivery.redelivered) {
        metrics::job_waited(S::Input::QUEUE, wait);
    }
    let mut plain = None;
    if runner.require_sealed {
        let taken = catch_unwind(AssertUnwindSafe(|| secrets::take_out(&mut read, &mut delivery)));
        plain = taken.unwrap_or_else(|_| {
            delivery.body = Vec::new().into();
            Some(Failure::reject(Code::StepPanicked, DEFECT))
        });
    }
    let End { id, failure, left } = match read {
        Ok(Input { message, encoding, .. }) => known(runner, step, &delivery, (message, plain), encoding).await,
        Err(failure) => unread::<S::Input, C>(runner, &delivery, failure).await,
    };
    let (attempt, traceparent) = (delivery.attempt, delivery.traceparent.take());
    let left = match left {
        Some(left) if delivery.ack().await => left,
        _ => Left::GivenBack,
    };
    if let (Left::Done(_) | Left::DeadLettered, Some(age)) = (left, age()) {
        metrics::job_ended(S::Input::QUEUE, age);
    }
    let took = runner.clock.since_boot().saturating_sub(began);
    metrics::job_left(S::Input::QUEUE, left, took);
    end::told(S::Input::QUEUE, (id, attempt), traceparent.as_deref(), (left, failure), took);
}

/// A message that was read.
async fn known<S: Step, C: Clock + Clone>(
    runner: &Runner<C>,
    step: &S,
    delivery: &Delivery,
    (mut input, plain): (S::Input, Option<Failure>),
    encoding: Encoding,
) -> End {
    let (now, id) = (runner.clock.now(), input.id());
    let refusal = runner.broker.allows(&delivery.sender, input.tenant()).err();
    let refusal = refusal.or_else(|| runner.replies.refusal(delivery.reply_to.as_deref()?)).or(plain);
    let result = if let Some(refusal) = refusal {
        Err(refusal)
    } else if !S::JUDGES_DEADLINE && input.deadline().is_some_and(|deadline| deadline < now) {
        Ok(too_late(&input))
    } else if let Err(failure) = runner.wire.open(&mut input, || encoding.tree(&delivery.body)).await {
        Err(failure)
    } else {
        let reply = reply_to::kind(delivery.reply_to.as_deref());
        let (number, redelivered) = (delivery.attempt, delivery.redelivered);
        let (put_off, lined_up) = (delivery.not_before.is_some(), delivery.lined_up);
        let at = Attempt { number, now, redelivered, put_off, lined_up, reply };
        match attempt(step, &input, at).await {
            Ok(emission) => match runner.follow_ups(delivery, &emission).await {
                Ok(()) => Ok(emission),
                // what happened is told all the same, and a job that is done does not fail for want of attempts
                Err(failure) => {
                    let verdict = if emission.answer.is_some() { later(failure.verdict) } else { failure.verdict };
                    Err(Failure { verdict, events: emission.events, ..failure })
                }
            },
            Err(failure) => Err(failure),
        }
    };
    let failure = match result {
        Ok(emission) => match done(runner, step, delivery, encoding, emission).await {
            Ok(left) => return End { id: Some(id), failure: None, left },
            Err(failure) => failure,
        },
        Err(failure) => failure,
    };
    metrics::attempt_failed(S::Input::QUEUE, failure.code);
    let why = (failure.code, failure.message.clone());
    let left = failed(runner, delivery, (&input, encoding), failure).await;
    End { id: Some(id), failure: Some(why), left }
}

/// A step came to its end: that is told, and what it hands over.
async fn done<S: Step, C: Clock>(
    runner: &Runner<C>,
    step: &S,
    delivery: &Delivery,
    encoding: Encoding,
    emission: Emission,
) -> Result<Option<Left>, Failure> {
    let telling = async {
        let Some(handed) = &emission.hands_over else {
            runner.tell(delivery, encoding, emission.answer.iter(), emission.events.iter()).await?;
            return Some(Ok(()));
        };
        // the answer first: what it carries is ours until it arrived
        let arrived = match &emission.answer {
            Some(answer) => runner.answer(delivery, encoding, answer).await?,
            None => false,
        };
        let ended = if arrived { step.handed_over(handed).await } else { Ok(()) };
        for event in emission.answer.iter().chain(&emission.events) {
            runner.event(event, delivery).await?;
        }
        Some(ended)
    };
    match telling.await {
        Some(Ok(())) => Ok(Some(Left::Done(emission.outcome))),
        Some(Err(failure)) => Err(Failure { verdict: later(failure.verdict), ..failure }),
        None => Ok(None),
    }
}

/// An attempt failed: the message waits for another, or is put aside.
async fn failed<M: Queued, C: Clock + Clone>(
    runner: &Runner<C>,
    delivery: &Delivery,
    (input, encoding): (&M, Encoding),
    failure: Failure,
) -> Option<Left> {
    runner.tell(delivery, encoding, std::iter::empty(), failure.events.iter()).await?;
    let now = runner.clock.now();
    let until_deadline = input.deadline().map(|deadline| time_until(deadline.duration_since(now)));
    let after_wait = |wanted: Duration| {
        let wait = until_deadline.map_or(wanted, |left| wanted.min(left));
        now.checked_add(wait).unwrap_or(Timestamp::MAX)
    };
    match failure.verdict {
        Verdict::Retry { after } if delivery.attempt < MAX_ATTEMPTS => {
            let wanted = backoff(delivery.attempt).max(after.unwrap_or_default());
            let place = Place::Later { attempt: delivery.attempt + 1, until: after_wait(wanted), lined_up: false };
            runner.put_away(delivery, place).await?;
            Some(Left::Retried)
        }
        Verdict::Defer { after } => {
            let (attempt, until) = (delivery.attempt, after_wait(after));
            runner.put_away(delivery, Place::Later { attempt, until, lined_up: failure.lined_up }).await?;
            Some(Left::Deferred)
        }
        Verdict::Retry { .. } | Verdict::Reject => {
            let report = last_word(&failure);
            let answer = input.failed(result_id(input, report.code), report.clone());
            let aside = Aside { input: Some(input), id: Some(input.id()), report, answer };
            put_aside(runner, delivery, Some(encoding), aside).await
        }
    }
}

/// A message that could not be read: never again, and never lost.
async fn unread<M: Queued, C: Clock + Clone>(runner: &Runner<C>, delivery: &Delivery, failure: Failure) -> End {
    let id = delivery.message_id.as_deref().and_then(|id| Uuid::try_parse(id).ok());
    metrics::attempt_failed(M::QUEUE, failure.code);
    let why = (failure.code, failure.message.clone());
    let (report, known) = (failure.report(), id.unwrap_or_default());
    let answer = M::unread(ids::follow_up(None, known, M::NAME, failure.code.as_str()), known, report.clone());
    let encoding = Encoding::of(delivery.content_type.as_deref()).ok();
    let left = put_aside(runner, delivery, encoding, Aside::<M> { input: None, id, report, answer }).await;
    End { id, failure: Some(why), left }
}

/// A message that is put aside.
struct Aside<'a, M> {
    /// As far as it could be read.
    input: Option<&'a M>,
    id: Option<Uuid>,
    report: FailureReport,
    answer: Option<Answer>,
}

async fn put_aside<M: Queued, C: Clock + Clone>(
    runner: &Runner<C>,
    delivery: &Delivery,
    encoding: Option<Encoding>,
    Aside { input, id: message, report, answer }: Aside<'_, M>,
) -> Option<Left> {
    let at = runner.clock.now();
    let encoding = encoding.unwrap_or(Encoding::Json);
    runner.put_away(delivery, Place::DeadLetters { report: &report, at }).await?;
    // nobody has a text message sent on behalf of an owner for whom he may not act
    let notice = input.filter(|_| runner.notices && report.code != Code::NotAllowed);
    if let Some(notice) = notice.and_then(|input| FollowUp::notice(input.notice(&report)?)) {
        runner.hand_over(delivery, &notice).await?;
    }
    let event = JobDeadLettered {
        id: ids::follow_up(None, message.unwrap_or_default(), "job-dead-lettered", &at.to_string()),
        queue: M::QUEUE.into(),
        message,
        code: report.code,
        reason: report.message,
        at,
    };
    let event = Answer::of(event).ok();
    let answer = if report.code == Code::NotAllowed {
        // it speaks of somebody else's owner, who shall not hear that his job failed
        if let Some(answer) = &answer {
            runner.answer(delivery, encoding, answer).await?;
        }
        None
    } else {
        answer
    };
    runner.tell(delivery, encoding, answer.iter(), event.iter()).await?;
    Some(Left::DeadLettered)
}

/// Runs the step; a panic in it is a failed attempt. What the panic said may hold a secret and is not repeated.
async fn attempt<S: Step>(step: &S, input: &S::Input, at: Attempt) -> Result<Emission, Failure> {
    let defect = || Failure::retry(Code::StepPanicked, DEFECT);
    let output = AssertUnwindSafe(Box::pin(step.run(input, at))).catch_unwind().await.map_err(|_| defect())??;
    output.emission().map_err(|_| defect())
}

fn too_late<M: Queued>(input: &M) -> Emission {
    let report = deadline_passed();
    let answer = input.failed(result_id(input, report.code), report);
    Emission { answer, outcome: Code::DeadlinePassed.as_str(), ..Emission::default() }
}

/// The same, without an attempt spent.
fn later(verdict: Verdict) -> Verdict {
    match verdict {
        Verdict::Retry { after } => Verdict::Defer { after: after.unwrap_or(AGAIN) },
        Verdict::Defer { .. } | Verdict::Reject => verdict,
    }
}

fn last_word(failure: &Failure) -> FailureReport {
    match failure.verdict {
        Verdict::Reject => failure.report(),
        Verdict::Retry { .. } | Verdict::Defer { .. } => {
            let (code, message) = (failure.code.as_str(), &failure.message);
            let message = format!("{MAX_ATTEMPTS} attempts failed; the last with {code}: {message}");
            let report = FailureReport::new(Code::AttemptsExhausted, message, true);
            FailureReport { tokens_refreshed: failure.tokens_refreshed, ..report }
        }
    }
}

fn result_id<M: Queued>(input: &M, code: Code) -> Uuid {
    ids::follow_up(input.owner(), input.id(), M::NAME, code.as_str())
}

/// 1 s, 5 s, 30 s, 2 min, 10 min, then 1 h.
fn backoff(attempt: u32) -> Duration {
    const SECONDS: [u64; 6] = [1, 5, 30, 120, 600, 3600];
    let index = usize::try_from(attempt.saturating_sub(1)).unwrap_or(usize::MAX).min(SECONDS.len() - 1);
    Duration::from_secs(SECONDS[index])
}

fn time_until(left: SignedDuration) -> Duration {
    Duration::try_from(left).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::backoff;

    #[test]
    fn the_wait_grows_to_an_hour_and_stays_there() {
        let waits: Vec<u64> = [1, 2, 3, 4, 5, 6, 7, 12, u32::MAX].map(|n| backoff(n).as_secs()).into();
        assert_eq!(waits, [1, 5, 30, 120, 600, 3600, 3600, 3600, 3600]);
    }
}
