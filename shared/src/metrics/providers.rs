//! Calls of providers.

use std::time::Duration;

use ::metrics::{Unit, counter, describe_counter, describe_histogram, histogram};
use jiff::SignedDuration;

/// Calls of token endpoints.
pub const TOKEN_CALLS: &str = "sealpost_token_calls_total";
/// Calls of providers for other things than tokens.
pub const API_CALLS: &str = "sealpost_api_calls_total";
/// How long calls of providers took.
pub const PROVIDER_SECONDS: &str = "sealpost_provider_call_seconds";
pub(super) const TOKEN_AGE: &str = "sealpost_token_age_seconds";

/// Help texts, and counters that begin at 0.
pub(super) fn describe() {
    describe_counter!(TOKEN_CALLS, "Calls of token endpoints, by provider of the catalogue, grant and outcome.");
    describe_histogram!(TOKEN_AGE, Unit::Seconds, "Age of tokens when they are used, by provider and token.");
    describe_counter!(API_CALLS, "Calls of publishing APIs and revocation endpoints, by provider, call and outcome.");
    describe_histogram!(PROVIDER_SECONDS, Unit::Seconds, "Time that calls of providers took, by provider and call.");
}

/// A token endpoint of the catalogue was called. Outcomes: `ok`, and the labels of `oauth`'s errors.
pub fn token_call(provider: &str, grant: &'static str, outcome: &'static str, took: Duration) {
    counter!(TOKEN_CALLS, "provider" => provider.to_owned(), "grant" => grant, "outcome" => outcome).increment(1);
    histogram!(PROVIDER_SECONDS, "provider" => provider.to_owned(), "call" => "token").record(took);
}

/// What a provider is called for, beside tokens.
#[derive(Clone, Copy)]
pub enum Call {
    /// Something is published.
    Publish,
    /// A post whose answer was lost is looked up.
    Find,
    /// A token is revoked.
    Revoke,
}

impl Call {
    const fn label(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Find => "find",
            Self::Revoke => "revoke",
        }
    }
}

/// A provider was called for something else than tokens. Outcomes: `ok`, and the labels of the call's errors.
pub fn api_call(provider: &str, call: Call, outcome: &'static str, took: Duration) {
    let call = call.label();
    counter!(API_CALLS, "provider" => provider.to_owned(), "call" => call, "outcome" => outcome).increment(1);
    histogram!(PROVIDER_SECONDS, "provider" => provider.to_owned(), "call" => call).record(took);
}

/// What is used of a token set.
#[derive(Clone, Copy)]
pub enum Used {
    /// Its access token.
    Access,
    /// Its refresh token.
    Refresh,
}

impl Used {
    const fn label(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Refresh => "refresh",
        }
    }
}

/// A token is used that came so long ago.
pub fn token_used(provider: &str, token: Used, age: SignedDuration) {
    let age = Duration::try_from(age).unwrap_or_default(); // clocks differ
    histogram!(TOKEN_AGE, "provider" => provider.to_owned(), "token" => token.label()).record(age);
}
