//! `exchange-requests`: consent in, a connection out.
//!
//! The authorization code is spent last: everything that can fail without it fails first.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::Client;
use sealpost_schemas::{Code, ExchangeOutcome, ExchangeRequest, ExchangeResult, FailureReport, Grant, Message, Secret};
use sealpost_shared::clock::SystemClock;
use sealpost_shared::failure::{Failure, Verdict};
use sealpost_shared::ids;
use sealpost_shared::ledger::{Claim, Doubt, Ledger, Sending, Standing, Turn};
use sealpost_shared::oauth::{CodeGrant, OAuthProvider, TokenAnswer, TokenError, exchange_code};
use sealpost_shared::records::Outcome;
use sealpost_shared::tokens::{Prepared, TokenKeeper};
use secrecy::SecretString;

use crate::providers::{Catalogue, Provider};
use crate::step::{Attempt, Step, deadline_passed};

/// How often a save is tried when the code is already spent, with a pause between.
const SAVES: usize = 10;
const PAUSE: Duration = Duration::from_secs(1);

/// How long a request waits that may be under way elsewhere.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// The name of its ledger.
pub const LEDGER: &str = "exchange-request";

/// The step.
pub struct Exchange {
    /// Where connections are kept.
    pub keeper: Arc<TokenKeeper>,
    /// What became of each request.
    pub ledger: Ledger<SystemClock>,
    /// The providers.
    pub catalogue: Arc<Catalogue>,
    /// The HTTP client.
    pub http: Client,
}

impl Step for Exchange {
    type Input = ExchangeRequest;
    type Output = ExchangeResult;
    const JUDGES_DEADLINE: bool = true;

    async fn run(&self, request: &ExchangeRequest, at: Attempt) -> Result<ExchangeResult, Failure> {
        let provider = self.provider(request)?;
        let grant = code_grant(request)?;
        if let Some(refusal) = from_another_issuer(request, provider) {
            return Ok(failed(request, refusal));
        }
        match self.ledger.begin(&request.owner, request.id, request).await? {
            Turn::Act(claim) if request.deadline.is_some_and(|deadline| deadline < at.now) => {
                self.ledger.give_up(&claim).await;
                Ok(failed(request, deadline_passed()))
            }
            Turn::Act(claim) => match self.prepared(request, &provider.oauth, claim.epoch).await {
                Ok((secret, place)) => {
                    let call = TokenCall { oauth: &provider.oauth, secret, grant, place };
                    self.act(request, call, &claim, at).await
                }
                Err(failure) => {
                    self.ledger.give_up(&claim).await;
                    Err(failure)
                }
            },
            Turn::Settled(standing) => answer(request, standing),
            Turn::Doubt(doubt) => self.doubt(request, &doubt).await,
            Turn::Busy(after) => Err(busy(request, after)),
            Turn::Reused => {
                let message = "another request of this owner has this id; give each request an id of its own";
                Err(Failure::reject(Code::IdReused, message))
            }
        }
    }
}

/// All that a code is spent with.
struct TokenCall<'a> {
    oauth: &'a OAuthProvider,
    secret: SecretString,
    grant: CodeGrant<'a>,
    place: Prepared,
}

impl Exchange {
    /// What can fail without the code.
    async fn prepared(
        &self,
        request: &ExchangeRequest,
        oauth: &OAuthProvider,
        epoch: u64,
    ) -> Result<(SecretString, Prepared), Failure> {
        let secret = oauth.client_secret().map_err(|why| Failure::retry(Code::InvalidClient, why))?;
        Ok((secret, self.keeper.prepare(&request.connection()).await?.in_epoch(epoch)))
    }

