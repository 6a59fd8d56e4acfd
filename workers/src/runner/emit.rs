//! What leaves a step: follow-ups that must arrive, replies that may, events that are told.

use std::time::Duration;

use jiff::Timestamp;
use sealpost_schemas::codec::Encoding;
use sealpost_schemas::{Answer, Code, FailureReport};
use sealpost_shared::broker::{Delivery, Outgoing, PublishError, Route};
use sealpost_shared::clock::Clock;
use sealpost_shared::failure::Failure;

use super::Runner;
use super::reply_to::{self, DIRECT_REPLY};
use crate::step::{Emission, FollowUp};
use sealpost_shared::metrics::published;

/// Between tries to hand over what must not be lost.
const PAUSE: Duration = Duration::from_millis(500);

/// How long a full queue may stay full before what waits for it is put off.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long it is put off then.
const PUT_OFF: Duration = Duration::from_secs(5);

/// What went out and was not confirmed is tried again this often: somebody else's forged address ends the connection, and
/// with it this message.
const TRIES: u32 = 2;

/// How long a worker that lost its delivery goes on trying to tell: whoever got the message since may have told less than
/// this one knows, that the outcome is unknown.
const ORPHANED: Duration = Duration::from_secs(30);

impl<C: Clock> Runner<C> {
    /// Publishes a step's messages, each confirmed.
    pub(super) async fn follow_ups(&self, delivery: &Delivery, emission: &Emission) -> Result<(), Failure> {
        for message in &emission.messages {
            let mut outgoing = Outgoing { traceparent: delivery.traceparent.clone(), ..message.outgoing() };
            if message.answers {
                outgoing.reply_to.clone_from(&delivery.reply_to);
                outgoing.correlation_id.clone_from(&delivery.correlation_id);
                in_encoding_of(delivery, &mut outgoing);
            }
            self.follow_up(delivery, &Route::queue(message.queue), &outgoing).await?;
        }
        Ok(())
    }

    /// Hands over what must follow although the message itself is put aside, trying until the broker has it. `None`: the
    /// delivery is no longer ours, so that it is delivered again.
    pub(super) async fn hand_over(&self, delivery: &Delivery, message: &FollowUp) -> Option<()> {
        let outgoing = Outgoing { traceparent: delivery.traceparent.clone(), ..message.outgoing() };
        while delivery.usable() {
            let sent = self.broker.publish(&Route::queue(message.queue), &outgoing).await;
            published("follow-up", label(&sent));
            match sent {
                Ok(()) => return Some(()),
                Err(error) => tracing::warn!(queue = message.queue, %error, "not taken by the broker; trying again"),
            }
            tokio::time::sleep(PAUSE).await;
        }
        None
    }

