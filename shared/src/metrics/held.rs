//! What is held back, and why.

use ::metrics::{Unit, counter, describe_counter, describe_gauge, gauge};

/// Why a job is put off that nothing is wrong with.
#[derive(Clone, Copy)]
pub enum HeldBack {
    /// The provider allows no more calls now.
    Rate,
    /// The provider does not answer.
    Breaker,
    /// The provider answers so slowly that its jobs have all the places that they may have in this worker.
    Slow,
}

impl HeldBack {
    const fn label(self) -> &'static str {
        match self {
            Self::Rate => "rate",
            Self::Breaker => "breaker",
            Self::Slow => "slow",
        }
    }
}

/// Jobs and calls that were put off.
pub const HELD_BACK: &str = "sealpost_held_back_total";
/// Endpoints that nothing is sent to.
pub const BREAKER_OPEN: &str = "sealpost_breaker_open";

pub(super) fn describe() {
    describe_counter!(
        HELD_BACK,
        "Times that a job or call was put off without an attempt spent, by provider and reason."
    );
    describe_gauge!(
        BREAKER_OPEN,
        Unit::Count,
        "Whether nothing is sent to an endpoint that does not answer, by provider and endpoint: 1 or 0."
    );
}

/// A job or call of a provider of the catalogue was put off.
pub fn held_back(provider: &str, why: HeldBack) {
    counter!(HELD_BACK, "provider" => provider.to_owned(), "reason" => why.label()).increment(1);
}

/// Whether nothing is sent to an endpoint of a provider of the catalogue. Endpoints: `token`, `api`.
pub fn breaker_open(provider: &str, endpoint: &'static str, open: bool) {
    let value = if open { 1.0 } else { 0.0 };
    gauge!(BREAKER_OPEN, "provider" => provider.to_owned(), "endpoint" => endpoint).set(value);
}

/// From the start, so that the first one is a rise.
pub fn held_back_nothing(provider: &str) {
    for why in [HeldBack::Rate, HeldBack::Breaker, HeldBack::Slow] {
        counter!(HELD_BACK, "provider" => provider.to_owned(), "reason" => why.label()).increment(0);
    }
}
