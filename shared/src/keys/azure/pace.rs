//! A rate limit of ours, below the vault's own.

use std::time::{Duration, Instant};

/// What Key Vault serves: so many reads of secrets in so long, for a vault
/// (<https://learn.microsoft.com/azure/key-vault/general/service-limits>).
const READS: u32 = 4000;
const PER: Duration = Duration::from_secs(10);

/// Lets as many requests pass at once as may pass in [`PER`], and then one after the other (a leaky bucket).
pub(super) struct Pace {
    /// What one request takes of the time.
    each: Duration,
    /// When all that passed will have been paid for.
    paid: Option<Instant>,
}

impl Pace {
    /// A share of what the vault serves, in percent.
    pub(super) fn of_percent(percent: u32) -> Self {
        Self { each: PER * 100 / (READS * percent.max(1)), paid: None }
    }

    /// How long a request that comes now must wait. It counts as made.
    pub(super) fn wait(&mut self, now: Instant) -> Duration {
        let paid = self.paid.map_or(now, |paid| paid.max(now)) + self.each;
        self.paid = Some(paid);
        paid.saturating_duration_since(now + PER)
    }

    /// A request was not made, after all.
    pub(super) fn refund(&mut self) {
        self.paid = self.paid.and_then(|paid| paid.checked_sub(self.each));
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::Pace;

    #[test]
    fn a_share_passes_at_once_and_the_rest_waits_its_turn() {
        let (mut pace, start) = (Pace::of_percent(10), Instant::now());
        for number in 0..400 {
            assert_eq!(pace.wait(start), Duration::ZERO, "request {number}");
        }
        assert_eq!(pace.wait(start), Duration::from_millis(25));
        assert_eq!(pace.wait(start), Duration::from_millis(50));
        pace.refund();
        assert_eq!(pace.wait(start), Duration::from_millis(50), "what was not sent costs nothing");
        let later = start + Duration::from_secs(20);
        assert_eq!(pace.wait(later), Duration::ZERO, "all is paid for");
    }
}
