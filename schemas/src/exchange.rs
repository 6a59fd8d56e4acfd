//! Consent into tokens: request and result.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::connection::default_label;
use crate::message::queues::EXCHANGE_REQUESTS;
use crate::tagged::tagged;
use crate::{Announced, Answer, Connection, FailureReport, Message, Name, Owner, ProviderId, Queued, Secret};

/// Asks for consent to be exchanged for tokens.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ExchangeRequest {
    /// Chosen by the producer; the same id is the same request.
    pub id: Uuid,
    /// On whose behalf.
    pub owner: Owner,
    /// The provider's name in the catalogue.
    pub provider: ProviderId,
    /// Which of several accounts.
    #[serde(default = "default_label")]
    pub label: Name,
    /// `true`: the tokens go back to the client and only metadata stays here.
    #[serde(default)]
    pub store_on_device: bool,
    /// What is exchanged.
    pub grant: Grant,
    /// The scopes that were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Vec<String>>,
    /// The client's public key (JWK) to which tokens in replies are encrypted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_key: Option<Value>,
    /// Allows consent by another account of the provider than the stored one.
    #[serde(default)]
    pub replace_subject: bool,
    /// After this nothing is begun any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Timestamp>,
}

/// What is exchanged for tokens.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Grant {
    /// RFC 6749 §4.1 with PKCE (RFC 7636).
    AuthorizationCode(AuthorizationCode),
    /// Microsoft identity platform's on-behalf-of flow: the owner is the user of the assertion, its `tenant` the token's
    /// `tid` and its `user` the token's `oid`, to the letter.
    OnBehalfOf(Assertion),
    /// Brings an existing refresh token in.
    RefreshToken(HeldToken),
    /// Fetches parked tokens with the refresh token that the device holds.
    Pickup(HeldToken),
}

tagged!(Grant, "a grant: an object with `type`", {
    "authorization_code" => AuthorizationCode,
    "on_behalf_of" => OnBehalfOf,
    "refresh_token" => RefreshToken,
    "pickup" => Pickup,
});

impl Grant {
    /// What of it is secret, by its place in a request.
    fn secrets(&mut self) -> Vec<(&'static str, &mut Secret)> {
        match self {
            Self::AuthorizationCode(AuthorizationCode { code, code_verifier, nonce, .. }) => {
                let nonce = nonce.as_mut().map(|nonce| ("/grant/nonce", nonce));
                [("/grant/code", code), ("/grant/code_verifier", code_verifier)].into_iter().chain(nonce).collect()
            }
            Self::OnBehalfOf(Assertion { assertion, .. }) => vec![("/grant/assertion", assertion)],
            Self::RefreshToken(HeldToken { refresh_token, .. }) | Self::Pickup(HeldToken { refresh_token, .. }) => {
                vec![("/grant/refresh_token", refresh_token)]
            }
        }
    }
}

/// An authorization code with its PKCE verifier.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct AuthorizationCode {
    /// The code.
    pub code: Secret,
    /// The redirect URI of the authorization request, to the letter.
    pub redirect_uri: String,
    /// The verifier of RFC 7636.
    pub code_verifier: Secret,
    /// The nonce of the authorization request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<Secret>,
    /// The issuer that the code came with (RFC 9207).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iss: Option<String>,
}

/// The caller's access token, which was issued for us.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Assertion {
    /// The token.
    pub assertion: Secret,
    /// The issuer that it came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iss: Option<String>,
}

/// A refresh token that the sender holds.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct HeldToken {
    /// The token.
    pub refresh_token: Secret,
    /// The issuer that it came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iss: Option<String>,
}

/// How an exchange ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ExchangeOutcome {
    /// The tokens are sealed here.
    Stored,
    /// The tokens are in this result and nowhere else.
    OnDevice,
    /// Parked tokens are in this result.
    PickedUp,
    /// Nothing was stored; `failure` says why.
    Failed,
}

/// The provider's account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Subject {
    /// The provider's id of the account.
    pub id: String,
    /// Its name, where the provider tells one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether it replaced another account.
    pub changed: bool,
}

/// A device's tokens.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Tokens {
    /// The access token.
    pub access_token: Secret,
    /// The refresh token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<Secret>,
    /// The ID token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id_token: Option<Secret>,
}

/// Answers an exchange request.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ExchangeResult {
    /// Derived from the request's id and the outcome.
    pub id: Uuid,
    /// The request's id; nil where the request could not be read and its `message_id` named none.
    pub request: Uuid,
    /// How it ended.
    pub outcome: ExchangeOutcome,
    /// The connection; absent only where the request could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<Connection>,
    /// The provider's account, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Subject>,
    /// The scopes that were granted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Vec<String>>,
    /// When the access token expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// Only `on-device` and `picked-up`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<Tokens>,
    /// Only `failed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<FailureReport>,
}

impl ExchangeRequest {
    /// The connection that it is about.
    #[must_use]
    pub fn connection(&self) -> Connection {
        Connection::of(&self.owner, &self.provider, &self.label)
    }

    /// A result of this request.
    #[must_use]
    pub fn result(&self, id: Uuid, outcome: ExchangeOutcome) -> ExchangeResult {
        ExchangeResult { connection: Some(self.connection()), ..ExchangeResult::new(id, self.id, outcome) }
    }
}

impl ExchangeResult {
    fn new(id: Uuid, request: Uuid, outcome: ExchangeOutcome) -> Self {
        Self {
            id,
            request,
            outcome,
            connection: None,
            subject: None,
            scopes: None,
            expires_at: None,
            tokens: None,
            failure: None,
        }
    }
}

impl Message for ExchangeRequest {
    const NAME: &'static str = "exchange-request";
    const VERSION: u16 = 1;
    fn id(&self) -> Uuid {
        self.id
    }
}

impl Queued for ExchangeRequest {
    const QUEUE: &'static str = EXCHANGE_REQUESTS;
    const SECRETS: &'static [&'static str] =
        &["/grant/code", "/grant/code_verifier", "/grant/nonce", "/grant/assertion", "/grant/refresh_token"];
    fn deadline(&self) -> Option<Timestamp> {
        self.deadline
    }
    fn owner(&self) -> Option<&Owner> {
        Some(&self.owner)
    }
    fn secrets(&mut self) -> Vec<(&'static str, &mut Secret)> {
        self.grant.secrets()
    }
    fn failed(&self, id: Uuid, failure: FailureReport) -> Option<Answer> {
        let result = self.result(id, ExchangeOutcome::Failed);
        Answer::of(ExchangeResult { failure: Some(failure), ..result }).ok()
    }
    fn unread(id: Uuid, request: Uuid, failure: FailureReport) -> Option<Answer> {
        let result = ExchangeResult::new(id, request, ExchangeOutcome::Failed);
        Answer::of(ExchangeResult { failure: Some(failure), ..result }).ok()
    }
}

impl Message for ExchangeResult {
    const NAME: &'static str = "exchange-result";
    const VERSION: u16 = 1;
    fn id(&self) -> Uuid {
        self.id
    }
}

impl Announced for ExchangeResult {
    fn topic(&self) -> &'static str {
        match self.outcome {
            ExchangeOutcome::Stored => "connection.stored",
            ExchangeOutcome::OnDevice | ExchangeOutcome::PickedUp => "connection.on-device",
            ExchangeOutcome::Failed => "connection.failed",
        }
    }
    fn public(&self) -> Self {
        let this = self.clone();
        Self { tokens: None, failure: this.failure.map(FailureReport::public), ..this }
    }
}
