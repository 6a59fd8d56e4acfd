//! `exchange-requests`: consent in, a connection out.
//!
//! The authorization code is spent last: everything that can fail without it fails first.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::Client;
use sealpost_schemas::{Code, ExchangeOutcome, ExchangeRequest, ExchangeResult, FailureReport, Grant, Message, Secret};
use sealpost_shared::failure::{Failure, Verdict};
use sealpost_shared::ids;
use sealpost_shared::oauth::{CodeGrant, TokenAnswer, TokenError, exchange_code};
use sealpost_shared::tokens::{Prepared, TokenKeeper};
use secrecy::SecretString;

use crate::providers::{Catalogue, Provider};
use crate::step::{Attempt, Step};

/// How often a save is tried when the code is already spent, with a pause between.
const SAVES: usize = 10;
const PAUSE: Duration = Duration::from_secs(1);

/// The step.
pub struct Exchange {
    /// Where connections are kept.
    pub keeper: Arc<TokenKeeper>,
    /// The providers.
    pub catalogue: Arc<Catalogue>,
    /// The HTTP client.
    pub http: Client,
}

impl Step for Exchange {
    type Input = ExchangeRequest;
    type Output = ExchangeResult;

    async fn run(&self, request: &ExchangeRequest, at: Attempt) -> Result<ExchangeResult, Failure> {
        let provider = self.provider(request)?;
        let grant = code_grant(request)?;
        if let Some(refusal) = from_another_issuer(request, provider) {
            return Ok(failed(request, refusal));
        }
        let secret = provider.oauth.client_secret().map_err(|why| Failure::retry(Code::InvalidClient, why))?;
        let place = self.keeper.prepare(&request.connection()).await?;
        if let Some(stored) = place.stored_by(request.id) {
            // a second use of its code would make the provider end what the first one began (RFC 6749 §4.1.2)
            return Ok(stored_as(request, stored.scopes.clone(), stored.access_expires_at));
        }
        let tokens = match exchange_code(&self.http, &provider.oauth, &secret, &grant, at.now).await {
            Ok(tokens) => tokens,
            Err(error) => return not_exchanged(request, &error),
        };
        // RFC 6749 §5.1: an answer without scopes grants those that were asked for
        let asked = request.scopes.as_ref().unwrap_or(&provider.oauth.scopes);
        let scopes = tokens.scopes.clone().unwrap_or_else(|| asked.clone());
        if let Err(failure) = self.store(&place, request, &tokens, &scopes, at).await {
            return Ok(failed(request, code_lost(request, &failure)));
        }
        Ok(stored_as(request, scopes, tokens.expires_at))
    }
}

impl Exchange {
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

/// What a failed token call means for the request: whether the code may be spent decides whether it is tried again.
fn not_exchanged(request: &ExchangeRequest, error: &TokenError) -> Result<ExchangeResult, Failure> {
    let message = format!("exchanging the code at {}: {error}", request.provider);
    match error {
        TokenError::NotSent => Err(Failure::retry(Code::ProviderUnavailable, message)),
        TokenError::RateLimited { after } => {
            Err(Failure::new(Verdict::Retry { after: *after }, Code::RateLimited, message))
        }
        TokenError::InvalidClient(_) => {
            let message = format!("{message}; check client_id and client_secret of its entry");
            Err(Failure::retry(Code::InvalidClient, message))
        }
        TokenError::Refused(said) => {
            let report = FailureReport::new(Code::InvalidGrant, message, false);
            Ok(failed(request, FailureReport { provider_error: Some(said.clone()), ..report }))
        }
        TokenError::Lost(_) => {
            let message = format!("{message}; the code may be spent, so consent must be given again");
            Ok(failed(request, FailureReport::new(Code::ExchangeOutcomeLost, message, false)))
        }
    }
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
