//! Connections and their tokens.

use ::metrics::{counter, describe_counter, describe_gauge, gauge};
use sealpost_schemas::{Code, RevokedAtProvider};

const QUARANTINES: &str = "sealpost_quarantines_total";
const ID_TOKENS_UNVERIFIED: &str = "sealpost_id_tokens_unverified_total";
const COALESCED: &str = "sealpost_refreshes_coalesced_total";
const RACES_ADOPTED: &str = "sealpost_refresh_races_adopted_total";
const AWAITED: &str = "sealpost_refreshes_awaited_total";
const SAVED: &str = "sealpost_refreshes_saved_total";
const NEEDS_CONSENT: &str = "sealpost_needs_consent_total";
const REVOCATIONS: &str = "sealpost_revocations_total";
const TOMBSTONES: &str = "sealpost_tombstones";
const PARKS: &str = "sealpost_parks";
const PARKS_EXPIRED: &str = "sealpost_parks_expired_total";

/// Help texts, and counters that begin at 0.
pub(super) fn describe() {
    describe_counter!(QUARANTINES, "Records that did not open and were put into quarantine.");
    describe_counter!(ID_TOKENS_UNVERIFIED, "ID tokens of refreshes that could not be verified.");
    describe_counter!(COALESCED, "Refreshes that were saved since one was under way in the same worker.");
    describe_counter!(RACES_ADOPTED, "Refreshes whose tokens were dropped for those that somebody else had saved.");
    describe_counter!(AWAITED, "Refreshes that were saved since another worker's came first.");
    describe_counter!(SAVED, "Refreshes whose tokens were stored.");
    describe_counter!(NEEDS_CONSENT, "Connections that were found to need consent again, by failure code.");
    describe_counter!(REVOCATIONS, "Token sets of ended connections, by what became of them at the provider.");
    describe_gauge!(PARKS, "Token sets that wait for their users' devices.");
    describe_counter!(PARKS_EXPIRED, "Token sets that were not picked up in time.");
    describe_gauge!(TOMBSTONES, "Token sets that wait to be revoked.");
    // from the start, so that the first one is a rise
    counter!(ID_TOKENS_UNVERIFIED).increment(0);
    let ended = [Code::InvalidGrant, Code::InteractionRequired, Code::RefreshOutcomeLost];
    for code in ended.into_iter().chain([Code::SubjectChanged, Code::PickupExpired]) {
        counter!(NEEDS_CONSENT, "code" => code.as_str()).increment(0);
    }
    counter!(QUARANTINES).increment(0);
    counter!(COALESCED).increment(0);
    counter!(AWAITED).increment(0);
    counter!(SAVED).increment(0);
    counter!(RACES_ADOPTED).increment(0);
    counter!(PARKS_EXPIRED).increment(0);
    for word in RevokedAtProvider::ALL {
        counter!(REVOCATIONS, "outcome" => word.as_str()).increment(0);
    }
}

/// A refresh brought an ID token that could not be verified.
pub fn id_token_unverified() {
    counter!(ID_TOKENS_UNVERIFIED).increment(1);
}

/// A refresh was waited for instead of begun.
pub fn refresh_coalesced() {
    counter!(COALESCED).increment(1);
}

/// What another refresh had saved was used.
pub fn race_adopted() {
    counter!(RACES_ADOPTED).increment(1);
}

/// Another worker's refresh came first, so that no call was made.
pub fn refresh_awaited() {
    counter!(AWAITED).increment(1);
}

/// A refresh's tokens were stored.
pub fn refresh_saved() {
    counter!(SAVED).increment(1);
}

/// A connection was found to need consent again.
pub fn needs_consent(code: Code) {
    counter!(NEEDS_CONSENT, "code" => code.as_str()).increment(1);
}

/// The tokens of an ended connection ended like this at their provider, or did not yet.
pub fn revoked(word: RevokedAtProvider) {
    counter!(REVOCATIONS, "outcome" => word.as_str()).increment(1);
}

/// So many token sets wait to be revoked.
#[expect(clippy::cast_precision_loss, reason = "a gauge is a double, which counts exactly to 2^53")]
pub fn tombstones(waiting: u64) {
    gauge!(TOMBSTONES).set(waiting as f64);
}

/// So many token sets wait for their users' devices.
#[expect(clippy::cast_precision_loss, reason = "a gauge is a double, which counts exactly to 2^53")]
pub fn parks(waiting: u64) {
    gauge!(PARKS).set(waiting as f64);
}

/// A token set was not picked up in time, so that its connection needs consent again.
pub fn park_expired() {
    counter!(PARKS_EXPIRED).increment(1);
}

/// A record was put into quarantine.
pub fn quarantined() {
    counter!(QUARANTINES).increment(1);
}
