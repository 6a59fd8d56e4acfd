//! The code, assertion or refresh token is spent, and what it brings is stored.

use std::time::Instant;

use sealpost_schemas::{Code, ExchangeRequest, ExchangeResult, FailureReport};
use sealpost_shared::failure::{Failure, Verdict};
use sealpost_shared::ledger::{Claim, Sending, Standing};
use sealpost_shared::metrics;
use sealpost_shared::oauth::{Credential, OAuthProvider, RefreshError, TokenError, exchange_code, on_behalf_of};
use sealpost_shared::pace::{Endpoint, Line};
use sealpost_shared::records::Outcome;
use sealpost_shared::tokens::{ConsentTurn, Prepared, meaning};
use secrecy::SecretString;

use super::Exchange;
use super::grant::{Spent, no_pickup};
use super::results::{LOOK_AGAIN, answer, busy, failed, stored_as};
use crate::step::Attempt;

/// All that a code, an assertion or a refresh token is spent with.
pub(super) struct TokenCall<'a> {
    pub(super) oauth: &'a OAuthProvider,
    pub(super) credential: Credential,
    pub(super) spent: Spent<'a>,
    pub(super) nonce: Option<&'a SecretString>,
    pub(super) place: Prepared,
}

impl Exchange {
    /// Spends the code, assertion or refresh token, under the claim and marked as sent, and stores what it brings. Nobody
    /// revokes the connection meanwhile, so that a receipt that says deleted is true of these tokens too.
    pub(super) async fn act(
        &self,
        request: &ExchangeRequest,
        call: TokenCall<'_>,
        claim: &Claim,
        at: Attempt,
    ) -> Result<ExchangeResult, Failure> {
        let Some(mut turn) = self.keeper.consent_turn(&request.connection()).await? else {
            self.ledger.give_up(claim).await;
            return Err(busy(request, LOOK_AGAIN));
        };
        let result = self.act_in_turn(request, call, claim, (at, &mut turn)).await;
        self.keeper.end_consent_turn(turn).await;
        result
    }

    async fn act_in_turn(
        &self,
        request: &ExchangeRequest,
        call: TokenCall<'_>,
        claim: &Claim,
        (at, turn): (Attempt, &mut ConsentTurn),
    ) -> Result<ExchangeResult, Failure> {
        let pass = match self.paces.pass(&request.provider, Endpoint::Token, Line::Beside).await {
            Ok(pass) => pass,
            Err(failure) => {
                self.ledger.give_up(claim).await;
                return Err(failure);
            }
        };
        let Some(sending) = self.ledger.sending(claim).await? else { return Err(busy(request, LOOK_AGAIN)) };
        if !self.ledger.in_time(&sending) || !self.keeper.in_turn(turn) {
            self.ledger.unsent(&sending).await?;
            return Err(busy(request, LOOK_AGAIN));
        }
        // RFC 6749 §5.1: an answer without scopes grants those that were asked for
        let asked = request.scopes.as_ref().unwrap_or(&call.oauth.scopes);
        let (TokenCall { oauth, credential, .. }, times) = (&call, (self.keeper.limit(), at.now));
        let began = Instant::now();
        let answer = match call.spent {
            Spent::Code(grant) => exchange_code(&pass, oauth, credential, &grant, times).await,
            Spent::Assertion(token) => on_behalf_of(&pass, oauth, credential, (token, asked), times).await,
            Spent::Nothing => return Err(no_pickup()),
            Spent::Token(token) => {
                match self.keeper.spend(&request.provider, oauth, (credential, token), &pass).await {
                    Ok(tokens) => Ok(tokens),
                    Err(error) => {
                        if let RefreshError::Lost(_) = error {
                            turn.run_out();
                        }
                        return self.not_refreshed(request, &sending, error).await;
                    }
                }
            }
        };
        if let Some(grant) = call.spent.counted() {
            let outcome = answer.as_ref().map_or_else(TokenError::label, |_| "ok");
            metrics::token_call(request.provider.as_str(), grant, outcome, began.elapsed());
        }
        let tokens = match answer {
            Ok(tokens) => tokens,
            Err(error) => {
                if let TokenError::Lost(_) = error {
                    turn.run_out();
                }
                return self.not_exchanged(request, (&sending, call.spent.name()), error).await;
            }
        };
        let scopes = tokens.scopes.clone().unwrap_or_else(|| asked.clone());
        let (outcome, result) = match self.keep(request, &call, (&tokens, &scopes), (at, turn)).await {
            Err(failure) => {
                // whether it is stored is not known: a redelivery looks
                self.ledger.lost(&sending).await?;
                return Err(failure);
            }
            Ok(Ok(subject)) => (Outcome::Happened, stored_as(request, scopes, tokens.expires_at, subject.as_ref())),
            Ok(Err(report)) => (Outcome::Refused, failed(request, report)),
        };
        self.settle(request, &sending, outcome, result).await
    }

    /// What became of the request is told, also when it could not be written down: the record says it too.
    pub(super) async fn settle(
        &self,
        request: &ExchangeRequest,
        sending: &Sending,
        outcome: Outcome,
        result: ExchangeResult,
    ) -> Result<ExchangeResult, Failure> {
        match self.ledger.settle(sending, outcome, &result).await {
            // an earlier request may have been carried out; should its sender still come, that is the later truth
            Ok(Standing::Unknown) if sending.doubtful && outcome == Outcome::Refused => {
                let counts = self.ledger.conclude(sending, outcome, &result).await?;
                if counts { Ok(result) } else { Err(busy(request, LOOK_AGAIN)) }
            }
            Ok(standing) => answer(request, standing),
            Err(failure) => {
                tracing::error!(request.id = %request.id, reason = failure.message, "exchanged, and not written down");
                Ok(result)
            }
        }
    }

    /// What a failed token call means for the request: whether what was sent may be spent decides whether it is tried again.
    async fn not_exchanged(
        &self,
        request: &ExchangeRequest,
        (sending, what): (&Sending, &str),
        error: TokenError,
    ) -> Result<ExchangeResult, Failure> {
        let message = format!("exchanging the {what} at {}: {error}", request.provider);
        let report = match error {
            TokenError::NotSent | TokenError::RateLimited { .. } | TokenError::InvalidClient(_) => {
                self.ledger.unsent(sending).await?;
                return Err(unspent(&error, message));
            }
            TokenError::Refused(said) => {
                let report = FailureReport::new(meaning(&said), message, false);
                FailureReport { provider_error: Some(Box::new(said)), ..report }
            }
            TokenError::Lost(_) => {
                let message = format!("{message}; the {what} may be spent, so consent must be given again");
                FailureReport::new(Code::ExchangeOutcomeLost, message, false)
            }
        };
        // nothing was stored, and nothing will be
        self.settle(request, sending, Outcome::Refused, failed(request, report)).await
    }
}

/// What was sent is as good as before.
fn unspent(error: &TokenError, message: String) -> Failure {
    match error {
        TokenError::RateLimited { after } => Failure::new(Verdict::Retry { after: *after }, Code::RateLimited, message),
        TokenError::InvalidClient(_) => Failure::retry(
            Code::InvalidClient,
            format!("{message}; check client_id and client_secret (or key and certificate) of its entry"),
        ),
        _ => Failure::retry(Code::ProviderUnavailable, message),
    }
}
