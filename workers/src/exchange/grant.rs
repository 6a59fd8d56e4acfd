//! What a request brings to be exchanged.

use sealpost_schemas::{Code, ExchangeRequest, FailureReport, Grant, Secret};
use sealpost_shared::failure::Failure;
use sealpost_shared::oauth::{AccountId, CodeGrant, OAuthProvider, claims_another};
use secrecy::SecretString;

use crate::providers::Provider;

/// The most scopes that a request names, and their longest, in bytes: every record and result carries them.
const MAX_SCOPES: usize = 200;
const MAX_SCOPE: usize = 300;

/// What is spent at the provider.
#[derive(Clone, Copy)]
pub(super) enum Spent<'a> {
    /// A code, which is sent once.
    Code(CodeGrant<'a>),
    /// A user's access token for us, which is sent once.
    Assertion(&'a SecretString),
    /// A refresh token that another system held.
    Token(&'a SecretString),
    /// Nothing: parked tokens are picked up.
    Nothing,
}

impl Spent<'_> {
    /// What it is, to a person.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Code(_) => "code",
            Self::Assertion(_) => "assertion",
            Self::Token(_) => "refresh token",
            Self::Nothing => "pickup",
        }
    }

    /// The grant as the metric of token calls has it; `None`: the token keeper counts it.
    pub(super) const fn counted(&self) -> Option<&'static str> {
        match self {
            Self::Code(_) => Some("authorization_code"),
            Self::Assertion(_) => Some("on_behalf_of"),
            Self::Token(_) | Self::Nothing => None,
        }
    }
}

/// Whether it is a scope-token (RFC 6749 §3.3).
fn is_scope(text: &str) -> bool {
    (1..=MAX_SCOPE).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, b'!' | b'#'..=b'[' | b']'..=b'~'))
}

/// What is wrong with the scopes that are asked for.
pub(crate) fn problem_of(scopes: Option<&[String]>) -> Option<String> {
    let scopes = scopes.unwrap_or_default();
    let fit = scopes.len() <= MAX_SCOPES && scopes.iter().all(|scope| is_scope(scope));
    let rule = || format!("scopes: at most {MAX_SCOPES}, each 1 to {MAX_SCOPE} of the characters of RFC 6749 §3.3");
    (!fit).then(rule)
}

pub(super) fn spent(request: &ExchangeRequest) -> Result<Spent<'_>, Failure> {
    if let Some(problem) = problem_of(request.scopes.as_deref()) {
        return Err(Failure::reject(Code::MalformedMessage, problem));
    }
    match &request.grant {
        Grant::AuthorizationCode(grant) => Ok(Spent::Code(CodeGrant {
            code: plain(&grant.code, "grant.code")?,
            code_verifier: plain(&grant.code_verifier, "grant.code_verifier")?,
            redirect_uri: &grant.redirect_uri,
        })),
        Grant::RefreshToken(held) => plain(&held.refresh_token, "grant.refresh_token").map(Spent::Token),
        Grant::OnBehalfOf(grant) => plain(&grant.assertion, "grant.assertion").map(Spent::Assertion),
        Grant::Pickup(held) => plain(&held.refresh_token, "grant.refresh_token").map(|_| Spent::Nothing),
    }
}

/// What the request's ID token must repeat.
pub(super) fn nonce(request: &ExchangeRequest) -> Result<Option<&SecretString>, Failure> {
    let Grant::AuthorizationCode(grant) = &request.grant else { return Ok(None) };
    grant.nonce.as_ref().map(|nonce| plain(nonce, "grant.nonce")).transpose()
}

/// A pickup where none can be.
pub(super) fn no_pickup() -> Failure {
    Failure::reject(Code::StepPanicked, "a pickup and another grant were mistaken for each other; that is a defect")
}

pub(super) fn plain<'a>(secret: &'a Secret, field: &str) -> Result<&'a SecretString, Failure> {
    // whoever runs a step opens what is sealed first
    let sealed = || Failure::reject(Code::SealedUnreadable, format!("{field} is sealed still"));
    secret.plain().ok_or_else(sealed)
}

/// Whether the entry says whose the tokens are that an assertion brings: without that, nobody could tell that they are the
/// owner's.
pub(super) fn takes_assertions(provider: &OAuthProvider) -> Result<(), Failure> {
    let message = "grant on_behalf_of needs a provider whose entry says account = \"oid-tid\"";
    let knows = provider.account == AccountId::OidTid;
    if knows { Ok(()) } else { Err(Failure::reject(Code::NotSupported, message)) }
}

/// An assertion that says of itself that it is another's than the owner's is not sent. One that says nothing, or lies, is found
/// out by the ID token that it brings.
pub(super) fn of_another_owner(request: &ExchangeRequest) -> Option<FailureReport> {
    let Grant::OnBehalfOf(grant) = &request.grant else { return None };
    let message = "the assertion is of another user or tenant than the owner: owner.tenant must be its tid, and owner.user its \
                   oid; it was not sent";
    let is_another = claims_another(grant.assertion.plain()?, &request.owner);
    is_another.then(|| FailureReport::new(Code::OwnerMismatch, message, false))
}

/// RFC 9207: a code that came from another issuer is not sent to this one.
pub(super) fn from_another_issuer(request: &ExchangeRequest, provider: &Provider) -> Option<FailureReport> {
    let (what, iss) = match &request.grant {
        Grant::AuthorizationCode(grant) => ("code", &grant.iss),
        Grant::RefreshToken(held) => ("refresh token", &held.iss),
        Grant::OnBehalfOf(grant) => ("assertion", &grant.iss),
        Grant::Pickup(_) => return None,
    };
    let came_from = iss.as_ref().filter(|_| provider.oauth.issuer.is_some())?;
    let message = format!("the {what} came from another issuer than the provider's; it was not sent");
    (!provider.oauth.is_issuer(came_from)).then(|| FailureReport::new(Code::InvalidGrant, message, false))
}