    /// A full queue is waited for: to begin again would send those before it again, and never come further.
    async fn follow_up(&self, delivery: &Delivery, route: &Route, outgoing: &Outgoing) -> Result<(), Failure> {
        let began = self.clock.since_boot();
        loop {
            let sent = self.broker.publish(route, outgoing).await;
            published("follow-up", label(&sent));
            let Err(error) = sent else { return Ok(()) };
            if !matches!(error, PublishError::Refused { .. }) {
                return Err(Failure::retry(Code::BrokerUnavailable, error.to_string()));
            }
            let waited = self.clock.since_boot().saturating_sub(began);
            if waited > PATIENCE || self.stop.is_cancelled() || !delivery.usable() {
                return Err(Failure::defer(PUT_OFF, Code::BrokerUnavailable, error.to_string()));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Sends the answer to whoever asked, and tells every event. That nobody takes them is no reason to do the work again;
    /// `None`: the broker took nothing until the end of this worker or delivery, and another delivery must tell.
    pub(super) async fn tell<'a>(
        &self,
        delivery: &Delivery,
        encoding: Encoding,
        answers: impl Iterator<Item = &'a Answer>,
        events: impl Iterator<Item = &'a Answer>,
    ) -> Option<()> {
        for answer in answers {
            let _arrived = self.answer(delivery, encoding, answer).await?;
            self.event(answer, delivery).await?;
        }
        for event in events {
            self.event(event, delivery).await?;
        }
        Some(())
    }

    /// Sends the answer to whoever asked, and tells nobody else. Whether it is known to have arrived.
    pub(super) async fn answer(&self, delivery: &Delivery, encoding: Encoding, answer: &Answer) -> Option<bool> {
        let reply_to = delivery.reply_to.as_ref().filter(|address| self.replies.refusal(address).is_none());
        // the messages of the contract all encode
        match reply_to.map(|reply_to| (reply_to, answer.reply(encoding))) {
            Some((reply_to, Ok(body))) => {
                self.reply(delivery, reply_to, &outgoing(answer, encoding, body, delivery)).await
            }
            _ => Some(false),
        }
    }

    async fn reply(&self, delivery: &Delivery, to: &str, outgoing: &Outgoing) -> Option<bool> {
        let (began, mut tries) = (self.clock.since_boot(), 0);
        loop {
            let sent = self.broker.reply(to, outgoing).await;
            published("reply", label(&sent));
            match &sent {
                Err(PublishError::NotSent { .. }) if self.may_wait(delivery, began) => {}
                Err(PublishError::NotSent { .. }) => return None,
                Err(PublishError::Lost { .. } | PublishError::Unconfirmed { .. })
                    // at most once by the broker's design, and a forged one is best not tried again
                    if tries < TRIES && !to.starts_with(DIRECT_REPLY) =>
                {
                    tries += 1;
                }
                Err(error) => {
                    tracing::warn!(%error, "a reply is given up; the event tells the same");
                    return Some(false);
                }
                Ok(()) => return Some(reply_to::kind(Some(to)).is_confirmed()),
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    pub(super) async fn event(&self, event: &Answer, delivery: &Delivery) -> Option<()> {
        let outgoing = outgoing(event, Encoding::Json, event.event.clone(), delivery);
        let (began, mut tries) = (self.clock.since_boot(), 0);
        loop {
            let sent = self.broker.event(event.topic, &outgoing).await;
            published("event", label(&sent));
            match sent {
                Err(PublishError::NotSent { .. }) if self.may_wait(delivery, began) => {}
                Err(PublishError::NotSent { .. }) => return None,
                Err(PublishError::Lost { .. } | PublishError::Unconfirmed { .. }) if tries < TRIES => tries += 1,
                Err(error) => {
                    tracing::warn!(topic = event.topic, %error, "an event is given up");
                    return Some(());
                }
                Ok(()) => return Some(()),
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Whether to wait for a broker that takes nothing (it blocks publishers, or is gone): as long as the delivery is
    /// ours, and a while without it. What is told twice is told under the same id.
    fn may_wait(&self, delivery: &Delivery, began: Duration) -> bool {
        let orphaned = || self.clock.since_boot().saturating_sub(began) > ORPHANED;
        !self.stop.is_cancelled() && (delivery.usable() || !orphaned())
    }

    /// Puts the message away, trying until the broker has it. `None`: the delivery is no longer ours, so that it is
    /// delivered again.
    pub(super) async fn put_away(&self, delivery: &Delivery, place: Place<'_>) -> Option<()> {
        let mut outgoing = delivery.outgoing();
        while delivery.usable() {
            let (kind, sent) = match &place {
                Place::Later { attempt, until, lined_up } => {
                    outgoing.attempt = Some(*attempt);
                    (outgoing.not_before, outgoing.lined_up) = (Some(*until), *lined_up);
                    let left = Duration::try_from(until.duration_since(self.clock.now())).unwrap_or_default();
                    ("delay", self.broker.delay(delivery.queue, left, &outgoing).await)
                }
                Place::DeadLetters { report, at } => {
                    ("dead-letter", self.broker.dead_letter(&outgoing, report.code, &report.message, *at).await)
                }
            };
            published(kind, label(&sent));
            match sent {
                Ok(()) => return Some(()),
                Err(error) => tracing::warn!(kind, %error, "not taken by the broker; trying again"),
            }
            tokio::time::sleep(PAUSE).await;
        }
        None
    }
}

/// Where a message goes that is not done.
pub(super) enum Place<'a> {
    /// Into delay tiers, one after the other, until its time has come.
    Later {
        /// The attempt that it will be then.
        attempt: u32,
        /// When that is.
        until: Timestamp,
        /// Whether that is its place in a line.
        lined_up: bool,
    },
    /// Into `dead-letters`.
    DeadLetters {
        /// Why.
        report: &'a FailureReport,
        /// When.
        at: Timestamp,
    },
}

/// Who is answered by a later message is answered in the encoding of his own.
fn in_encoding_of(delivery: &Delivery, outgoing: &mut Outgoing) {
    let wanted = Encoding::of(delivery.content_type.as_deref()).ok().filter(|encoding| *encoding != Encoding::Json);
    let tree = serde_json::from_slice::<serde_json::Value>(&outgoing.body).ok();
    if let Some((encoding, tree)) = wanted.zip(tree)
        && let Ok(body) = encoding.encode(&tree)
    {
        (outgoing.body, outgoing.content_type) = (body.into(), Some(encoding.content_type().into()));
    }
}

fn outgoing(answer: &Answer, encoding: Encoding, body: Vec<u8>, delivery: &Delivery) -> Outgoing {
    Outgoing {
        type_name: Some(answer.type_name.clone()),
        id: Some(answer.id.to_string()),
        content_type: Some(encoding.content_type().into()),
        correlation_id: delivery.correlation_id.clone(),
        traceparent: delivery.traceparent.clone(),
        body: body.into(),
        ..Outgoing::default()
    }
}

/// The metric label of how a publish ended.
pub(crate) fn label(sent: &Result<(), PublishError>) -> &'static str {
    sent.as_ref().map_or_else(PublishError::label, |()| "confirmed")
}
