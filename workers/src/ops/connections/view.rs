//! A record as an operator may see it: what is in clear, and of what is sealed everything but the tokens.

use jiff::Timestamp;
use sealpost_schemas::{Code, Connection};
use sealpost_shared::keys::SealingKeys;
use sealpost_shared::records::{Custody, Record, RecordError, RecordId, State};
use serde::Serialize;
use uuid::Uuid;

/// What is known of a connection.
#[derive(Serialize)]
pub(super) struct View {
    /// The hidden name in Redis, as in events.
    pub(super) record: String,
    pub(super) connection: Option<Connection>,
    pub(super) account: Option<Account>,
    #[serde(flatten)]
    pub(super) clear: Option<Clear>,
    /// Why not all of it is known.
    pub(super) problem: Option<String>,
}

/// The provider's account.
#[derive(Serialize)]
pub(super) struct Account {
    pub(super) id: String,
    pub(super) name: Option<String>,
}

/// What needs no key.
#[derive(Serialize)]
pub(super) struct Clear {
    pub(super) standing: &'static str,
    pub(super) since: Timestamp,
    pub(super) code: Option<Code>,
    pub(super) custody: &'static str,
    pub(super) key: String,
    pub(super) key_version: String,
    pub(super) access_expires_at: Option<Timestamp>,
    pub(super) next_due: Option<Timestamp>,
    pub(super) scopes: Vec<String>,
    pub(super) created_at: Timestamp,
    pub(super) refreshed_at: Timestamp,
    /// The exchange request that the tokens come from.
    pub(super) request: Option<Uuid>,
    /// When a refresh was sent whose answer is not saved.
    pub(super) refresh_sent_at: Option<Timestamp>,
    /// How many refresh tokens that were replaced are remembered.
    pub(super) superseded: usize,
}

/// The word for a standing.
pub(super) const fn standing(state: State) -> &'static str {
    match state {
        State::Active => "active",
        State::NeedsConsent => "needs-consent",
        State::Quarantined => "quarantined",
    }
}

impl View {
    /// Opens what is sealed, as far as the keys do.
    pub(super) async fn of(id: RecordId, read: Result<Record, RecordError>, keys: &SealingKeys) -> Self {
        let mut view = Self { record: id.to_string(), connection: None, account: None, clear: None, problem: None };
        let record = match read {
            Ok(record) => record,
            Err(error) => return Self { problem: Some(error.to_string()), ..view },
        };
        let opened = match keys.get(record.key()).await {
            Ok(key) => record.open(&key).map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        match opened {
            Ok(content) => {
                view.connection = Some(content.connection);
                view.account = content.subject.map(|subject| Account { id: subject.id, name: subject.name });
            }
            Err(problem) => view.problem = Some(problem),
        }
        Self { clear: Some(Clear::of(record)), ..view }
    }
}

impl Clear {
    fn of(record: Record) -> Self {
        let key = record.key().clone();
        let data = record.metadata;
        let custody = match data.custody {
            Custody::Vault => "vault",
            Custody::Device => "device",
        };
        Self {
            standing: standing(data.standing.state),
            since: data.standing.since,
            code: data.standing.code,
            custody,
            key: key.id.to_string(),
            key_version: key.version.to_string(),
            access_expires_at: data.access_expires_at,
            next_due: data.next_due,
            scopes: data.scopes,
            created_at: data.created_at,
            refreshed_at: data.refreshed_at,
            request: data.request,
            refresh_sent_at: data.marker.map(|marker| marker.at),
            superseded: data.superseded.len(),
        }
    }
}
