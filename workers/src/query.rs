//! `connection-queries`: how a connection stands, from what is in clear. No key is used, and no provider is asked.

use std::sync::Arc;

use jiff::Timestamp;
use sealpost_schemas::{ConnectionQuery, ConnectionStanding, ConnectionStatus, Message};
use sealpost_shared::failure::Failure;
use sealpost_shared::ids;
use sealpost_shared::records::{Record, State};
use sealpost_shared::tokens::TokenKeeper;

use crate::step::{Attempt, Emission, FollowUps, Step};

/// The step.
pub struct Query {
    /// Where connections are kept.
    pub keeper: Arc<TokenKeeper>,
}

impl Step for Query {
    type Input = ConnectionQuery;
    type Output = ConnectionStatus;

    async fn run(&self, query: &ConnectionQuery, at: Attempt) -> Result<ConnectionStatus, Failure> {
        let store = self.keeper.store();
        let record = store.load(&store.locate(&query.connection())).await?;
        Ok(status(query, record, at.now))
    }
}

fn status(query: &ConnectionQuery, found: Option<Record>, now: Timestamp) -> ConnectionStatus {
    let id = |how: &str| ids::follow_up(Some(&query.owner), query.id, ConnectionStatus::NAME, how);
    let Some(record) = found else { return ConnectionStatus::none(id("none"), query) };
    let lasts = lasts(&record, now);
    let data = record.metadata;
    let standing = match data.standing.state {
        State::Active => ConnectionStanding::Active,
        State::NeedsConsent => ConnectionStanding::NeedsConsent,
        State::Quarantined => ConnectionStanding::Quarantined,
    };
    ConnectionStatus {
        // the same question asked later may have another answer
        id: id(&format!("{} {} {lasts}", data.generation, data.standing.since)),
        connected: standing == ConnectionStanding::Active && lasts,
        standing: Some(standing),
        since: Some(data.standing.since),
        code: data.standing.code,
        scopes: data.scopes,
        expires_at: data.access_expires_at,
        ..ConnectionStatus::none(query.id, query)
    }
}

/// Whether there is something to publish with, now or after a refresh. What does not say so is taken at its word.
fn lasts(record: &Record, now: Timestamp) -> bool {
    let refreshes = record.token.is_some() || record.is_silent_on_token;
    refreshes || record.metadata.access_expires_at.is_none_or(|at| at > now)
}

impl FollowUps for ConnectionStatus {
    fn emission(self) -> Result<Emission, serde_json::Error> {
        Emission::answer(self)
    }
}
