//! What leaves a step: follow-ups that must arrive, replies that may, events that are told.

use std::time::Duration;

use jiff::Timestamp;
use sealpost_schemas::codec::Encoding;
use sealpost_schemas::{Answer, Code, FailureReport};
use sealpost_shared::broker::{Delivery, Outgoing, PublishError};
use sealpost_shared::failure::Failure;
use serde_json::Value;

use super::Runner;
use sealpost_shared::metrics::published;
use crate::step::{Emission, FollowUp};

/// Between tries to hand over what must not be lost.
const PAUSE: Duration = Duration::from_millis(500);

impl<C> Runner<C> {
    /// Publishes a step's messages, each confirmed.
    pub(super) async fn follow_ups(&self, delivery: &Delivery, emission: &Emission) -> Result<(), Failure> {
        for message in &emission.messages {
            let outgoing = Outgoing {
                traceparent: delivery.traceparent.clone(),
                ..Outgoing::new(&message.type_name, message.id, FollowUp::ENCODING, message.body.clone())
            };
            let sent = self.broker.publish(message.queue, &outgoing).await;
            published("follow-up", label(&sent));
            sent.map_err(|error| Failure::retry(Code::BrokerUnavailable, error.to_string()))?;
        }
        Ok(())
    }

    /// Sends the answer to whoever asked, and tells every event. Neither is a reason to do the work again.
    pub(super) async fn tell<'a>(
        &self,
        delivery: &Delivery,
        encoding: Encoding,
        answers: impl Iterator<Item = &'a Answer>,
        events: impl Iterator<Item = &'a Answer>,
    ) {
        for answer in answers {
            if let Some(reply_to) = delivery.reply_address() {
                if let Some(outgoing) = outgoing(answer, encoding, &answer.reply, delivery) {
                    let sent = self.broker.reply(reply_to, &outgoing).await;
                    published("reply", label(&sent));
                }
            }
            self.event(answer, delivery).await;
        }
        for event in events {
            self.event(event, delivery).await;
        }
    }

    async fn event(&self, event: &Answer, delivery: &Delivery) {
        if let Some(outgoing) = outgoing(event, Encoding::Json, &event.event, delivery) {
            let sent = self.broker.event(event.topic, &outgoing).await;
            published("event", label(&sent));
        }
    }

    /// Puts the message into a delay tier, from where it comes back. `None`: the delivery is lost meanwhile.
    pub(super) async fn again(&self, delivery: &Delivery, attempt: u32, after: Duration) -> Option<()> {
        self.insist("delay", delivery, || self.broker.delay(delivery, attempt, after)).await
    }

    /// Puts the message into `dead-letters`. `None`: the delivery is lost meanwhile.
    pub(super) async fn put_aside(&self, delivery: &Delivery, report: &FailureReport, at: Timestamp) -> Option<()> {
        self.insist("dead-letter", delivery, || {
            self.broker.dead_letter(delivery, report.code.as_str(), &report.message, at)
        })
        .await
    }

    /// Tries until the broker has it, or until the delivery is no longer ours: then it is delivered again.
    async fn insist<F>(&self, kind: &'static str, delivery: &Delivery, publish: impl Fn() -> F) -> Option<()>
    where
        F: Future<Output = Result<(), PublishError>>,
    {
        while delivery.usable() {
            let sent = publish().await;
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

fn outgoing(answer: &Answer, encoding: Encoding, body: &Value, delivery: &Delivery) -> Option<Outgoing> {
    let body = encoding.encode(body).ok()?;
    Some(Outgoing {
        correlation_id: delivery.correlation_id.clone(),
        traceparent: delivery.traceparent.clone(),
        ..Outgoing::new(&answer.type_name, answer.id, encoding, body)
    })
}

fn label(sent: &Result<(), PublishError>) -> &'static str {
    match sent {
        Ok(()) => "confirmed",
        Err(error) => error.label(),
    }
}
