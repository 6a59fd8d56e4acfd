//! The code is spent, and what it brings is stored.

use std::time::Duration;

use sealpost_schemas::{Code, ExchangeRequest, ExchangeResult, FailureReport};
use sealpost_shared::failure::{Failure, Verdict};
use sealpost_shared::ledger::{Claim, Sending};
use sealpost_shared::oauth::{CodeGrant, OAuthProvider, TokenAnswer, TokenError, exchange_code};
use sealpost_shared::records::Outcome;
use sealpost_shared::tokens::Prepared;
use secrecy::SecretString;

use super::Exchange;
use super::results::{LOOK_AGAIN, answer, busy, code_lost, failed, stored_as};
use crate::step::Attempt;

/// How often a save is tried when the code is already spent, with a pause between.
const SAVES: usize = 10;
const PAUSE: Duration = Duration::from_secs(1);

/// All that a code is spent with.
pub(super) struct TokenCall<'a> {
    pub(super) oauth: &'a OAuthProvider,
    pub(super) secret: SecretString,
    pub(super) grant: CodeGrant<'a>,
    pub(super) place: Prepared,
}

impl Exchange {
    /// Spends the code, under the claim and marked as sent, and stores what it brings.
    pub(super) async fn act(
        &self,
        request: &ExchangeRequest,
        call: TokenCall<'_>,
        claim: &Claim,
        at: Attempt,
    ) -> Result<ExchangeResult, Failure> {
        let Some(sending) = self.ledger.sending(claim).await? else { return Err(busy(request, LOOK_AGAIN)) };
        if !self.ledger.in_time(&sending) {
            self.ledger.unsent(&sending).await?;
            return Err(busy(request, LOOK_AGAIN));
        }
        let TokenCall { oauth, secret, grant, place } = call;
        let tokens = match exchange_code(&self.http, oauth, &secret, &grant, at.now).await {
            Ok(tokens) => tokens,
            Err(error) => return self.not_exchanged(request, &sending, &error).await,
        };
        // RFC 6749 §5.1: an answer without scopes grants those that were asked for
        let asked = request.scopes.as_ref().unwrap_or(&oauth.scopes);
        let scopes = tokens.scopes.clone().unwrap_or_else(|| asked.clone());
        let (outcome, result) = match self.store(&place, request, &tokens, &scopes, at).await {
            Ok(()) => (Outcome::Happened, stored_as(request, scopes, tokens.expires_at)),
            Err(failure) => (Outcome::Refused, failed(request, code_lost(request, &failure))),
        };
        self.settle(request, &sending, outcome, result).await
    }

    /// What became of the request is told, also when it could not be written down: the record says it too.
    async fn settle(
        &self,
        request: &ExchangeRequest,
        sending: &Sending,
        outcome: Outcome,
        result: ExchangeResult,
    ) -> Result<ExchangeResult, Failure> {
        match self.ledger.settle(sending, outcome, &result).await {
            Ok(standing) => answer(request, standing),
            Err(failure) => {
                tracing::error!(request.id = %request.id, reason = failure.message, "exchanged, and not written down");
                Ok(result)
            }
        }
    }

    /// What a failed token call means for the request: whether the code may be spent decides whether it is tried again.
    async fn not_exchanged(
        &self,
        request: &ExchangeRequest,
        sending: &Sending,
        error: &TokenError,
    ) -> Result<ExchangeResult, Failure> {
        let message = format!("exchanging the code at {}: {error}", request.provider);
        let report = match error {
            TokenError::NotSent | TokenError::RateLimited { .. } | TokenError::InvalidClient(_) => {
                self.ledger.unsent(sending).await?;
                return Err(unspent(error, message));
            }
            TokenError::Refused(said) => FailureReport {
                provider_error: Some(said.clone()),
                ..FailureReport::new(Code::InvalidGrant, message, false)
            },
            TokenError::Lost(_) => {
                let message = format!("{message}; the code may be spent, so consent must be given again");
                FailureReport::new(Code::ExchangeOutcomeLost, message, false)
            }
        };
        // nothing was stored, and nothing will be
        self.settle(request, sending, Outcome::Refused, failed(request, report)).await
    }

    /// Saves what the code brought. The code is spent, so this does not give up at the first trouble.
    async fn store(
        &self,
        place: &Prepared,
        request: &ExchangeRequest,
        tokens: &TokenAnswer,
        scopes: &[String],
        at: Attempt,
    ) -> Result<(), Failure> {
        for _ in 1..SAVES {
            match self.keeper.store_consent(place, request.id, tokens, scopes, at.now).await {
                Err(failure) if failure.verdict != Verdict::Reject => tokio::time::sleep(PAUSE).await,
                settled => return settled,
            }
        }
        self.keeper.store_consent(place, request.id, tokens, scopes, at.now).await
    }
}

/// The code is as good as before.
fn unspent(error: &TokenError, message: String) -> Failure {
    match error {
        TokenError::RateLimited { after } => Failure::new(Verdict::Retry { after: *after }, Code::RateLimited, message),
        TokenError::InvalidClient(_) => {
            Failure::retry(Code::InvalidClient, format!("{message}; check client_id and client_secret of its entry"))
        }
        _ => Failure::retry(Code::ProviderUnavailable, message),
    }
}
