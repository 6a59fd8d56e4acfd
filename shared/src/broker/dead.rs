//! What was put aside, and why. By us, with our headers, or by the broker itself, with its own.

mod walk;

use jiff::Timestamp;
use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable};
use sealpost_schemas::{Code, queues};
use sha2::{Digest, Sha256};

pub use self::walk::DeadLetters;
use super::message::{self, AT, CODE, Outgoing, REASON, header};
use super::{DEAD_LETTERS, PublishError};

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
    /// The attempt that it was put aside in, as far as its header says.
    pub attempt: u32,
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
    fn of(properties: &BasicProperties, body: Vec<u8>) -> Self {
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
        let attempt = message::attempt(properties);
        Self { code, reason, origin, at, attempt, message: message::outgoing(properties, body.into()) }
    }

    /// What an operator calls it by: the message's id, or the start of [`Self::digest`] where it has none.
    #[must_use]
    pub fn name(&self) -> String {
        self.message.id.clone().unwrap_or_else(|| format!("sha256-{}", &self.digest()[..12]))
    }

    /// SHA-256 of the body, in hex.
    #[must_use]
    pub fn digest(&self) -> String {
        hex::encode(Sha256::digest(&*self.message.body))
    }
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
