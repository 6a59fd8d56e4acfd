//! Every metric there is: name, help, and the labels that it may carry (from our own lists only).

mod held;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use sealpost_schemas::{Code, RevokedAtProvider, RotationCounts, RotationMode};

pub use self::held::{BREAKER_OPEN, HELD_BACK, HeldBack, breaker_open, held_back, held_back_nothing};

/// Messages that left their queue.
pub const JOBS: &str = "sealpost_jobs_total";
const JOB_SECONDS: &str = "sealpost_job_seconds";
/// How long messages waited for a worker.
pub const JOB_WAIT: &str = "sealpost_job_wait_seconds";
const JOB_AGE: &str = "sealpost_job_age_seconds";
/// Messages that a step works on now.
pub const JOBS_IN_FLIGHT: &str = "sealpost_jobs_in_flight";
/// Attempts that failed.
pub const ATTEMPTS_FAILED: &str = "sealpost_attempts_failed_total";
const PUBLISHES: &str = "sealpost_publishes_total";
const UNKNOWN_FIELDS: &str = "sealpost_unknown_fields_total";
const QUARANTINES: &str = "sealpost_quarantines_total";
/// What rotations did with records.
pub const ROTATED: &str = "sealpost_rotation_records_total";
const SHARDS_DONE: &str = "sealpost_rotation_shards_done_total";

/// Calls of token endpoints.
pub const TOKEN_CALLS: &str = "sealpost_token_calls_total";
const ID_TOKENS_UNVERIFIED: &str = "sealpost_id_tokens_unverified_total";
const COALESCED: &str = "sealpost_refreshes_coalesced_total";
const RACES_ADOPTED: &str = "sealpost_refresh_races_adopted_total";
const AWAITED: &str = "sealpost_refreshes_awaited_total";
const SAVED: &str = "sealpost_refreshes_saved_total";
const NEEDS_CONSENT: &str = "sealpost_needs_consent_total";
const TOKEN_AGE: &str = "sealpost_token_age_seconds";

/// Calls of providers for other things than tokens.
pub const API_CALLS: &str = "sealpost_api_calls_total";
/// How long calls of providers took.
pub const PROVIDER_SECONDS: &str = "sealpost_provider_call_seconds";

const REVOCATIONS: &str = "sealpost_revocations_total";
const TOMBSTONES: &str = "sealpost_tombstones";

const PARKS: &str = "sealpost_parks";
const PARKS_EXPIRED: &str = "sealpost_parks_expired_total";

const KEY_FETCHES: &str = "sealpost_key_fetches_total";
const KEY_LOOKUPS: &str = "sealpost_key_lookups_total";
const VAULT_FETCHES: &str = "sealpost_vault_fetches_total";
const UNKNOWN_OUTCOMES: &str = "sealpost_unknown_outcomes_total";
const SEALED: &str = "sealpost_sealed_records";
const SHARDS_LEFT: &str = "sealpost_rotation_shards_left";
const ROTATION_ENDED: &str = "sealpost_rotation_ended_timestamp_seconds";

const SECONDS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// For what waits: from a hundredth of a second to a day.
const WAITS: &[f64] =
    &[0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 600.0, 1800.0, 3600.0, 10_800.0, 21_600.0, 43_200.0, 86_400.0];

/// For ages of tokens: from seconds to a quarter of a year.
const AGES: &[f64] = &[
    5.0,
    15.0,
    60.0,
    300.0,
    900.0,
    1800.0,
    3600.0,
    7200.0,
    21_600.0,
    86_400.0,
    259_200.0,
    604_800.0,
    2_592_000.0,
    7_776_000.0,
];

/// The histograms, with their buckets.
pub const HISTOGRAMS: &[(&str, &[f64])] =
    &[(JOB_SECONDS, SECONDS), (PROVIDER_SECONDS, SECONDS), (JOB_WAIT, WAITS), (JOB_AGE, WAITS), (TOKEN_AGE, AGES)];

