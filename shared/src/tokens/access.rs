//! An access token that can be used now, or why there is none.

use jiff::{SignedDuration, Timestamp};
use sealpost_schemas::{Code, Connection, FailureReport};
use secrecy::SecretString;

use super::TokenKeeper;
use crate::failure::Failure;
use crate::keys::KeySource;
use crate::records::{Content, Record, State};

/// An access token that expires sooner than this counts as expired: clocks differ, and a request takes its time.
const SKEW: SignedDuration = SignedDuration::from_secs(30);

/// Whether a connection can be used now.
pub enum Access {
    /// With this access token.
    Granted(SecretString),
    /// It cannot, and no other attempt will.
    Refused(FailureReport),
}

impl TokenKeeper {
    /// The access token of a connection. No write, no lease.
    pub async fn access_token(&self, connection: &Connection, now: Timestamp) -> Result<Access, Failure> {
        let Some(record) = self.store.load(&self.store.locate(connection)).await? else {
            return Ok(refused(Code::NoConnection, "there is no such connection; ask the user for consent"));
        };
        match record.metadata.standing.state {
            State::Active => {}
            State::NeedsConsent => {
                return Ok(refused(
                    Code::NeedsConsent,
                    "the provider no longer takes its tokens; ask for consent again",
                ));
            }
            State::Quarantined => {
                let message = format!("record {} is in quarantine; restore it, or ask for consent again", record.id);
                return Err(Failure::reject(Code::Quarantined, message));
            }
        }
        let content = self.open(&record, Some(connection), now).await?;
        let expired = record.metadata.access_expires_at.is_some_and(|at| at.duration_since(now) < SKEW);
        match content.tokens.access_token {
            Some(token) if !expired => Ok(Access::Granted(token)),
            _ => Ok(refused(Code::AccessTokenExpired, "its access token has expired; ask for consent again")),
        }
    }

    /// Opens a record with the key that it names; what was altered goes into quarantine.
    async fn open(&self, record: &Record, connection: Option<&Connection>, now: Timestamp) -> Result<Content, Failure> {
        let key = self.keys.get(record.key()).await?;
        match record.open(&key) {
            Ok(content) => Ok(content),
            Err(error) if error.code() == Code::Quarantined => {
                Err(self.quarantine(record, connection, &error, now).await)
            }
            Err(error) => Err(error.into()),
        }
    }
}

fn refused(code: Code, message: &str) -> Access {
    Access::Refused(FailureReport::new(code, message, false))
}
