//! What a failed result says.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Code;

/// Why something did not happen, for the program and for the person who reads it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FailureReport {
    /// The stable code.
    pub code: Code,
    /// What was being done, what went wrong, what to do.
    pub message: String,
    /// Whether sending the request again, unchanged but with a new id, may succeed.
    pub retryable: bool,
    /// What the provider said, bounded and scrubbed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_error: Option<Box<ProviderError>>,
    /// For the result that it goes into: whether newer tokens than a job brought wait for its user's device. Not on the wire.
    #[serde(skip)]
    #[schemars(skip)]
    pub tokens_refreshed: bool,
}

impl FailureReport {
    /// A report without a provider's words.
    pub fn new(code: Code, message: impl Into<String>, retryable: bool) -> Self {
        Self { code, message: message.into(), retryable, provider_error: None, tokens_refreshed: false }
    }

    /// What of it everybody may hear: without `claims`, which are for the client alone.
    #[must_use]
    pub fn public(self) -> Self {
        Self { provider_error: self.provider_error.map(|said| Box::new(said.public())), ..self }
    }
}

/// A provider's refusal: status and, where it followed RFC 6749 §5.2, its words; of the Microsoft identity platform also
/// what a client needs to go on (see its page "Error handling in MSAL").
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProviderError {
    /// The HTTP status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The `error` field of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The `error_description` field of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The `error_codes` field of the answer: Microsoft's numbers, as in AADSTS50076; the first ten.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub error_codes: Vec<u32>,
    /// The `suberror` field of the answer: what the user can do about it, as in `basic_action`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suberror: Option<String>,
    /// The `claims` field of the answer: a JSON object as text, which the client hands back unchanged as parameter `claims` of
    /// its next authorization request (a claims challenge). Only in replies, never in events; whole (up to 4 KiB) or absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claims: Option<Box<str>>,
}

impl ProviderError {
    /// What of it everybody may hear: without `claims`, which are for the client alone.
    #[must_use]
    pub fn public(self) -> Self {
        Self { claims: None, ..self }
    }
}