/// Gives the recorder of this process the help text of every metric.
pub fn describe() {
    describe_counter!(JOBS, "Messages that left their queue, by queue and outcome.");
    describe_histogram!(JOB_SECONDS, Unit::Seconds, "Time from delivery to ack, by queue.");
    describe_histogram!(JOB_WAIT, Unit::Seconds, "Time from the making of a message to its first delivery, by queue.");
    describe_histogram!(JOB_AGE, Unit::Seconds, "Time from the making of a message to its end, by queue.");
    describe_gauge!(JOBS_IN_FLIGHT, "Messages that a step works on now, by queue.");
    describe_counter!(ATTEMPTS_FAILED, "Attempts that failed, by queue and failure code.");
    describe_counter!(PUBLISHES, "Messages that were to be published, by kind and result.");
    describe_counter!(UNKNOWN_FIELDS, "Fields of messages that this version does not know, by queue.");
    describe_counter!(QUARANTINES, "Records that did not open and were put into quarantine.");
    describe_counter!(TOKEN_CALLS, "Calls of token endpoints, by provider of the catalogue, grant and outcome.");
    describe_counter!(ID_TOKENS_UNVERIFIED, "ID tokens of refreshes that could not be verified.");
    describe_counter!(COALESCED, "Refreshes that were saved since one was under way in the same worker.");
    describe_counter!(RACES_ADOPTED, "Refreshes whose tokens were dropped for those that somebody else had saved.");
    describe_counter!(AWAITED, "Refreshes that were saved since another worker's came first.");
    describe_counter!(SAVED, "Refreshes whose tokens were stored.");
    describe_counter!(NEEDS_CONSENT, "Connections that were found to need consent again, by failure code.");
    describe_histogram!(TOKEN_AGE, Unit::Seconds, "Age of tokens when they are used, by provider and token.");
    describe_counter!(API_CALLS, "Calls of publishing APIs and revocation endpoints, by provider, call and outcome.");
    describe_histogram!(PROVIDER_SECONDS, Unit::Seconds, "Time that calls of providers took, by provider and call.");
    describe_counter!(KEY_LOOKUPS, "Times that a key was asked for, by where it came from.");
    describe_counter!(KEY_FETCHES, "Times that keys were fetched from their source, by outcome.");
    describe_counter!(VAULT_FETCHES, "Fetches from Key Vault, by vault, secret, version and outcome.");
    describe_counter!(UNKNOWN_OUTCOMES, "Times that an outcome was told as unknown or lost, by act.");
    // from the start, so that the first one is a rise
    for outcome in [Fetch::Good, Fetch::Failed] {
        counter!(KEY_FETCHES, "outcome" => outcome.label()).increment(0);
    }
    for act in [Act::Publish, Act::Exchange, Act::Refresh, Act::Notice] {
        counter!(UNKNOWN_OUTCOMES, "act" => act.label()).increment(0);
    }
    counter!(ID_TOKENS_UNVERIFIED).increment(0);
    let ended = [Code::InvalidGrant, Code::InteractionRequired, Code::RefreshOutcomeLost];
    for code in ended.into_iter().chain([Code::SubjectChanged, Code::PickupExpired]) {
        counter!(NEEDS_CONSENT, "code" => code.as_str()).increment(0);
    }
    for how in [Lookup::Cached, Lookup::Fetched, Lookup::Stale, Lookup::Failed] {
        counter!(KEY_LOOKUPS, "result" => how.label()).increment(0);
    }
    counter!(QUARANTINES).increment(0);
    counter!(SHARDS_DONE).increment(0);
    counter!(COALESCED).increment(0);
    counter!(AWAITED).increment(0);
    counter!(SAVED).increment(0);
    counter!(RACES_ADOPTED).increment(0);
    describe_counter!(REVOCATIONS, "Token sets of ended connections, by what became of them at the provider.");
    describe_gauge!(PARKS, "Token sets that wait for their users' devices.");
    describe_counter!(PARKS_EXPIRED, "Token sets that were not picked up in time.");
    counter!(PARKS_EXPIRED).increment(0);
    describe_gauge!(TOMBSTONES, "Token sets that wait to be revoked.");
    for word in RevokedAtProvider::ALL {
        counter!(REVOCATIONS, "outcome" => word.as_str()).increment(0);
    }
    describe_counter!(ROTATED, "Records that rotations did something with, by result.");
    describe_counter!(SHARDS_DONE, "Shards that rotations walked to their end.");
    describe_gauge!(SEALED, "Records and results sealed under the latest key version, and under older ones.");
    describe_gauge!(SHARDS_LEFT, "Shards that the running rotations have not walked to their end yet, by mode.");
    held::describe();
    describe_gauge!(ROTATION_ENDED, Unit::Seconds, "When the last rotation of this mode that is remembered ended.");
}

