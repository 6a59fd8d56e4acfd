//! `exchange-requests`: consent in, a connection out.
//!
//! The authorization code (or assertion) is spent last: everything that can fail without it fails first.

mod act;
mod device;
mod doubt;
mod grant;
mod import;
mod keep;
mod reply_tokens;
mod results;

use std::borrow::Cow;
use std::sync::Arc;

use sealpost_schemas::{Answer, Code, ExchangeRequest, ExchangeResult, FailureReport};
use sealpost_shared::clock::SystemClock;
use sealpost_shared::failure::Failure;
use sealpost_shared::ledger::{Claim, Ledger, Turn};
use sealpost_shared::oauth::{Credential, JwksError, OAuthProvider};
use sealpost_shared::pace::Paces;
use sealpost_shared::tokens::{HandedOver, Prepared, TokenKeeper};
use serde_json::Value;

use self::act::TokenCall;
pub use self::device::Exchanged;
use self::device::{is_pickup, wants_tokens};
pub(crate) use self::grant::problem_of as problem_of_scopes;
use self::grant::{Spent, from_another_issuer, no_pickup, nonce, of_another_owner, spent, takes_assertions};
use self::reply_tokens::{no_key, problem_of_key};
use self::results::{answer, busy, failed};
use crate::places::Places;
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
    /// The passes to providers.
    pub paces: Paces,
    /// How many of a worker's places one provider's requests may have.
    pub places: Places,
    /// Whether tokens in answers must be sealed to the client's key.
    pub require_sealed: bool,
}

impl Step for Exchange {
    type Input = ExchangeRequest;
    type Output = Exchanged;
    const JUDGES_DEADLINE: bool = true;

    async fn run(&self, request: &ExchangeRequest, at: Attempt) -> Result<Exchanged, Failure> {
        // one that is late, or a pickup, calls nobody and needs none
        let late = request.deadline.is_some_and(|deadline| deadline < at.now);
        let _place = if late || is_pickup(request) { None } else { self.places.take(&request.provider).await? };
        let mut events = Vec::new();
        match Box::pin(self.turn(request, at, &mut events)).await {
            Ok(result) => self.with_tokens(request, result, events).await,
            Err(failure) => Err(failure.with_events(events)),
        }
    }

    async fn handed_over(&self, which: &HandedOver) -> Result<(), Failure> {
        self.keeper.handed_over(which).await
    }
}

