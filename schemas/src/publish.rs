//! Content out to a provider: job and result.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::connection::default_label;
use crate::message::queues::PUBLISH_JOBS;
use crate::tagged::tagged;
use crate::{
    Announced, Answer, Connection, FailureReport, Language, Message, Name, Notice, Owner, Phone, ProviderId, Queued,
    Secret,
};

/// Asks for content to be published on a user's behalf.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct PublishJob {
    /// Chosen by the producer; the same id is the same job.
    pub id: Uuid,
    /// On whose behalf.
    pub owner: Owner,
    /// The provider's name in the catalogue.
    pub provider: ProviderId,
    /// Which of several accounts.
    #[serde(default = "default_label")]
    pub label: Name,
    /// What is published.
    pub content: Content,
    /// The tokens, where they rest on the user's device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_tokens: Option<DeviceTokens>,
    /// Who gets a text message about the outcome.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notify: Option<Notify>,
    /// After this nothing is begun any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Timestamp>,
}

/// What is published.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Content {
    /// A public post.
    Post(TextContent),
    /// A message to somebody.
    Message(TextContent),
    /// An e-mail.
    Email(TextContent),
    /// Any API call that the provider's entry allows.
    Raw(Raw),
}

tagged!(Content, "content: an object with `type`", {
    "post" => Post,
    "message" => Message,
    "email" => Email,
    "raw" => Raw,
});

impl Content {
    /// Every type there is.
    pub const TYPE_NAMES: &[&str] = &["post", "message", "email", "raw"];

    /// The type, as its field `type` says.
    #[must_use]
    pub const fn type_name(&self) -> &'static str {
        match self {
            Self::Post(_) => "post",
            Self::Message(_) => "message",
            Self::Email(_) => "email",
            Self::Raw(_) => "raw",
        }
    }
}

/// A text, and what may go with it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct TextContent {
    /// The text.
    pub text: String,
    /// A title or subject.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// To whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Vec<String>>,
    /// The provider's id of what this answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_reply_to: Option<String>,
}

/// An API call.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Raw {
    /// The HTTP method.
    pub method: String,
    /// The path below the provider's API origin.
    pub path: String,
    /// The JSON body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
    /// The fields of the answer that go into the result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accept: Option<Vec<String>>,
}

/// Tokens that rest on the user's device.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct DeviceTokens {
    /// The access token.
    pub access_token: Secret,
    /// The refresh token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<Secret>,
    /// When the access token expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

/// Who gets a text message about the outcome.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Notify {
    /// The telephone number, E.164.
    pub phone: Phone,
    /// The language of the text, as in `fr`.
    pub language: Language,
}

/// How a job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PublishOutcome {
    /// The provider has it.
    Published,
    /// The provider does not have it; `failure` says why.
    Failed,
    /// The request went out and nothing proves how it ended.
    Unknown,
    /// A late answer contradicts what an operator decided.
    Conflict,
}

/// What the provider made of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Remote {
    /// The provider's id of the post.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Where a person finds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Fields of the answer that the entry or the job lists. Not in events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<Value>,
}

/// Answers a publish job.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct PublishResult {
    /// Derived from the job's id and the outcome.
    pub id: Uuid,
    /// The job's id; nil where the job could not be read and its `message_id` named none.
    pub job: Uuid,
    /// How it ended.
    pub outcome: PublishOutcome,
    /// The connection; absent only where the job could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<Connection>,
    /// What the provider made of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote: Option<Remote>,
    /// Whether the device's tokens were replaced on the way.
    #[serde(default)]
    pub tokens_refreshed: bool,
    /// Only where it was not published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<FailureReport>,
}

impl PublishJob {
    /// The connection that it is about.
    #[must_use]
    pub fn connection(&self) -> Connection {
        Connection::of(&self.owner, &self.provider, &self.label)
    }

    /// A result of this job.
    #[must_use]
    pub fn result(&self, id: Uuid, outcome: PublishOutcome) -> PublishResult {
        PublishResult { connection: Some(self.connection()), ..PublishResult::new(id, self.id, outcome) }
    }
}

impl PublishResult {
    fn new(id: Uuid, job: Uuid, outcome: PublishOutcome) -> Self {
        Self { id, job, outcome, connection: None, remote: None, tokens_refreshed: false, failure: None }
    }
}

impl Message for PublishJob {
    const NAME: &'static str = "publish-job";
    const VERSION: u16 = 1;
    fn id(&self) -> Uuid {
        self.id
    }
}

impl Queued for PublishJob {
    const QUEUE: &'static str = PUBLISH_JOBS;
    const SECRETS: &'static [&'static str] = &["/device_tokens/access_token", "/device_tokens/refresh_token"];
    fn deadline(&self) -> Option<Timestamp> {
        self.deadline
    }
    fn owner(&self) -> Option<&Owner> {
        Some(&self.owner)
    }
    fn secrets(&mut self) -> Vec<(&'static str, &mut Secret)> {
        let Some(DeviceTokens { access_token, refresh_token, .. }) = &mut self.device_tokens else { return Vec::new() };
        let refresh_token = refresh_token.as_mut().map(|token| ("/device_tokens/refresh_token", token));
        [("/device_tokens/access_token", access_token)].into_iter().chain(refresh_token).collect()
    }
    fn failed(&self, id: Uuid, failure: FailureReport) -> Option<Answer> {
        let tokens_refreshed = failure.tokens_refreshed;
        let result = self.result(id, PublishOutcome::Failed);
        Answer::of(PublishResult { failure: Some(failure), tokens_refreshed, ..result }).ok()
    }
    fn notice(&self, failure: &FailureReport) -> Option<Notice> {
        let result = self.result(Uuid::nil(), PublishOutcome::Failed);
        let tokens_refreshed = failure.tokens_refreshed;
        Notice::of(self, &PublishResult { failure: Some(failure.clone()), tokens_refreshed, ..result })
    }
    fn unread(id: Uuid, job: Uuid, failure: FailureReport) -> Option<Answer> {
        let result = PublishResult::new(id, job, PublishOutcome::Failed);
        Answer::of(PublishResult { failure: Some(failure), ..result }).ok()
    }
}

impl Message for PublishResult {
    const NAME: &'static str = "publish-result";
    const VERSION: u16 = 1;
    fn id(&self) -> Uuid {
        self.id
    }
}

impl Announced for PublishResult {
    fn topic(&self) -> &'static str {
        match self.outcome {
            PublishOutcome::Published => "publish.published",
            PublishOutcome::Failed => "publish.failed",
            PublishOutcome::Unknown | PublishOutcome::Conflict => "publish.unknown",
        }
    }
    fn public(&self) -> Self {
        let mut public = self.clone();
        public.failure = public.failure.map(FailureReport::public);
        if let Some(remote) = &mut public.remote {
            remote.response = None;
        }
        public
    }
}
