//! What the code or refresh token brought, checked and saved.

use std::time::Duration;

use sealpost_schemas::{Code, ExchangeRequest, FailureReport};
use sealpost_shared::failure::{Failure, Verdict};
use sealpost_shared::oauth::{IdTokenError, TokenAnswer};
use sealpost_shared::records::Subject;
use sealpost_shared::tokens::{Consented, Prepared};

use super::Exchange;
use super::act::TokenCall;
use super::grant::Spent;
use crate::step::Attempt;

/// How often a save is tried when the code is already spent, with a pause between.
const SAVES: usize = 10;
const PAUSE: Duration = Duration::from_secs(1);

impl Exchange {
    /// Finds out whose tokens these are, and saves them; or says why nothing was stored.
    pub(super) async fn keep(
        &self,
        request: &ExchangeRequest,
        call: &TokenCall<'_>,
        (tokens, scopes): (&TokenAnswer, &[String]),
        at: Attempt,
    ) -> Result<Option<Subject>, FailureReport> {
        let (what, at_provider) = (call.spent.name(), &request.provider);
        let doing = format!("the {what} was exchanged at {at_provider}");
        let (asked, spent) = match call.spent {
            Spent::Code(_) => {
                tokens.usable().map_err(|why| not_usable(&doing, &why))?;
                (scopes, None)
            }
            Spent::Token(token) => {
                // the refresh token that came of it is the only good one: kept, and the access token is not
                if let Err(why) = tokens.usable() {
                    tracing::error!(request.id = %request.id, why, "a connection is stored that cannot be used yet");
                }
                // OpenID Connect Core §12.2: a refresh may bring no ID token
                (&[][..], Some(token))
            }
        };
        let checked = self.keeper.id_tokens().account(call.oauth, tokens.id_token.as_ref(), call.nonce, asked).await;
        let consented = Consented {
            account: checked.map_err(|why| not_believed(&doing, &why))?,
            spent,
            replace_subject: request.replace_subject,
            ..Consented::new(request.id, tokens, scopes, at.now)
        };
        self.save(&call.place, &consented).await.map_err(|failure| not_stored(&doing, failure))
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

fn not_believed(doing: &str, why: &IdTokenError) -> FailureReport {
    let message = format!(
        "{doing}, but its ID token is not believed: {why}; nothing was stored, and consent must be given again"
    );
    FailureReport::new(Code::IdTokenInvalid, message, false)
}

fn not_stored(doing: &str, failure: Failure) -> FailureReport {
    if failure.code == Code::SubjectChanged {
        return FailureReport::new(failure.code, failure.message, false);
    }
    let why = &failure.message;
    let message = format!("{doing}, but not stored: {why}; consent must be given again");
    FailureReport::new(Code::ExchangeOutcomeLost, message, false)
}
