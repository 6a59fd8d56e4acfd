//! Every metric there is: name, help, and the labels that it may carry (from our own lists only).

mod held;
mod jobs;
mod keys;
mod providers;
mod rotations;
mod tokens;

pub use self::held::*;
pub use self::jobs::*;
use self::jobs::{JOB_AGE, JOB_SECONDS};
pub use self::keys::*;
use self::providers::TOKEN_AGE;
pub use self::providers::*;
pub use self::rotations::*;
pub use self::tokens::*;

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
    held::describe();
    jobs::describe();
    keys::describe();
    providers::describe();
    rotations::describe();
    tokens::describe();
}