/// How a message left its queue.
#[derive(Clone, Copy)]
pub enum Left {
    /// A step ended with this outcome (a topic of its answer, or `done`).
    Done(&'static str),
    /// It waits for another attempt.
    Retried,
    /// It waits without having spent an attempt.
    Deferred,
    /// It is in `dead-letters`.
    DeadLettered,
    /// It went back to its queue unfinished.
    GivenBack,
}

impl Left {
    /// Its name in measures and logs.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Done(outcome) => outcome,
            Self::Retried => "retried",
            Self::Deferred => "deferred",
            Self::DeadLettered => "dead-lettered",
            Self::GivenBack => "given-back",
        }
    }
}

/// A message that a step works on; counted until it is dropped.
pub struct InFlight(&'static str);

impl InFlight {
    /// Begins one.
    #[must_use]
    pub fn begin(queue: &'static str) -> Self {
        gauge!(JOBS_IN_FLIGHT, "queue" => queue).increment(1);
        Self(queue)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        gauge!(JOBS_IN_FLIGHT, "queue" => self.0).decrement(1);
    }
}

/// A message left its queue.
pub fn job_left(queue: &'static str, how: Left, took: Duration) {
    counter!(JOBS, "queue" => queue, "outcome" => how.label()).increment(1);
    histogram!(JOB_SECONDS, "queue" => queue).record(took);
}

/// A message was delivered for the first time, so long after it was made.
pub fn job_waited(queue: &'static str, wait: Duration) {
    histogram!(JOB_WAIT, "queue" => queue).record(wait);
}

/// A message came to its end, so long after it was made.
pub fn job_ended(queue: &'static str, age: Duration) {
    histogram!(JOB_AGE, "queue" => queue).record(age);
}

/// An attempt failed.
pub fn attempt_failed(queue: &'static str, code: Code) {
    counter!(ATTEMPTS_FAILED, "queue" => queue, "code" => code.as_str()).increment(1);
}

/// A message was published, or was not. Kinds: `follow-up`, `delay`, `dead-letter`, `reply`, `event`, `tick`; results:
/// `confirmed`, and the labels of the broker's errors.
pub fn published(kind: &'static str, result: &'static str) {
    counter!(PUBLISHES, "kind" => kind, "result" => result).increment(1);
}

/// A message had fields that are not known here.
pub fn unknown_fields(queue: &'static str, fields: usize) {
    if fields > 0 {
        counter!(UNKNOWN_FIELDS, "queue" => queue).increment(fields as u64);
    }
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

/// How a fetch of keys ended.
#[derive(Clone, Copy)]
pub enum Fetch {
    /// They can be used.
    Good,
    /// They cannot be read, or not be used.
    Failed,
}

impl Fetch {
    const fn label(self) -> &'static str {
        match self {
            Self::Good => "ok",
            Self::Failed => "failed",
        }
    }
}

/// Keys were fetched from their source.
pub fn keys_fetched(how: Fetch) {
    counter!(KEY_FETCHES, "outcome" => how.label()).increment(1);
}

/// Where a key came from that was asked for.
#[derive(Clone, Copy)]
pub enum Lookup {
    /// It was at hand.
    Cached,
    /// Its source was asked first.
    Fetched,
    /// Its source gave no answer; an older answer will do.
    Stale,
    /// There is none that can be used.
    Failed,
}

impl Lookup {
    const fn label(self) -> &'static str {
        match self {
            Self::Cached => "cached",
            Self::Fetched => "fetched",
            Self::Stale => "stale",
            Self::Failed => "failed",
        }
    }
}

