//! Whether a user is connected: the question, and what is known without a token.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::connection::default_label;
use crate::message::queues::CONNECTION_QUERIES;
use crate::{Announced, Answer, Code, Connection, FailureReport, Message, Name, Owner, ProviderId, Queued};

/// Asks how a connection stands.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ConnectionQuery {
    /// The question's id, which its answer names.
    pub id: Uuid,
    /// Whose.
    pub owner: Owner,
    /// The provider's name in the catalogue.
    pub provider: ProviderId,
    /// Which of several accounts.
    #[serde(default = "default_label")]
    pub label: Name,
}

impl ConnectionQuery {
    /// Which connection is asked about.
    #[must_use]
    pub fn connection(&self) -> Connection {
        Connection::of(&self.owner, &self.provider, &self.label)
    }
}

/// Whether a connection can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ConnectionStanding {
    /// It can.
    Active,
    /// The user must give consent again.
    NeedsConsent,
    /// What is stored does not open; an operator can restore it, or the user gives consent again.
    Quarantined,
    /// There is no such connection.
    None,
}

/// How a connection stands.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ConnectionStatus {
    /// The answer's id.
    pub id: Uuid,
    /// The question's id.
    pub query: Uuid,
    /// Which one; nothing only where the question could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<Connection>,
    /// Whether it can be used now: it stands as `active`.
    pub connected: bool,
    /// How it stands; nothing where that could not be found out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standing: Option<ConnectionStanding>,
    /// Since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Why it cannot be used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Code>,
    /// The scopes that were granted.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// When its access token expires, where the provider tells; a connection that can be refreshed goes on after that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// Why that could not be found out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<FailureReport>,
}

impl ConnectionStatus {
    /// That there is no such connection.
    #[must_use]
    pub fn none(id: Uuid, query: &ConnectionQuery) -> Self {
        Self {
            id,
            query: query.id,
            connection: Some(query.connection()),
            connected: false,
            standing: Some(ConnectionStanding::None),
            since: None,
            code: None,
            scopes: Vec::new(),
            expires_at: None,
            failure: None,
        }
    }

    fn failed(id: Uuid, query: Uuid, connection: Option<Connection>, failure: FailureReport) -> Self {
        let (standing, since, code, expires_at) = (None, None, None, None);
        let (connected, scopes, failure) = (false, Vec::new(), Some(failure));
        Self { id, query, connection, connected, standing, since, code, scopes, expires_at, failure }
    }
}

impl Message for ConnectionQuery {
    const NAME: &'static str = "connection-query";
    const VERSION: u16 = 1;
    fn id(&self) -> Uuid {
        self.id
    }
}

impl Queued for ConnectionQuery {
    const QUEUE: &'static str = CONNECTION_QUERIES;
    fn deadline(&self) -> Option<Timestamp> {
        None
    }
    fn owner(&self) -> Option<&Owner> {
        Some(&self.owner)
    }
    fn failed(&self, id: Uuid, failure: FailureReport) -> Option<Answer> {
        Answer::of(ConnectionStatus::failed(id, self.id, Some(self.connection()), failure)).ok()
    }
    fn unread(id: Uuid, message: Uuid, failure: FailureReport) -> Option<Answer> {
        Answer::of(ConnectionStatus::failed(id, message, None, failure)).ok()
    }
}

impl Message for ConnectionStatus {
    const NAME: &'static str = "connection-status";
    const VERSION: u16 = 1;
    fn id(&self) -> Uuid {
        self.id
    }
}

impl Announced for ConnectionStatus {
    fn topic(&self) -> &'static str {
        "connection.status"
    }
    fn public(&self) -> Self {
        let this = self.clone();
        Self { failure: this.failure.map(FailureReport::public), ..this }
    }
}
