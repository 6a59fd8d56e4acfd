//! `exchange-requests`: consent in, a connection out.
//!
//! The authorization code is spent last: everything that can fail without it fails first.

mod act;
mod doubt;
mod grant;
mod import;
mod keep;
mod results;

use std::sync::Arc;

use reqwest::Client;
use sealpost_schemas::{Code, ExchangeRequest, ExchangeResult, FailureReport};
use sealpost_shared::clock::SystemClock;
use sealpost_shared::failure::Failure;
use sealpost_shared::ledger::{Claim, Ledger, Turn};
use sealpost_shared::oauth::{JwksError, OAuthProvider};
use sealpost_shared::tokens::{Prepared, TokenKeeper};
use secrecy::SecretString;
use serde_json::Value;

use self::act::TokenCall;
pub(crate) use self::grant::problem_of as problem_of_scopes;
use self::grant::{Spent, from_another_issuer, nonce, spent};
use self::results::{answer, busy, failed};
use crate::providers::{Catalogue, Provider};
use crate::step::{Attempt, Step, deadline_passed};

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
        // what was sent before counts, also where the catalogue does not take it any more
        match (self.ledger.begin(&request.owner, request.id, &decoded(request)).await?, self.sent(request)) {
            (Turn::Act(claim), Err(failure)) => {
                self.ledger.give_up(&claim).await;
                Err(failure)
            }
            (Turn::Act(claim), Ok(sent)) => match self.refusal(request, at) {
                Some(refusal) => answer(request, self.ledger.decline(&claim, &failed(request, refusal)).await?),
                None => self.begin(request, sent, &claim, at).await,
            },
            (Turn::Settled(standing), _) => answer(request, standing),
            (Turn::Doubt(doubt), sent) => self.doubt(request, sent, &doubt, at).await,
            (Turn::Busy(after), _) => Err(busy(request, after)),
            (Turn::Reused, _) => {
                let message = "another request of this owner has this id; give each request an id of its own";
                Err(Failure::reject(Code::IdReused, message))
            }
        }
    }
}

impl Exchange {
    /// Spends what the request brings, if everything that can fail without it works.
    async fn begin(
        &self,
        request: &ExchangeRequest,
        (oauth, spent): (&OAuthProvider, Spent<'_>),
        claim: &Claim,
        at: Attempt,
    ) -> Result<ExchangeResult, Failure> {
        let prepared = async {
            let nonce = nonce(request)?;
            let (secret, place) = self.prepared(request, oauth, claim.epoch).await?;
            Ok(TokenCall { oauth, secret, spent, nonce, place })
        };
        match (prepared.await, spent) {
            (Ok(call), Spent::Code(_)) => self.act(request, call, claim, at).await,
            (Ok(call), Spent::Token(token)) => self.import(request, (call, token), claim, at).await,
            (Err(failure), _) => {
                self.ledger.give_up(claim).await;
                Err(failure)
            }
        }
    }

    /// What can fail without the code or refresh token.
    async fn prepared(
        &self,
        request: &ExchangeRequest,
        oauth: &OAuthProvider,
        epoch: u64,
    ) -> Result<(SecretString, Prepared), Failure> {
        let secret = oauth.client_secret().map_err(|why| Failure::retry(Code::InvalidClient, why))?;
        let no_keys = |why: JwksError| Failure::retry(Code::ProviderUnavailable, format!("{why}; nothing was spent"));
        self.keeper.id_tokens().prepare(oauth).await.map_err(no_keys)?;
        Ok((secret, self.keeper.prepare(&request.connection()).await?.in_epoch(epoch)))
    }

    /// What is to be sent, and to whom.
    fn sent<'a>(&'a self, request: &'a ExchangeRequest) -> Result<(&'a OAuthProvider, Spent<'a>), Failure> {
        Ok((&self.provider(request)?.oauth, spent(request)?))
    }

    /// Why it is not sent.
    fn refusal(&self, request: &ExchangeRequest, at: Attempt) -> Option<FailureReport> {
        let is_late = request.deadline.is_some_and(|deadline| deadline < at.now);
        let provider = self.catalogue.get(&request.provider)?;
        from_another_issuer(request, provider).or_else(|| is_late.then(deadline_passed))
    }

    fn provider(&self, request: &ExchangeRequest) -> Result<&Provider, Failure> {
        let unknown = || format!("provider {} is not in the catalogue; add its entry, then replay", request.provider);
        self.catalogue.get(&request.provider).ok_or_else(|| Failure::reject(Code::UnknownProvider, unknown()))
    }
}

/// The request as its ledger knows it: the order of fields in a JSON object says nothing.
fn decoded(request: &ExchangeRequest) -> ExchangeRequest {
    let mut request = request.clone();
    request.reply_key.iter_mut().for_each(Value::sort_all_objects);
    request
}
