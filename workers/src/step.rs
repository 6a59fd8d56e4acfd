//! The centre: one message in, what follows out. A step never sees the broker.

use jiff::Timestamp;
use sealpost_schemas::codec::Encoding;
use sealpost_schemas::{Announced, Answer, Code, FailureReport, Message, Notice, Queued};
use sealpost_shared::broker::Outgoing;
use sealpost_shared::failure::Failure;
use sealpost_shared::ids;
use sealpost_shared::tokens::HandedOver;
use sealpost_shared::wire::{PublicKey, seal_body};
use uuid::Uuid;

/// What a worker does with one message. The runner decodes, times, publishes what follows, and acks.
pub trait Step: Send + Sync + 'static {
    /// The message, which knows its queue and version.
    type Input: Queued;
    /// The outgoing arrows of the step's diagram.
    type Output: FollowUps;

    /// Whether the step looks at the deadline itself: what it began before must be answered after it too.
    const JUDGES_DEADLINE: bool = false;

    /// Does the work. It must be safe to run twice.
    fn run(&self, input: &Self::Input, at: Attempt) -> impl Future<Output = Result<Self::Output, Failure>> + Send;

    /// The answer that carried these tokens is in a queue of who asked. On a failure the message comes again.
    fn handed_over(&self, _which: &HandedOver) -> impl Future<Output = Result<(), Failure>> + Send {
        std::future::ready(Ok(()))
    }
}

/// Which try this is.
#[derive(Clone, Copy, Debug)]
pub struct Attempt {
    /// 1 for the first.
    pub number: u32,
    /// When it began.
    pub now: Timestamp,
    /// Whether the message was delivered before, to a worker that may have died with it.
    pub redelivered: bool,
    /// Whether an attempt before was put off, and spent none.
    pub put_off: bool,
    /// Whether that was to its place in the line of its provider's jobs.
    pub lined_up: bool,
    /// Where the answer goes.
    pub reply: ReplyTo,
}

/// Where an answer goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyTo {
    /// Nowhere.
    Nobody,
    /// To who waits for it, if anybody does: that it arrives is not known.
    Direct,
    /// To a queue. The broker says whether it is there, and when it has it.
    Queue,
}

impl ReplyTo {
    /// Whether it becomes known that the answer arrived.
    #[must_use]
    pub fn is_confirmed(self) -> bool {
        self == Self::Queue
    }
}

/// What a step returns, in the general form that the runner publishes.
pub trait FollowUps: Send + 'static {
    /// # Errors
    /// If a message does not serialize, which is a defect.
    fn emission(self) -> Result<Emission, serde_json::Error>;
}

/// What leaves a step: first the messages, confirmed; then the answer; then the events.
#[derive(Default)]
pub struct Emission {
    /// Follow-ups for work queues.
    pub messages: Vec<FollowUp>,
    /// The result, to `reply_to` and as an event.
    pub answer: Option<Answer>,
    /// Events beside the result.
    pub events: Vec<Answer>,
    /// The tokens that the answer carries, which are ours no more once it arrived.
    pub hands_over: Option<HandedOver>,
    /// How the job ended, as a metric label.
    pub outcome: &'static str,
}

/// A message for a work queue, in JSON. It may hold secrets, and has no `Debug`.
#[derive(Clone)]
pub struct FollowUp {
    /// The queue.
    pub queue: &'static str,
    /// Name and version.
    pub type_name: String,
    /// The message's id.
    pub id: Uuid,
    /// The body, as JSON.
    pub body: Vec<u8>,
    /// Whether whoever waits for the answer to the message before is told by this one.
    pub answers: bool,
}

impl FollowUp {
    /// # Errors
    /// If the message does not serialize, which is a defect.
    pub fn of<M: Queued>(message: &M) -> Result<Self, serde_json::Error> {
        let body = serde_json::to_vec(message)?;
        Ok(Self { queue: M::QUEUE, type_name: M::type_name(), id: message.id(), body, answers: false })
    }

    /// The same with every secret sealed that is plain.
    ///
    /// # Errors
    /// In words, as of [`seal_body`].
    pub fn sealed(self, key: &PublicKey) -> Result<Self, String> {
        let problem = |error: serde_json::Error| error.to_string();
        let mut body = serde_json::from_slice(&self.body).map_err(problem)?;
        seal_body(self.queue, &mut body, self.id, key).map_err(|error| error.to_string())?;
        Ok(Self { body: serde_json::to_vec(&body).map_err(problem)?, ..self })
    }

    /// The same, which answers whoever waits for the answer to the message that it follows from.
    #[must_use]
    pub fn answering(self) -> Self {
        Self { answers: true, ..self }
    }

    /// A notice, under the id that belongs to it.
    #[must_use]
    pub fn notice(notice: Notice) -> Option<Self> {
        let notice = Notice { id: ids::notice(&notice), ..notice };
        // the messages of the contract all serialize
        Self::of(&notice).ok()
    }

    /// As the broker takes it.
    #[must_use]
    pub fn outgoing(&self) -> Outgoing {
        Outgoing {
            type_name: Some(self.type_name.clone()),
            id: Some(self.id.to_string()),
            content_type: Some(Encoding::Json.content_type().into()),
            body: self.body.clone().into(),
            ..Outgoing::default()
        }
    }
}

impl Emission {
    /// A result and nothing else; its topic is the outcome.
    ///
    /// # Errors
    /// If the message does not serialize, which is a defect.
    pub fn answer<M: Announced>(result: M) -> Result<Self, serde_json::Error> {
        let answer = Answer::of(result)?;
        Ok(Self { outcome: answer.topic, answer: Some(answer), ..Self::default() })
    }
}

impl FollowUps for sealpost_schemas::PublishResult {
    fn emission(self) -> Result<Emission, serde_json::Error> {
        Emission::answer(self)
    }
}

/// What a producer is told whose message came too late.
#[must_use]
pub fn deadline_passed() -> FailureReport {
    let message = "the deadline passed before the work was begun; send it anew if it is still wanted";
    FailureReport::new(Code::DeadlinePassed, message, true)
}

/// A result, and what happened on the way to it.
pub struct Told<R> {
    /// Whom else it is told.
    pub notice: Option<Notice>,
    /// The result.
    pub result: R,
    /// Events beside it.
    pub events: Vec<Answer>,
}

impl<R: FollowUps> FollowUps for Told<R> {
    fn emission(self) -> Result<Emission, serde_json::Error> {
        let mut emission = self.result.emission()?;
        emission.messages.extend(self.notice.and_then(FollowUp::notice));
        emission.events.extend(self.events);
        Ok(emission)
    }
}

/// The AMQP `type` of a message, read apart.
#[must_use]
pub fn is_version_of<M: Message>(type_name: &str) -> Option<bool> {
    let (name, version) = type_name.rsplit_once(".v")?;
    (name == M::NAME).then(|| version.parse() == Ok(M::VERSION))
}
