//! Keys, and where they come from.

use ::metrics::{Label, counter, describe_counter};

const KEY_FETCHES: &str = "sealpost_key_fetches_total";
const KEY_LOOKUPS: &str = "sealpost_key_lookups_total";
const VAULT_FETCHES: &str = "sealpost_vault_fetches_total";

/// Help texts, and counters that begin at 0.
pub(super) fn describe() {
    describe_counter!(KEY_LOOKUPS, "Times that a key was asked for, by where it came from.");
    describe_counter!(KEY_FETCHES, "Times that keys were fetched from their source, by outcome.");
    describe_counter!(VAULT_FETCHES, "Fetches from Key Vault, by vault, secret, version and outcome.");
    // from the start, so that the first one is a rise
    for outcome in [Fetch::Good, Fetch::Failed] {
        counter!(KEY_FETCHES, "outcome" => outcome.label()).increment(0);
    }
    for how in [Lookup::Cached, Lookup::Fetched, Lookup::Stale, Lookup::Failed] {
        counter!(KEY_LOOKUPS, "result" => how.label()).increment(0);
    }
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
    let labels: Vec<_> = labels.iter().map(|(name, value)| Label::new(*name, (*value).to_owned())).collect();
    counter!(VAULT_FETCHES, labels).increment(1);
    keys_fetched(if outcome == "ok" { Fetch::Good } else { Fetch::Failed });
}
