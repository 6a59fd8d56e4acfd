//! What was found out about a connection, told again by who cannot know whether it was told.

use sealpost_schemas::events::ConnectionNeedsConsent;
use sealpost_schemas::{Answer, Connection, Message};

use super::TokenKeeper;
use super::outcome::event_id;
use crate::failure::Failure;
use crate::records::{Metadata, State};

impl TokenKeeper {
    /// The event of a connection that needs consent, under the id that it was told with when that was found out; `None`
    /// if it needs none. What the provider said is not known any more.
    ///
    /// # Errors
    /// If Redis does not answer.
    pub async fn needs_consent(&self, connection: &Connection) -> Result<Option<Answer>, Failure> {
        let record = self.store.load(&self.store.locate(connection)).await?;
        Ok(record.and_then(|record| needs_consent(connection, &record.metadata)))
    }
}

/// The same of a record that was read.
pub(super) fn needs_consent(connection: &Connection, data: &Metadata) -> Option<Answer> {
    if data.standing.state != State::NeedsConsent {
        return None;
    }
    let event = ConnectionNeedsConsent {
        id: event_id(connection, ConnectionNeedsConsent::NAME, data.generation),
        connection: connection.clone(),
        code: data.standing.code?,
        provider_error: None,
    };
    Answer::of(event).ok()
}
