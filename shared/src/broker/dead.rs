//! What was put aside: looked at, and sent again. By us, with our headers, or by the broker itself, with its own.

use jiff::Timestamp;
use lapin::message::BasicGetMessage;
use lapin::options::{BasicAckOptions, BasicGetOptions, BasicNackOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel};
use sealpost_schemas::{Code, queues};

use super::message::{self, AT, CODE, Outgoing, REASON, header};
use super::users::Gate;
use super::{Broker, BrokerError, DEAD_LETTERS, PublishError, Route};

/// A message in `dead-letters`, and why it is there.
#[derive(Clone, Debug)]
pub struct DeadLetter {
    /// Why, as a stable code.
    pub code: String,
    /// The same in words.
    pub reason: String,
    /// The work queue that it belongs to, if anything says so.
    pub origin: Option<&'static str>,
    /// When it was put aside.
    pub at: Option<Timestamp>,
    /// The message, as it would be sent again.
    pub message: Outgoing,
}

/// Why dead letters could not be read or sent again.
#[derive(Clone, Debug, thiserror::Error)]
pub enum DeadLetterError {
    /// The queue could not be read.
    #[error("reading {DEAD_LETTERS}: {0}")]
    Read(String),
    /// A message was not sent again; it is still among the dead letters.
    #[error("after {replayed} messages were replayed: {source}")]
    Publish {
        /// How many were, before.
        replayed: usize,
        /// What went wrong.
        source: PublishError,
    },
}

impl From<lapin::Error> for DeadLetterError {
    fn from(error: lapin::Error) -> Self {
        Self::Read(error.to_string())
    }
}

impl DeadLetter {
    fn of(gate: &Gate, properties: &BasicProperties, body: Vec<u8>) -> Self {
        // The newest comes first. We put nothing aside with an `x-death`, so that on a message that died in a work queue all
        // the other headers are its producer's, who may have written ours, or a death of his own invention, behind it.
        let by_broker = deaths(properties)
            .first()
            .and_then(|death| Some((*death, text(death, "reason")?, work_queue(text(death, "queue")?)?)));
        let origin = by_broker.map(|(.., queue)| queue).or_else(|| message::origin(properties));
        let (code, reason, at) = match (by_broker, header(properties, CODE)) {
            (Some((death, "delivery_limit", _)), _) => {
                let code = Code::DeliveryLimit;
                (code.as_str().to_owned(), code.sentence().to_owned(), time(death))
            }
            (Some((death, reason, _)), _) => {
                ("unknown".to_owned(), format!("The broker put it aside: {reason}."), time(death))
            }
            (None, Some(code)) => (
                code.to_owned(),
                header(properties, REASON).unwrap_or_default().to_owned(),
                header(properties, AT).and_then(|at| at.parse().ok()),
            ),
            (None, None) => ("unknown".to_owned(), "No header says why it is here.".to_owned(), None),
        };
        Self { code, reason, origin, at, message: message::outgoing(properties, gate.sender(properties), body.into()) }
    }
}

impl Broker {
    /// Looks at the oldest dead letters, at most `limit`, and leaves them where they are.
    ///
    /// # Errors
    /// If the queue cannot be read.
    pub async fn dead_letters(&self, limit: usize) -> Result<Vec<DeadLetter>, DeadLetterError> {
        let (channel, held) = self.hold(limit).await?;
        give_back(&channel, held.len()).await?;
        let gate = &self.0.gate;
        Ok(held.into_iter().map(|held| DeadLetter::of(gate, &held.delivery.properties, held.delivery.data)).collect())
    }

    /// Sends those of the oldest `limit` dead letters again, each to its work queue as a first attempt, that are `chosen`;
    /// one whose work queue is not known stays. Returns how many were sent.
    ///
    /// # Errors
    /// If the queue cannot be read, or with the first message that was not sent.
    pub async fn replay(&self, limit: usize, chosen: impl Fn(&DeadLetter) -> bool) -> Result<usize, DeadLetterError> {
        let (channel, held) = self.hold(limit).await?;
        let mut replayed = 0;
        let mut failure = None;
        for held in held {
            let acker = held.delivery.acker.clone();
            let dead = DeadLetter::of(&self.0.gate, &held.delivery.properties, held.delivery.data);
            let Some(origin) = dead.origin.filter(|_| chosen(&dead)) else { continue };
            match self.publish(&Route::queue(origin), &dead.message).await {
                Ok(()) => {
                    acker.ack(BasicAckOptions::default()).await?;
                    replayed += 1;
                }
                Err(source) => {
                    failure = Some(DeadLetterError::Publish { replayed, source });
                    break;
                }
            }
        }
        // All that was not acknowledged; nothing, if nothing was.
        give_back(&channel, 1).await?;
        failure.map_or(Ok(replayed), Err)
    }

    async fn hold(&self, limit: usize) -> Result<(Channel, Vec<BasicGetMessage>), DeadLetterError> {
        let closed = || DeadLetterError::Read(BrokerError::Closed.to_string());
        let link = self.0.consume.up().await.ok_or_else(closed)?;
        let channel = link.connection.create_channel().await?;
        let mut held = Vec::new();
        while held.len() < limit {
            match channel.basic_get(DEAD_LETTERS.into(), BasicGetOptions::default()).await? {
                Some(message) => held.push(message),
                None => break,
            }
        }
        Ok((channel, held))
    }
}

/// Gives back everything that a channel still holds, and closes it in order, so that it is back when this returns.
async fn give_back(channel: &Channel, held: usize) -> Result<(), DeadLetterError> {
    if held > 0 {
        channel.basic_nack(0, BasicNackOptions { multiple: true, requeue: true }).await?;
    }
    Ok(channel.close(200, "OK".into()).await?)
}

fn deaths(properties: &BasicProperties) -> Vec<&FieldTable> {
    let deaths = properties.headers().as_ref().and_then(|headers| headers.inner().get("x-death"));
    let Some(AMQPValue::FieldArray(deaths)) = deaths else { return Vec::new() };
    let tables = deaths.as_slice().iter().map(|death| match death {
        AMQPValue::FieldTable(death) => Some(death),
        _ => None,
    });
    tables.flatten().collect()
}

fn text<'a>(death: &'a FieldTable, name: &str) -> Option<&'a str> {
    match death.inner().get(name)? {
        AMQPValue::LongString(text) => std::str::from_utf8(text.as_bytes()).ok(),
        _ => None,
    }
}

fn time(death: &FieldTable) -> Option<Timestamp> {
    match death.inner().get("time")? {
        AMQPValue::Timestamp(seconds) => Timestamp::from_second(i64::try_from(*seconds).ok()?).ok(),
        _ => None,
    }
}

fn work_queue(name: &str) -> Option<&'static str> {
    let home = name.strip_suffix(".retries").unwrap_or(name);
    queues::ALL.iter().find(|queue| **queue == home).copied()
}

#[cfg(test)]
mod fuzz;
