//! What goes to the user's device: the tokens of an exchange that asked for it, and parked ones that are picked up.
//!
//! The ledger knows the answer without its tokens. These are added from the park each time it is told, until the device has
//! them: the reply was routed to a queue, and the broker confirmed it.

use sealpost_schemas::{Answer, Code, ExchangeOutcome, ExchangeRequest, ExchangeResult, Grant};
use sealpost_shared::failure::Failure;
use sealpost_shared::ledger::Claim;
use sealpost_shared::tokens::{Handed, HandedOver, Owed, PickUp};
use secrecy::SecretString;
use serde_json::Value;

use super::Exchange;
use super::doubt::patient;
use super::grant::plain;
use super::reply_tokens::{Reply, no_key, tokens};
use super::results::{answer, failed, picked_up_as};
use crate::step::{Emission, FollowUps};

/// What a request is answered, and the tokens that are handed over with that.
pub struct Exchanged {
    result: ExchangeResult,
    events: Vec<Answer>,
    hands_over: Option<HandedOver>,
}

impl FollowUps for Exchanged {
    fn emission(self) -> Result<Emission, serde_json::Error> {
        let emission = Emission::answer(self.result)?;
        Ok(Emission { events: self.events, hands_over: self.hands_over, ..emission })
    }
}

impl Exchanged {
    pub(super) fn of(result: ExchangeResult, events: Vec<Answer>) -> Self {
        Self { result, events, hands_over: None }
    }
}

impl Exchange {
    /// A result as the ledger knows it, with the tokens that wait for who asked.
    pub(super) async fn with_tokens(
        &self,
        request: &ExchangeRequest,
        result: ExchangeResult,
        mut events: Vec<Answer>,
    ) -> Result<Exchanged, Failure> {
        let handed = match result.outcome {
            ExchangeOutcome::OnDevice => {
                match self.keeper.owed(&request.connection(), request.id).await.map_err(patient)? {
                    Owed::Parked(handed) => handed,
                    // who was told before is told the same, and has them
                    Owed::Nothing => return Ok(Exchanged::of(result, events)),
                    Owed::Refused { report, events: more } => {
                        events.extend(more);
                        return Ok(Exchanged::of(failed(request, report), events));
                    }
                }
            }
            ExchangeOutcome::PickedUp => match self.look(request).await.map_err(patient)? {
                PickUp::Parked(handed) => handed,
                // who was told before is told the same, and has them
                PickUp::Refused { report, .. }
                    if matches!(report.code, Code::TokensSuperseded | Code::NothingParked) =>
                {
                    return Ok(Exchanged::of(result, events));
                }
                PickUp::Refused { report, events: more } => {
                    events.extend(more);
                    return Ok(Exchanged::of(failed(request, report), events));
                }
            },
            ExchangeOutcome::Stored | ExchangeOutcome::Failed => return Ok(Exchanged::of(result, events)),
        };
        let Handed { which, tokens: set, reply_key, metadata, .. } = *handed;
        let known: Option<Value> = reply_key.and_then(|text| serde_json::from_str(&text).ok());
        let connection = request.connection();
        let reply_key = request.reply_key.as_ref().or(known.as_ref());
        let must_seal = self.require_sealed;
        let tokens = tokens(Reply { to: reply_key, must_seal, request: request.id, connection: &connection }, &set)?;
        // newer ones may have come while nobody was answered
        let (scopes, expires_at) = (Some(metadata.scopes), metadata.access_expires_at);
        let result = ExchangeResult { tokens, scopes, expires_at, ..result };
        Ok(Exchanged { result, events, hands_over: Some(which) })
    }

    /// Answers who holds the tokens that the parked ones replace; nobody else, and nothing changes then.
    pub(super) async fn pick_up(
        &self,
        request: &ExchangeRequest,
        claim: &Claim,
        events: &mut Vec<Answer>,
    ) -> Result<ExchangeResult, Failure> {
        match self.look(request).await {
            Ok(PickUp::Parked(handed))
                if self.require_sealed && request.reply_key.is_none() && handed.reply_key.is_none() =>
            {
                self.declined(request, claim, no_key()).await
            }
            Ok(PickUp::Parked(handed)) => {
                let result = picked_up_as(request, &handed);
                answer(request, self.ledger.kept(claim, &result).await?)
            }
            Ok(PickUp::Refused { report, events: more }) => {
                events.extend(more);
                self.declined(request, claim, report).await
            }
            Err(failure) => {
                self.ledger.give_up(claim).await;
                Err(failure)
            }
        }
    }

    async fn look(&self, request: &ExchangeRequest) -> Result<PickUp, Failure> {
        let token = held(request)?;
        self.keeper.pick_up(&request.connection(), &self.provider(request)?.oauth, token).await
    }
}

/// Whether tokens are asked for, so that there must be somebody to answer.
pub(super) fn wants_tokens(request: &ExchangeRequest) -> bool {
    request.store_on_device || is_pickup(request)
}

pub(super) fn is_pickup(request: &ExchangeRequest) -> bool {
    matches!(request.grant, Grant::Pickup(_))
}

/// The refresh token that a pickup shows; of another grant nothing is asked.
pub(super) fn held(request: &ExchangeRequest) -> Result<&SecretString, Failure> {
    match &request.grant {
        Grant::Pickup(held) => plain(&held.refresh_token, "grant.refresh_token"),
        _ => Err(super::grant::no_pickup()),
    }
}
