//! `connection-queries`: how a connection stands, from what is in clear. No key is used, and no provider is asked.

use std::sync::Arc;

use sealpost_schemas::{ConnectionQuery, ConnectionStanding, ConnectionStatus, Message};
use sealpost_shared::failure::Failure;
use sealpost_shared::ids;
use sealpost_shared::records::{Metadata, State};
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

    async fn run(&self, query: &ConnectionQuery, _: Attempt) -> Result<ConnectionStatus, Failure> {
        let store = self.keeper.store();
        let record = store.load(&store.locate(&query.connection())).await?;
        Ok(status(query, record.map(|record| record.metadata)))
    }
}

fn status(query: &ConnectionQuery, found: Option<Metadata>) -> ConnectionStatus {
    let id = |how: &str| ids::follow_up(Some(&query.owner), query.id, ConnectionStatus::NAME, how);
    let Some(data) = found else { return ConnectionStatus::none(id("none"), query) };
    let standing = match data.standing.state {
        State::Active => ConnectionStanding::Active,
        State::NeedsConsent => ConnectionStanding::NeedsConsent,
        State::Quarantined => ConnectionStanding::Quarantined,
    };
    ConnectionStatus {
        // the same question asked later may have another answer
        id: id(&format!("{} {}", data.generation, data.standing.since)),
        connected: standing == ConnectionStanding::Active,
        standing: Some(standing),
        since: Some(data.standing.since),
        code: data.standing.code,
        scopes: data.scopes,
        expires_at: data.access_expires_at,
        ..ConnectionStatus::none(query.id, query)
    }
}

impl FollowUps for ConnectionStatus {
    fn emission(self) -> Result<Emission, serde_json::Error> {
        Emission::answer(self)
    }
}
