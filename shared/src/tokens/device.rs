//! Tokens that rest with the user: which of them a job is done with, and how they come to the user's device.
//!
//! Of such a connection we keep who may use what, by keyed hashes, and no token. A device shows that it holds tokens by
//! sending them; those that no hash is known of are somebody else's. What a refresh or an exchange brings waits in a park,
//! which is saved in one write with the record, until the device is known to have it ([`handover`]), or for a limited time
//! ([`parks`]). Refreshes are those of every connection ([`super::refresh`]), with the token that the job brought.

mod handover;
mod parks;

use jiff::Timestamp;
use sealpost_schemas::Code;
use secrecy::SecretString;

pub use handover::{Handed, HandedOver, Owed, PickUp};
pub use parks::Over;
pub(super) use parks::Waiting;

use super::TokenKeeper;
use super::access::{self, Access, Wanted};
use crate::failure::Failure;
use crate::records::{Content, Custody, Record, TokenSet};

/// The tokens that a job brings.
#[derive(Clone)]
pub struct JobTokens {
    /// The access token.
    pub access: SecretString,
    /// The refresh token.
    pub refresh: Option<SecretString>,
    /// When the access token expires, if the device says so.
    pub expires_at: Option<Timestamp>,
}

/// Why a job's tokens are none for this connection, or why it needs some.
pub(super) fn of_another_custody(wanted: &Wanted, record: &Record) -> Option<Access> {
    let message = match (&wanted.device, record.metadata.custody) {
        (Some(_), Custody::Device) | (None, Custody::Vault) => return None,
        (Some(_), Custody::Vault) => "the connection's tokens rest here; send the job without device_tokens",
        (None, Custody::Device) => "the connection's tokens rest with the user; send the job with device_tokens",
    };
    Some(access::refused(Code::CustodyMismatch, message))
}

impl TokenKeeper {
    /// The record's content with the tokens that a job is done with, and whether these are newer than its own; or why there are
    /// none. No call is made with tokens that are not known to be this connection's.
    pub(super) async fn in_use(
        &self,
        record: &Record,
        content: Content,
        job: &JobTokens,
    ) -> Result<Result<(Content, bool), Access>, Failure> {
        let known = &content.device.access;
        let access = self.store.hash_of_access(&job.access);
        let holds = job.refresh.as_ref().map(|token| self.store.hash_of(token));
        let park = self.park_of(record).await?;
        // who is owed what waits has shown a token that the connection may have forgotten since
        let is_owed = holds.is_some_and(|hash| park.as_ref().is_some_and(|park| park.from.contains(&hash)));
        let are_its_own = known.contains(&access) && holds.is_none_or(|hash| has_or_had(record, &hash));
        if !is_owed && !are_its_own {
            return Ok(Err(not_its_own()));
        }
        let is_current = holds.is_some() && holds == record.token;
        // an access token alone says less: a provider may give the same one twice
        if known.last() == Some(&access) && (is_current || holds.is_none()) {
            if let Some(park) = park.filter(|_| holds == record.token) {
                // the device has them: the answer that they were in arrived, although nobody could know that
                self.store.end_park(&record.id, park.generation, None).await?;
            }
            let refresh_token = job.refresh.clone().filter(|_| is_current);
            let tokens = TokenSet { access_token: Some(job.access.clone()), refresh_token, ..TokenSet::default() };
            return Ok(Ok((Content { tokens, ..content }, false)));
        }
        match park {
            Some(park) if is_current || is_owed => {
                if park.is_over() {
                    return self.overdue(record, &content.connection, &park).await.map(Err);
                }
                let tokens = self.parked(&park).await?.tokens;
                Ok(Ok((Content { tokens, ..content }, true)))
            }
            // what a job shows that brings no refresh token says nothing of whether the device has the newer ones
            Some(park) if holds.is_none() => {
                if park.is_over() {
                    return self.overdue(record, &content.connection, &park).await.map(Err);
                }
                Ok(Err(newer_wait()))
            }
            // a provider that gave no new refresh token with the access token that the device has by now
            None if is_current => {
                let tokens = TokenSet { refresh_token: job.refresh.clone(), ..TokenSet::default() };
                Ok(Ok((Content { tokens, ..content }, false)))
            }
            _ => Ok(Err(superseded())),
        }
    }
}

/// Whether a connection knows a refresh token as its own.
fn has_or_had(record: &Record, hash: &[u8; 32]) -> bool {
    record.token.as_ref() == Some(hash) || record.metadata.superseded.contains(hash)
}

fn not_its_own() -> Access {
    let message =
        "the tokens are not known as this connection's; they were not used. Send its own, or ask for consent again";
    access::refused(Code::OwnerMismatch, message)
}

fn newer_wait() -> Access {
    let message = "the tokens were replaced by newer ones, which wait for the device: pick them up with the refresh token of these, or \
                   send that with the job";
    access::refused(Code::TokensSuperseded, message)
}

fn superseded() -> Access {
    let message = "the tokens were replaced by newer ones, which the device has; use those";
    access::refused(Code::TokensSuperseded, message)
}
