//! Every failure code there is, each with a sentence. The same word stands in results, metrics, dead letters and logs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

macro_rules! codes {
    ($($variant:ident = $name:literal: $sentence:literal,)+) => {
        /// A stable failure code, in kebab-case on the wire.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
        pub enum Code { $(#[doc = $sentence] #[serde(rename = $name)] $variant,)+ }

        impl Code {
            /// All codes, in the order of this list.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The word on the wire, in metric labels and in dead letters.
            #[must_use]
            pub const fn as_str(self) -> &'static str { match self { $(Self::$variant => $name,)+ } }

            /// What it means, in one sentence.
            #[must_use]
            pub const fn sentence(self) -> &'static str { match self { $(Self::$variant => $sentence,)+ } }
        }
    };
}

codes! {
    MalformedMessage = "malformed-message": "The message could not be read; the reason names the field.",
    MessageTooLarge = "message-too-large": "The message's body is larger than 1 MiB.",
    UnknownVersion = "unknown-version": "This version of the message is not known to the workers that run here.",
    ReplyToRefused = "reply-to-refused": "The reply address is one of Sealpost's own queues.",
    ReplyToRequired = "reply-to-required": "Tokens are asked for, and the message names no queue that they can be answered to.",
    NotAllowed = "not-allowed": "The broker's user who sent the message may not act for this tenant, or for all of them.",
    NotSupported = "not-supported": "The message is right, but what it asks for is not done by this version.",
    UnknownProvider = "unknown-provider": "The provider is not in the catalogue.",
    DeadlinePassed = "deadline-passed": "The deadline passed before the work was begun.",
    NoConnection = "no-connection": "The owner has no such connection; consent must be given first.",
    NeedsConsent = "needs-consent": "The provider no longer accepts the connection; consent must be given again.",
    AccessTokenExpired = "access-token-expired": "The access token has expired and could not be refreshed.",
    RefreshOutcomeLost = "refresh-outcome-lost": "A refresh's answer was lost and its token is spent; consent must be given again.",
    UnderWay = "under-way": "Another worker is at the same message, or may be; it is looked at again.",
    RefreshUnderWay = "refresh-under-way": "Another worker refreshes the connection's tokens now.",
    InvalidGrant = "invalid-grant": "The provider refused the authorization code, assertion or refresh token.",
    InvalidClient = "invalid-client": "The provider refused our client credentials; the configuration is wrong.",
    InteractionRequired = "interaction-required": "The provider wants the user to sign in again.",
    ProviderRejected = "provider-rejected": "The provider refused the request; the same request will be refused again.",
    ProviderUnavailable = "provider-unavailable": "The provider could not be reached or could not answer.",
    ProviderAnswerUnreadable = "provider-answer-unreadable": "The provider's answer was not what its catalogue entry says.",
    RateLimited = "rate-limited": "The provider asked for fewer requests.",
    OutcomeUnknown = "outcome-unknown": "The request may have been carried out; nothing proves it either way.",
    NotPublished = "not-published": "An operator looked at the provider, and the request was not carried out there.",
    KeyMissing = "key-missing": "The key that sealed the record is not in the key source.",
    KeyDisabled = "key-disabled": "The key that sealed the record is disabled in the key source.",
    KeyRetired = "key-retired": "The key version was retired while something was sealed under it; the newest is used at the next attempt.",
    KeySourceUnavailable = "key-source-unavailable": "The key source could not be read.",
    SealedRequired = "sealed-required": "A secret came unsealed where configuration requires it sealed.",
    Quarantined = "quarantined": "The stored record does not open with its key: it was altered or moved.",
    RecordUnreadable = "record-unreadable": "The stored record has a format that this version does not know.",
    CustodyMismatch = "custody-mismatch": "The connection's tokens rest with the user and the message brings none, or it brings some and they rest here.",
    TokensSuperseded = "tokens-superseded": "The device's tokens were replaced by newer ones that were picked up.",
    PickupExpired = "pickup-expired": "The parked tokens were not picked up in time.",
    NothingParked = "nothing-parked": "No tokens wait for the device; those that it holds are the newest.",
    ExchangeOutcomeLost = "exchange-outcome-lost": "The authorization code, assertion or refresh token may be spent and its answer was lost; consent must be given again.",
    TokenHeld = "token-held": "The refresh token is or was of a connection that is here already; it is not spent again.",
    SubjectChanged = "subject-changed": "Consent was given by another account of the provider than the stored one.",
    OwnerMismatch = "owner-mismatch": "The provider's token is of another user or tenant than the owner that the request names.",
    IdTokenInvalid = "id-token-invalid": "The provider's ID token did not pass a check, so that nothing was stored.",
    TokenTypeUnsupported = "token-type-unsupported": "The provider's access tokens are of a type that is not Bearer, so that they cannot be used.",
    IdReused = "id-reused": "The same id came with another body.",
    Revoked = "revoked": "The connection was revoked.",
    Conflict = "conflict": "The record changed under every attempt to write it.",
    DeliveryLimit = "delivery-limit": "The broker gave up delivering the message: workers died with it too often.",
    StoreUnavailable = "store-unavailable": "Redis could not be read or written.",
    BrokerUnavailable = "broker-unavailable": "RabbitMQ did not take a message that had to follow.",
    StepPanicked = "step-panicked": "The worker's code failed on this message; that is a defect of Sealpost.",
    AttemptsExhausted = "attempts-exhausted": "Every attempt failed; the reason names the last failure.",
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::Code;

    #[test]
    fn every_code_is_kebab_case_and_read_back_as_itself() {
        for code in Code::ALL {
            let name = code.as_str();
            assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{name}");
            assert_eq!(serde_json::to_value(code).unwrap(), name);
            assert_eq!(serde_json::from_value::<Code>(name.into()).unwrap(), *code);
            assert!(code.sentence().ends_with('.'), "{name} has no sentence");
        }
    }
}
