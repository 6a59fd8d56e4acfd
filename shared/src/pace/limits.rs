//! What a provider allows, as its entry says.

use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

/// How often a provider may be called by all workers together, token calls included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// So many calls,
    pub calls: NonZeroU32,
    /// in so many seconds.
    #[serde(default = "one")]
    pub seconds: NonZeroU32,
    /// How many of them may come at once after a pause.
    #[serde(default = "one")]
    pub burst: NonZeroU32,
}

impl Limits {
    /// Between two calls, in the long run.
    #[must_use]
    pub fn apart(&self) -> Duration {
        Duration::from_secs(self.seconds.get().into()) / self.calls.get()
    }
}

impl fmt::Display for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (calls, seconds) = (self.calls, self.seconds);
        write!(f, "{calls} call{} in {seconds} s", if calls.get() == 1 { "" } else { "s" })
    }
}

fn one() -> NonZeroU32 {
    NonZeroU32::MIN
}

#[cfg(test)]
mod tests {
    use super::Limits;

    #[test]
    fn calls_are_as_far_apart_as_the_entry_says() {
        let limits = |entry: &str| toml::from_str::<Limits>(entry).unwrap();
        assert_eq!(limits("calls = 50").apart().as_micros(), 20_000);
        assert_eq!(limits("calls = 300\nseconds = 10_800").apart().as_secs(), 36);
        assert_eq!(limits("calls = 1").to_string(), "1 call in 1 s");
        assert_eq!(limits("calls = 50\nseconds = 2").to_string(), "50 calls in 2 s");
        for wrong in ["", "calls = 0", "calls = 5\nseconds = 0", "calls = 5\nburst = 0", "calls = 5\nper = 1"] {
            assert!(toml::from_str::<Limits>(wrong).is_err(), "{wrong}");
        }
    }
}
