//! What the workers measured, of their metrics page: how messages left their queues.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use sealpost_shared::metrics::{JOBS, JOBS_IN_FLIGHT};

use crate::exposition;

/// The rate is that of this much time.
const WINDOW: Duration = Duration::from_secs(5);

/// Outcomes that bring a message back.
const NOT_FOR_GOOD: [&str; 3] = ["retried", "deferred", "given-back"];

/// Counters over all restarts of the workers, which begin at 0 each time.
#[derive(Default)]
pub(super) struct Measured {
    /// By queue and outcome: what earlier workers counted, and what these do.
    jobs: BTreeMap<(String, String), (u64, u64)>,
    in_flight: BTreeMap<String, u64>,
    seen: BTreeMap<String, VecDeque<(Duration, u64)>>,
}

impl Measured {
    /// Reads a page of metrics.
    pub(super) fn read(&mut self, page: &str, now: Duration) {
        self.in_flight.clear();
        for (series, value) in exposition::read(page) {
            let (count, Some(queue)) = (exposition::count(value), series.labels.get("queue")) else { continue };
            if series.name == JOBS_IN_FLIGHT {
                self.in_flight.insert(queue.clone(), count);
            }
            let Some(outcome) = series.labels.get("outcome").filter(|_| series.name == JOBS) else { continue };
            let (before, these) = self.jobs.entry((queue.clone(), outcome.clone())).or_default();
            if count < *these {
                *before += *these;
            }
            *these = count;
        }
        let queues: Vec<_> = self.jobs.keys().map(|(queue, _)| queue.clone()).collect();
        for queue in queues {
            let done = self.done(&queue);
            let seen = self.seen.entry(queue).or_default();
            seen.push_back((now, done));
            while seen.get(1).is_some_and(|(at, _)| now.saturating_sub(*at) >= WINDOW) {
                seen.pop_front();
            }
        }
    }

    /// How messages of a queue left it, by outcome.
    pub(super) fn outcomes(&self, queue: &str) -> BTreeMap<String, u64> {
        let of = self.jobs.iter().filter(|((name, _), _)| name == queue);
        of.map(|((_, outcome), (before, these))| (outcome.clone(), before + these)).collect()
    }

    /// How many left it for good.
    pub(super) fn done(&self, queue: &str) -> u64 {
        let outcomes = self.outcomes(queue);
        outcomes.iter().filter(|(outcome, _)| !NOT_FOR_GOOD.contains(&outcome.as_str())).map(|(_, count)| count).sum()
    }

    /// How many are worked on.
    pub(super) fn in_flight(&self, queue: &str) -> u64 {
        self.in_flight.get(queue).copied().unwrap_or_default()
    }

    /// How many left it in a second, of late.
    pub(super) fn rate(&self, queue: &str) -> f64 {
        let Some(seen) = self.seen.get(queue) else { return 0.0 };
        let (Some((from, first)), Some((to, last))) = (seen.front(), seen.back()) else { return 0.0 };
        let (time, done) = (to.saturating_sub(*from), last.saturating_sub(*first));
        if time.is_zero() { 0.0 } else { f64::from(u32::try_from(done).unwrap_or(u32::MAX)) / time.as_secs_f64() }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Measured;

    fn page(published: u64, retried: u64) -> String {
        format!(
            "# HELP sealpost_jobs_total Messages\n\
             sealpost_jobs_total{{queue=\"publish-jobs\",outcome=\"publish.published\"}} {published}\n\
             sealpost_jobs_total{{queue=\"publish-jobs\",outcome=\"retried\"}} {retried}\n\
             sealpost_jobs_total_more{{queue=\"publish-jobs\",outcome=\"done\"}} 99\n\
             sealpost_jobs_in_flight{{queue=\"publish-jobs\"}} 2\n"
        )
    }

    #[test]
    fn what_is_retried_has_not_left_its_queue() {
        let mut measured = Measured::default();
        measured.read(&page(3, 4), Duration::ZERO);
        assert_eq!((measured.done("publish-jobs"), measured.in_flight("publish-jobs")), (3, 2));
        assert_eq!(measured.outcomes("publish-jobs")["retried"], 4);
        assert_eq!((measured.done("rotation-ticks"), measured.in_flight("rotation-ticks")), (0, 0));
    }

    #[test]
    fn workers_that_begin_anew_count_on() {
        let mut measured = Measured::default();
        for published in [3, 5, 1, 2] {
            measured.read(&page(published, 0), Duration::ZERO);
        }
        assert_eq!(measured.done("publish-jobs"), 7);
    }

    #[test]
    fn the_rate_is_that_of_the_last_seconds() {
        let mut measured = Measured::default();
        for (second, published) in [(0, 100), (1, 110), (4, 110), (6, 130), (8, 130)] {
            measured.read(&page(published, 0), Duration::from_secs(second));
        }
        // from the first second on: an older state tells nothing of the last five
        assert!((measured.rate("publish-jobs") - 20.0 / 7.0).abs() < 1e-9, "{}", measured.rate("publish-jobs"));
        measured.read(&page(130, 0), Duration::from_secs(20));
        assert!(measured.rate("publish-jobs").abs() < 1e-9);
    }
}
