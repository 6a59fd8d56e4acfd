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
    pub provider_error: Option<ProviderError>,
}

impl FailureReport {
    /// A report without a provider's words.
    pub fn new(code: Code, message: impl Into<String>, retryable: bool) -> Self {
        Self { code, message: message.into(), retryable, provider_error: None }
    }
}

/// A provider's refusal: status and, where it followed RFC 6749 §5.2, its words.
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
}