impl Exchange {
    /// What this delivery has to do. The result is without tokens.
    async fn turn(
        &self,
        request: &ExchangeRequest,
        at: Attempt,
        events: &mut Vec<Answer>,
    ) -> Result<ExchangeResult, Failure> {
        // what was sent before counts, also where the catalogue does not take it any more
        match (self.ledger.begin(&request.owner, request.id, &decoded(request)).await?, self.sent(request)) {
            // a refusal like that of an assertion which names another: not put aside, where its secrets would lie
            (Turn::Act(claim), Err(failure)) if failure.code == Code::OwnerMismatch => {
                self.declined(request, &claim, failure.report()).await
            }
            (Turn::Act(claim), Err(failure)) => {
                self.ledger.give_up(&claim).await;
                Err(failure)
            }
            (Turn::Act(claim), Ok((oauth, spent))) => match self.refusal(request, at) {
                Some(refusal) => self.declined(request, &claim, refusal).await,
                None if is_pickup(request) => self.pick_up(request, &claim, events).await,
                None => self.begin(request, (&oauth, spent), &claim, at).await,
            },
            (Turn::Settled(standing), _) => answer(request, standing),
            (Turn::Doubt(doubt), sent) => Box::pin(self.doubt(request, sent, &doubt, at)).await,
            (Turn::Busy(after), _) => Err(busy(request, after)),
            (Turn::Reused, _) => {
                let message = "another request of this owner has this id; give each request an id of its own";
                Err(Failure::reject(Code::IdReused, message))
            }
        }
    }

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
            let (credential, place) = self.prepared(request, oauth, claim.epoch).await?;
            let epoch = self.keeper.store().epoch(&request.owner).await?;
            Ok((TokenCall { oauth, credential, spent, nonce, place }, epoch))
        };
        match (prepared.await, spent) {
            (Ok((_, epoch)), _) if epoch != claim.epoch => self.declined(request, claim, revoked()).await,
            (Ok((call, _)), Spent::Code(_) | Spent::Assertion(_)) => self.act(request, call, claim, at).await,
            (Ok(_), Spent::Nothing) => {
                self.ledger.give_up(claim).await;
                Err(no_pickup())
            }
            (Ok((call, _)), Spent::Token(token)) => self.import(request, (call, token), claim, at).await,
            (Err(failure), _) => {
                self.ledger.give_up(claim).await;
                Err(failure)
            }
        }
    }

    /// Nothing was sent under this claim, and nothing will be. What is told now is told again, whatever changes meanwhile.
    async fn declined(
        &self,
        request: &ExchangeRequest,
        claim: &Claim,
        report: FailureReport,
    ) -> Result<ExchangeResult, Failure> {
        let refused = failed(request, report);
        match self.ledger.decline(claim, &refused).await {
            Ok(standing) => answer(request, standing),
            // there is no key to note it with: nothing was sent, and what the request brought must not lie about meanwhile
            Err(failure)
                if matches!(failure.code, Code::KeyMissing | Code::KeyDisabled | Code::KeySourceUnavailable) =>
            {
                self.ledger.give_up(claim).await;
                Ok(refused)
            }
            Err(failure) => Err(failure),
        }
    }

    /// What can fail without the code, assertion or refresh token.
    async fn prepared(
        &self,
        request: &ExchangeRequest,
        oauth: &OAuthProvider,
        epoch: u64,
    ) -> Result<(Credential, Prepared), Failure> {
        let credential = self.keeper.credential(oauth).await?;
        let no_keys = |why: JwksError| Failure::retry(Code::ProviderUnavailable, format!("{why}; nothing was spent"));
        self.keeper.id_tokens().prepare(oauth).await.map_err(no_keys)?;
        Ok((credential, self.keeper.prepare(&request.connection()).await?.in_epoch(epoch)))
    }

    /// What is to be sent, and to whom.
    fn sent<'a>(&'a self, request: &'a ExchangeRequest) -> Result<(Cow<'a, OAuthProvider>, Spent<'a>), Failure> {
        let (oauth, spent) = (&self.provider(request)?.oauth, spent(request)?);
        if let Spent::Assertion(_) = spent {
            takes_assertions(oauth)?;
        }
        let oauth = oauth.of_tenant(&request.owner.tenant);
        Ok((oauth.map_err(|why| Failure::reject(Code::OwnerMismatch, why))?, spent))
    }

    /// Why it is not sent.
    fn refusal(&self, request: &ExchangeRequest, at: Attempt) -> Option<FailureReport> {
        let is_late = request.deadline.is_some_and(|deadline| deadline < at.now);
        let provider = self.catalogue.get(&request.provider)?;
        let another = || of_another_owner(request);
        if wants_tokens(request) && !at.reply.is_confirmed() {
            return Some(nowhere_to_answer());
        }
        // the connection's own key may serve for a pickup
        if request.store_on_device && self.require_sealed && request.reply_key.is_none() {
            return Some(no_key());
        }
        if let Some(problem) = problem_of_key(request) {
            return Some(problem);
        }
        from_another_issuer(request, provider).or_else(another).or_else(|| is_late.then(deadline_passed))
    }

    fn provider(&self, request: &ExchangeRequest) -> Result<&Provider, Failure> {
        let unknown = || format!("provider {} is not in the catalogue; add its entry, then replay", request.provider);
        self.catalogue.get(&request.provider).ok_or_else(|| Failure::reject(Code::UnknownProvider, unknown()))
    }
}

/// Nothing was sent: the tokens would have gone nowhere.
fn nowhere_to_answer() -> FailureReport {
    let message = "the answer carries tokens, and needs a reply_to that names a queue: a Direct Reply-to may lose them. Nothing was \
                   sent; ask again with one, under a new id";
    FailureReport::new(Code::ReplyToRequired, message, false)
}

/// What such a consent brings would not be stored, so that nothing is asked of the provider.
fn revoked() -> FailureReport {
    let message = "the owner's connections were revoked after this request was begun; ask for consent again";
    FailureReport::new(Code::Revoked, message, false)
}

/// The request as its ledger knows it: the order of fields in a JSON object says nothing.
fn decoded(request: &ExchangeRequest) -> ExchangeRequest {
    let mut request = request.clone();
    request.reply_key.iter_mut().for_each(Value::sort_all_objects);
    request
}
