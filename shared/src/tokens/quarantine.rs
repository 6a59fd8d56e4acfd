//! A record that does not open is marked once, told once, and left alone.

use jiff::Timestamp;
use sealpost_schemas::events::ConnectionQuarantined;
use sealpost_schemas::{Answer, Code, Connection};
use uuid::Uuid;

use super::TokenKeeper;
use crate::failure::Failure;
use crate::records::{ContentError, Record, Saved, Standing};
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
        let event = ConnectionQuarantined {
            id: ids::follow_up(None, Uuid::nil(), "connection-quarantined", &format!("{} {now}", record.id)),
            connection: connection.cloned(),
            record: record.id.to_string(),
            code: Code::Quarantined,
        };
        let message = format!("record {}: {error}; restore it from a backup, or ask for consent again", record.id);
        Failure::reject(Code::Quarantined, message).with_events(Answer::of(event).ok())
    }
}
