//! What every message has, and what makes one a request, an answer or an event.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

use crate::codec::Encoding;
use crate::{FailureReport, Name, Notice, Owner, Secret};

/// The work queues, each a message's plural.
pub mod queues {
    /// `exchange-request` messages.
    pub const EXCHANGE_REQUESTS: &str = "exchange-requests";
    /// `publish-job` messages.
    pub const PUBLISH_JOBS: &str = "publish-jobs";
    /// `rotation-tick` messages.
    pub const ROTATION_TICKS: &str = "rotation-ticks";
    /// `rotation-shard` messages.
    pub const ROTATION_SHARDS: &str = "rotation-shards";
    /// `notice` messages.
    pub const NOTICES: &str = "notices";
    /// `revocation-request` messages.
    pub const REVOCATION_REQUESTS: &str = "revocation-requests";
    /// `revocation-shard` messages.
    pub const REVOCATION_SHARDS: &str = "revocation-shards";
    /// `connection-query` messages.
    pub const CONNECTION_QUERIES: &str = "connection-queries";
    /// The work queues that producers write to, each through an exchange of its own.
    pub const PRODUCERS: &[&str] =
        &[EXCHANGE_REQUESTS, PUBLISH_JOBS, ROTATION_TICKS, REVOCATION_REQUESTS, CONNECTION_QUERIES];
    /// Every work queue.
    pub const ALL: &[&str] = &[
        EXCHANGE_REQUESTS,
        PUBLISH_JOBS,
        ROTATION_TICKS,
        ROTATION_SHARDS,
        NOTICES,
        REVOCATION_REQUESTS,
        REVOCATION_SHARDS,
        CONNECTION_QUERIES,
    ];
}

/// A message of the contract. AMQP `type` carries name and version, `message_id` the id.
pub trait Message: Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static {
    /// The name, as in `publish-job.v1` before the dot.
    const NAME: &'static str;
    /// The version, as in `publish-job.v1` after the `v`.
    const VERSION: u16;

    /// The message's own id.
    fn id(&self) -> Uuid;

    /// Name and version, as the AMQP `type` property carries them.
    #[must_use]
    fn type_name() -> String {
        format!("{}.v{}", Self::NAME, Self::VERSION)
    }
}

/// A message that waits on a work queue for a step.
pub trait Queued: Message {
    /// The queue of first publication.
    const QUEUE: &'static str;

    /// Where it may carry secrets, as JSON pointers (RFC 6901). A new one means a new version of the message.
    const SECRETS: &'static [&'static str] = &[];

    /// After this nothing is begun any more.
    fn deadline(&self) -> Option<Timestamp>;

    /// The owner, whose ids are the producer's own.
    fn owner(&self) -> Option<&Owner>;

    /// The one tenant that it is for; without one, it is for all.
    fn tenant(&self) -> Option<&Name> {
        self.owner().map(|owner| &owner.tenant)
    }

    /// The secrets that it carries, each with its place in the body.
    fn secrets(&mut self) -> Vec<(&'static str, &mut Secret)> {
        Vec::new()
    }

    /// The result that tells the producer of a failure, under this id. `None` for messages that nobody waits for.
    fn failed(&self, _id: Uuid, _failure: FailureReport) -> Option<Answer> {
        None
    }

    /// Tells the person whom the message names of the same failure, without an id yet. `None`: it names nobody.
    fn notice(&self, _failure: &FailureReport) -> Option<Notice> {
        None
    }

    /// The result that tells of a failure of a message that could not be read, of which only an id may be known.
    #[must_use]
    fn unread(_id: Uuid, _message: Uuid, _failure: FailureReport) -> Option<Answer> {
        None
    }
}

/// A message that goes to `sealpost.events`, and to `reply_to` where one is set.
pub trait Announced: Message {
    /// The topic, as in `publish.published`.
    fn topic(&self) -> &'static str;

    /// The same without what only the producer may see: `tokens` and `response`.
    #[must_use]
    fn public(&self) -> Self;
}

/// A result or an event in its general form: the reply whole, the event without its private parts.
/// It has no `Debug`: a reply may carry a device's tokens.
pub struct Answer {
    /// Name and version.
    pub type_name: String,
    /// The message's id.
    pub id: Uuid,
    /// The topic on `sealpost.events`.
    pub topic: &'static str,
    /// What goes to `sealpost.events`, in JSON.
    pub event: Vec<u8>,
    /// Most often nobody asked for a reply, and none is written.
    reply: Box<dyn Fn(Encoding) -> Result<Vec<u8>, String> + Send + Sync>,
}

impl Answer {
    /// # Errors
    /// If the message does not serialize, which no message of this crate does.
    pub fn of<M: Announced>(message: M) -> Result<Self, serde_json::Error> {
        Ok(Self {
            type_name: M::type_name(),
            id: message.id(),
            topic: message.topic(),
            event: serde_json::to_vec(&message.public())?,
            reply: Box::new(move |encoding| encoding.encode(&message)),
        })
    }

    /// What goes to `reply_to`.
    ///
    /// # Errors
    /// As of [`Encoding::encode`].
    pub fn reply(&self, encoding: Encoding) -> Result<Vec<u8>, String> {
        (self.reply)(encoding)
    }
}
