//! A record that does not open is marked once, told under one id, and left alone.

use jiff::Timestamp;
use sealpost_schemas::events::ConnectionQuarantined;
use sealpost_schemas::{Answer, Code, Connection, Message};
use uuid::Uuid;

use super::TokenKeeper;
use crate::failure::Failure;
use crate::records::{ContentError, Record, RecordId, Saved, Standing};
use crate::{ids, metrics};

impl TokenKeeper {
    /// Marks the record, and makes the failure that tells of it. If the record moved meanwhile it is not what did not
    /// open any more: a publish looks again, a rotation counts it and leaves it to the next one.
    pub(super) async fn quarantine(
        &self,
        record: &Record,
        connection: Option<&Connection>,
        error: &ContentError,
        now: Timestamp,
    ) -> Failure {
        match self.store.mark(record, &Standing::quarantined(now, Code::Quarantined)).await {
            Ok(Saved::Written(_)) => {}
            Ok(Saved::Moved) => {
                return Failure::retry(Code::Conflict, format!("record {} moved while it was opened", record.id));
            }
            Err(error) => return error.into(),
        }
        metrics::quarantined();
        tracing::error!(record = %record.id, key = %record.key(), %error, "record put into quarantine");
        let message = format!("record {}: {error}; restore it from a backup, or ask for consent again", record.id);
        Failure::reject(Code::Quarantined, message).with_events(event(&record.id, connection, now))
    }
}

/// The event of a record that is in quarantine since then: told once, or again under the same id by who cannot know whether
/// it was told.
pub(super) fn event(id: &RecordId, connection: Option<&Connection>, since: Timestamp) -> Option<Answer> {
    let which = format!("{id} {}", since.as_millisecond());
    let event = ConnectionQuarantined {
        id: ids::follow_up(None, Uuid::nil(), ConnectionQuarantined::NAME, &which),
        connection: connection.cloned(),
        record: id.to_string(),
        code: Code::Quarantined,
    };
    Answer::of(event).ok()
}
