//! What the code, assertion or refresh token brought, checked and saved.

use std::time::Duration;

use sealpost_schemas::{Code, ExchangeRequest, FailureReport};
use sealpost_shared::failure::{Failure, Verdict};
use sealpost_shared::oauth::{Account, IdTokenError, TokenAnswer, account_of};
use sealpost_shared::records::Subject;
use sealpost_shared::tokens::{ConsentTurn, Consented, OnDevice, Prepared};

use super::Exchange;
use super::act::TokenCall;
use super::grant::Spent;
use super::results::LOOK_AGAIN;
use crate::step::Attempt;

/// How often a save is tried when the code is already spent, with a pause between.
const SAVES: usize = 10;
const PAUSE: Duration = Duration::from_secs(1);

impl Exchange {
    /// Finds out whose tokens these are, and saves them; or says why nothing was stored. It fails where that is not known.
    pub(super) async fn keep(
        &self,
        request: &ExchangeRequest,
        call: &TokenCall<'_>,
        (tokens, scopes): (&TokenAnswer, &[String]),
        (at, turn): (Attempt, &mut ConsentTurn),
    ) -> Result<Result<Option<Subject>, FailureReport>, Failure> {
        let (what, at_provider) = (call.spent.name(), &request.provider);
        let doing = format!("the {what} was exchanged at {at_provider}");
        let account = match self.account(request, call, (tokens, scopes), &doing).await {
            Ok(account) => account,
            Err(report) => return Ok(Err(report)),
        };
        let spent = match call.spent {
            Spent::Code(_) | Spent::Assertion(_) | Spent::Nothing => None,
            Spent::Token(token) => Some(token),
        };
        let consented = Consented {
            account,
            spent,
            replace_subject: request.replace_subject,
            on_device: request
                .store_on_device
                .then(|| OnDevice { reply_key: request.reply_key.as_ref().map(ToString::to_string) }),
            ends_replaced: call.oauth.revokes_apart(),
            ..Consented::new(request.id, tokens, scopes, at.now)
        };
        match self.save(&call.place, &consented).await {
            Ok(subject) => Ok(Ok(subject)),
            Err(failure) if failure.verdict == Verdict::Reject => {
                if failure.code == Code::Revoked {
                    self.keeper.end_late(&request.connection(), call.oauth, turn).await;
                }
                Ok(Err(not_stored(&doing, failure)))
            }
            Err(failure) => {
                let why = failure.message;
                let message = format!("{doing}, and whether that is stored is not known: {why}; it is looked up");
                Err(Failure::defer(LOOK_AGAIN, failure.code, message))
            }
        }
    }

    /// Whose tokens these are, where they are good for something.
    async fn account(
        &self,
        request: &ExchangeRequest,
        call: &TokenCall<'_>,
        (tokens, scopes): (&TokenAnswer, &[String]),
        doing: &str,
    ) -> Result<Option<Account>, FailureReport> {
        let needs_id_token = ["openid".to_owned()];
        let asked = match (call.spent, tokens.usable()) {
            (Spent::Code(_), usable) => {
                usable.map_err(|why| not_usable(doing, &why))?;
                scopes
            }
            (Spent::Assertion(_), usable) => {
                usable.map_err(|why| not_usable(doing, &why))?;
                &needs_id_token
            }
            (Spent::Token(_) | Spent::Nothing, usable) => {
                // the refresh token that came of it is the only good one: kept, and the access token is not
                if let Err(why) = usable {
                    tracing::error!(request.id = %request.id, why, "a connection is stored that cannot be used yet");
                }
                // OpenID Connect Core §12.2: a refresh may bring no ID token
                &[]
            }
        };
        let checked = self.keeper.id_tokens().account(call.oauth, tokens.id_token.as_ref(), call.nonce, asked).await;
        let account = checked.map_err(|why| not_believed(doing, &why))?;
        let must_be_owners = matches!(call.spent, Spent::Assertion(_)) || call.oauth.owner_is_account;
        if must_be_owners && account.as_ref().is_none_or(|account| account.id != account_of(&request.owner)) {
            return Err(not_the_owners(doing));
        }
        Ok(account)
    }

    /// It is spent, so this does not give up at the first trouble.
    async fn save(&self, place: &Prepared, consented: &Consented<'_>) -> Result<Option<Subject>, Failure> {
        for _ in 1..SAVES {
            match self.keeper.store_consent(place, consented).await {
                Err(failure) if failure.verdict != Verdict::Reject => tokio::time::sleep(PAUSE).await,
                settled => return settled,
            }
        }
        self.keeper.store_consent(place, consented).await
    }
}

/// Nothing of it is stored: what no request could be made with is no connection.
fn not_usable(doing: &str, why: &str) -> FailureReport {
    let message = format!("{doing}, but {why}; nothing was stored, and consent must be given again then");
    FailureReport::new(Code::TokenTypeUnsupported, message, false)
}

/// Nothing of it is stored: it would be found under somebody else's name.
fn not_the_owners(doing: &str) -> FailureReport {
    let message = format!(
        "{doing}, but what it brought is of another user or tenant than the owner: owner.tenant must be the account's tid, and \
         owner.user its oid; nothing was stored"
    );
    FailureReport::new(Code::OwnerMismatch, message, false)
}

fn not_believed(doing: &str, why: &IdTokenError) -> FailureReport {
    let message = format!(
        "{doing}, but its ID token is not believed: {why}; nothing was stored, and consent must be given again"
    );
    FailureReport::new(Code::IdTokenInvalid, message, false)
}

fn not_stored(doing: &str, failure: Failure) -> FailureReport {
    if matches!(failure.code, Code::SubjectChanged | Code::Revoked) {
        return FailureReport::new(failure.code, failure.message, false);
    }
    let why = &failure.message;
    let message = format!("{doing}, but not stored: {why}; consent must be given again");
    FailureReport::new(Code::ExchangeOutcomeLost, message, false)
}