/// A key was asked for.
pub fn key_looked_up(how: Lookup) {
    counter!(KEY_LOOKUPS, "result" => how.label()).increment(1);
}

/// A secret was fetched from a vault; `version` is `latest` where no version was named. Outcomes: `ok`, and the labels of
/// the vault's refusals.
pub fn vault_fetched(vault: &str, secret: &str, version: &str, outcome: &'static str) {
    let labels = [("vault", vault), ("secret", secret), ("version", version), ("outcome", outcome)];
    let labels: Vec<_> = labels.iter().map(|(name, value)| metrics::Label::new(*name, (*value).to_owned())).collect();
    counter!(VAULT_FETCHES, labels).increment(1);
    keys_fetched(if outcome == "ok" { Fetch::Good } else { Fetch::Failed });
}

/// What has an outcome.
#[derive(Clone, Copy)]
pub enum Act {
    /// A request to a publishing API.
    Publish,
    /// The exchange of a code, or of a refresh token that is brought in.
    Exchange,
    /// The refresh of a connection's tokens.
    Refresh,
    /// A text message about how a job ended.
    Notice,
}

impl Act {
    const fn label(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Exchange => "exchange",
            Self::Refresh => "refresh",
            Self::Notice => "notice",
        }
    }
}

/// An outcome was told as unknown: the request may have been carried out, or its answer was lost for good.
pub fn outcome_unknown(act: Act) {
    counter!(UNKNOWN_OUTCOMES, "act" => act.label()).increment(1);
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

/// A rotation's walk did this with records.
pub fn rotated(counts: RotationCounts) {
    let RotationCounts { refreshed, resealed, ended, failed } = counts;
    for (result, number) in [("refreshed", refreshed), ("resealed", resealed), ("ended", ended), ("failed", failed)] {
        counter!(ROTATED, "result" => result).increment(number);
    }
}

/// A shard of a rotation was walked to its end.
pub fn shard_done() {
    counter!(SHARDS_DONE).increment(1);
}

/// So much is sealed under the latest key version, and so much under older ones.
#[expect(clippy::cast_precision_loss, reason = "a gauge is a double, which counts exactly to 2^53")]
pub fn sealed_under(latest: u64, older: u64) {
    gauge!(SEALED, "version" => "latest").set(latest as f64);
    gauge!(SEALED, "version" => "older").set(older as f64);
}

/// So many shards of rotations of this mode are not done yet.
pub fn rotation_shards_left(mode: RotationMode, shards: u32) {
    gauge!(SHARDS_LEFT, "mode" => mode_label(mode)).set(shards);
}

/// The last rotation of this mode that is remembered ended at this time.
#[expect(clippy::cast_precision_loss, reason = "a gauge is a double, which counts exactly to 2^53")]
pub fn rotation_ended(mode: RotationMode, at: Timestamp) {
    gauge!(ROTATION_ENDED, "mode" => mode_label(mode)).set(at.as_second() as f64);
}

/// The word for a mode, in labels and configuration.
#[must_use]
pub const fn mode_label(mode: RotationMode) -> &'static str {
    match mode {
        RotationMode::Rewrap => "rewrap",
        RotationMode::Refresh => "refresh",
    }
}