    /// Spends the code, under the claim and marked as sent, and stores what it brings.
    async fn act(
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

    /// The code was sent, and nobody is there to say how it ended. It is not sent again: a second use would make the
    /// provider end what the first one began (RFC 6749 §4.1.2). What was stored names the request.
    async fn doubt(&self, request: &ExchangeRequest, doubt: &Doubt) -> Result<ExchangeResult, Failure> {
        if !doubt.left.is_zero() {
            return Err(busy(request, doubt.left.min(LOOK_AGAIN)));
        }
        let place = self.keeper.prepare(&request.connection()).await?;
        if let Some(stored) = place.stored_by(request.id) {
            let result = stored_as(request, stored.scopes.clone(), stored.access_expires_at);
            return answer(request, self.ledger.found(doubt, &result).await?);
        }
        let message = "the code was sent, and its answer was lost with the worker; consent must be given again";
        let lost = failed(request, FailureReport::new(Code::ExchangeOutcomeLost, message, false));
        // should its sender still come with an answer, that is the later truth
        self.ledger.resolve(&request.owner, request.id, Outcome::Refused, &lost).await?;
        Ok(lost)
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

    fn provider(&self, request: &ExchangeRequest) -> Result<&Provider, Failure> {
        let unknown = || format!("provider {} is not in the catalogue; add its entry, then replay", request.provider);
        self.catalogue.get(&request.provider).ok_or_else(|| Failure::reject(Code::UnknownProvider, unknown()))
    }
}

fn code_grant(request: &ExchangeRequest) -> Result<CodeGrant<'_>, Failure> {
    let not_supported = |what: &str| Failure::reject(Code::NotSupported, format!("{what} is not done by this version"));
    if request.store_on_device {
        return Err(not_supported("store_on_device"));
    }
    match &request.grant {
        Grant::AuthorizationCode(grant) => Ok(CodeGrant {
            code: plain(&grant.code, "grant.code")?,
            code_verifier: plain(&grant.code_verifier, "grant.code_verifier")?,
            redirect_uri: &grant.redirect_uri,
        }),
        Grant::OnBehalfOf(_) => Err(not_supported("grant on_behalf_of")),
        Grant::RefreshToken(_) => Err(not_supported("grant refresh_token")),
        Grant::Pickup(_) => Err(not_supported("grant pickup")),
    }
}

fn plain<'a>(secret: &'a Secret, field: &str) -> Result<&'a SecretString, Failure> {
    let sealed = || Failure::reject(Code::NotSupported, format!("{field} is sealed, which this version cannot open"));
    secret.plain().ok_or_else(sealed)
}

/// RFC 9207: a code that came from another issuer is not sent to this one.
fn from_another_issuer(request: &ExchangeRequest, provider: &Provider) -> Option<FailureReport> {
    let Grant::AuthorizationCode(grant) = &request.grant else { return None };
    let (came_from, ours) = (grant.iss.as_ref()?, provider.oauth.issuer.as_ref()?);
    let message = "the code came from another issuer than the provider's; it was not sent";
    (came_from != ours).then(|| FailureReport::new(Code::InvalidGrant, message, false))
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

/// The answer that the ledger knows. One that contradicts what was told before is the truth: it came from the provider.
fn answer(request: &ExchangeRequest, standing: Standing<ExchangeResult>) -> Result<ExchangeResult, Failure> {
    match standing {
        Standing::Done(result) | Standing::Conflict(result) => Ok(result),
        Standing::Unknown | Standing::Open => Err(busy(request, LOOK_AGAIN)),
    }
}

fn busy(request: &ExchangeRequest, after: Duration) -> Failure {
    let message = format!("request {} is under way elsewhere, or may be; it is looked at again", request.id);
    Failure::defer(after, Code::UnderWay, message)
}

fn code_lost(request: &ExchangeRequest, failure: &Failure) -> FailureReport {
    let (at, why) = (&request.provider, &failure.message);
    let message = format!("the code was exchanged at {at}, but not stored: {why}; consent must be given again");
    FailureReport::new(Code::ExchangeOutcomeLost, message, false)
}

fn stored_as(request: &ExchangeRequest, scopes: Vec<String>, expires_at: Option<Timestamp>) -> ExchangeResult {
    let result = request.result(result_id(request, "stored"), ExchangeOutcome::Stored);
    ExchangeResult { scopes: Some(scopes), expires_at, ..result }
}

fn failed(request: &ExchangeRequest, failure: FailureReport) -> ExchangeResult {
    let result = request.result(result_id(request, failure.code.as_str()), ExchangeOutcome::Failed);
    ExchangeResult { failure: Some(failure), ..result }
}

fn result_id(request: &ExchangeRequest, outcome: &str) -> uuid::Uuid {
    ids::follow_up(Some(&request.owner), request.id, ExchangeResult::NAME, outcome)
}
