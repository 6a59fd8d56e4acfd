//! A refresh token that another system held: refused where a connection has or had it, else refreshed once and stored.
//!
//! An answer that is lost may have spent the token. It is sent again all the same, when the claim of its first sender is
//! over: if the first request never arrived it works, and if it did there is nothing left to lose, since nobody holds what
//! that answer brought. So only the provider's word decides.

use std::time::Duration;

use sealpost_schemas::{Code, ExchangeRequest, ExchangeResult, FailureReport};
use sealpost_shared::failure::Failure;
use sealpost_shared::ids;
use sealpost_shared::ledger::{Claim, Sending};
use sealpost_shared::oauth::RefreshError;
use sealpost_shared::records::Outcome;
use sealpost_shared::tokens::{Brought, meaning, unspent};
use secrecy::SecretString;

use super::Exchange;
use super::act::TokenCall;
use super::results::{answer, busy, failed, stored_as};
use crate::step::Attempt;

/// How long a request waits whose token somebody else brings in.
const WAIT: Duration = Duration::from_secs(5);

impl Exchange {
    /// Brings a refresh token in, if no connection has or had it.
    pub(super) async fn import(
        &self,
        request: &ExchangeRequest,
        (call, token): (TokenCall<'_>, &SecretString),
        claim: &Claim,
        at: Attempt,
    ) -> Result<ExchangeResult, Failure> {
        let by = ids::follow_up(Some(&request.owner), request.id, "import", "");
        let failure = match self.keeper.bring(&request.connection(), token, by).await {
            Ok(Brought::Free(lease)) => {
                let result = self.act(request, call, claim, at).await;
                // a request that is not done keeps its turn; it may be under way still
                if result.is_ok() {
                    self.keeper.end_bringing(lease).await;
                }
                return result;
            }
            Ok(Brought::Busy) => busy(request, WAIT),
            Ok(Brought::OnDevice) => {
                return self
                    .declined(request, claim, held("is this connection's, whose tokens rest with the user"))
                    .await;
            }
            Ok(Brought::Kept(..)) if request.store_on_device => {
                return self.declined(request, claim, held("is this connection's, whose tokens rest here")).await;
            }
            Ok(Brought::Kept(kept, subject)) => {
                let result = stored_as(request, kept.scopes, kept.access_expires_at, subject.as_ref());
                return answer(request, self.ledger.kept(claim, &result).await?);
            }
            Ok(Brought::Held) => return self.declined(request, claim, held("is or was another connection's")).await,
            Ok(Brought::Spent) => {
                return self.declined(request, claim, held("was this connection's before, and is spent")).await;
            }
            Err(failure) => failure,
        };
        self.ledger.give_up(claim).await;
        Err(failure)
    }

    /// What a failed refresh means for the request: the token may be spent only where that is what it says.
    pub(super) async fn not_refreshed(
        &self,
        request: &ExchangeRequest,
        sending: &Sending,
        error: RefreshError,
    ) -> Result<ExchangeResult, Failure> {
        let message = format!("refreshing the token at {}: {error}", request.provider);
        let said = match error {
            RefreshError::Dead(said) => said,
            RefreshError::Lost(_) => {
                self.ledger.lost(sending).await?;
                return Err(Failure::retry(Code::ProviderUnavailable, message));
            }
            error => {
                self.ledger.unsent(sending).await?;
                return Err(unspent(&error, message));
            }
        };
        let report = if sending.doubtful {
            let message = format!("{message}; the answer to an earlier request was lost, and its token is spent");
            FailureReport::new(Code::ExchangeOutcomeLost, message, false)
        } else {
            FailureReport::new(meaning(&said), message, false)
        };
        let report = FailureReport { provider_error: Some(Box::new(said)), ..report };
        self.settle(request, sending, Outcome::Refused, failed(request, report)).await
    }
}

fn held(why: &str) -> FailureReport {
    let message = format!("this refresh token {why}; it was not sent. Ask the user for consent instead");
    FailureReport::new(Code::TokenHeld, message, false)
}
