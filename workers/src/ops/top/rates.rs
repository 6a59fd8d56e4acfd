//! What the workers count together, and how fast.

use std::collections::BTreeMap;

use super::workers::Seen;
use crate::exposition::{Page, Series, count};

/// A sample, summed over the workers.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    value: f64,
    /// How much more it is than when each worker was asked before.
    increase: f64,
    per_second: f64,
}

/// The samples of all workers that answered.
#[derive(Debug, Default)]
pub(super) struct Measured {
    sums: BTreeMap<Series, Sum>,
    answered: bool,
    /// Whether one of them was asked before, so that there are rates.
    rated: bool,
}

impl Measured {
    /// Of what each worker said before, if it did, and now.
    pub(super) fn of(workers: &[(Option<Seen>, Seen)]) -> Self {
        let mut measured = Self { answered: !workers.is_empty(), ..Self::default() };
        for (before, now) in workers {
            measured.rated |= before.is_some();
            for (series, value) in &now.page {
                let sum = measured.sums.entry(series.clone()).or_default();
                sum.value += value;
                if let Some(before) = before {
                    let more = increase(&before.page, series, *value);
                    sum.increase += more;
                    sum.per_second += more / now.at.duration_since(before.at).as_secs_f64().max(f64::EPSILON);
                }
            }
        }
        measured
    }

    /// The values that a label has, of the metrics with this beginning.
    pub(super) fn values(&self, metrics: &str, label: &str) -> Vec<String> {
        let of = self.sums.keys().filter(|series| series.name.starts_with(metrics));
        let mut values: Vec<_> = of.filter_map(|series| series.labels.get(label).cloned()).collect();
        values.sort();
        values.dedup();
        values
    }

    /// Each series of a metric: its labels, what all workers counted, and that of a second.
    pub(super) fn each<'a>(
        &'a self,
        name: &'a str,
    ) -> impl Iterator<Item = (&'a BTreeMap<String, String>, u64, Option<f64>)> {
        let of = self.sums.iter().filter(move |(series, _)| series.name == name);
        of.map(|(series, sum)| (&series.labels, count(sum.value), self.rated.then_some(sum.per_second)))
    }

    /// The sum of a metric's series with these labels; `None`: no worker answered.
    pub(super) fn total(&self, name: &str, labels: &[(&str, &str)]) -> Option<u64> {
        self.answered.then(|| count(self.some(name, labels).map(|sum| sum.value).sum()))
    }

    /// That of a second; `None`: no worker was asked twice.
    pub(super) fn per_second(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        // a sum of nothing is -0.0
        self.rated.then(|| self.some(name, labels).map(|sum| sum.per_second).sum::<f64>() + 0.0)
    }

    /// The mean of what a histogram was given since the last time, if it was given anything.
    pub(super) fn mean(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let increase = |suffix| self.some(&format!("{name}{suffix}"), labels).map(|sum| sum.increase).sum::<f64>();
        let count = increase("_count");
        (count > 0.0).then(|| increase("_sum") / count)
    }

    fn some<'a>(&'a self, name: &'a str, labels: &'a [(&str, &str)]) -> impl Iterator<Item = &'a Sum> {
        let are =
            |series: &Series| labels.iter().all(|(label, is)| series.labels.get(*label).is_some_and(|it| it == is));
        self.sums.iter().filter(move |(series, _)| series.name == name && are(series)).map(|(_, sum)| sum)
    }
}

/// How much more a counter of one worker is. One that is less began anew at 0, and so did one that was not there.
fn increase(before: &Page, series: &Series, now: f64) -> f64 {
    let before = before.get(series).copied().unwrap_or_default();
    if now < before { now } else { now - before }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::exposition::read;

    const JOBS: &str = "sealpost_jobs_total";

    fn seen(at: Instant, seconds: u64, jobs: &[(&str, u32)]) -> Seen {
        let line = |(outcome, count): &(&str, u32)| format!("{JOBS}{{queue=\"q\",outcome=\"{outcome}\"}} {count}\n");
        Seen { page: read(&jobs.iter().map(line).collect::<String>()), at: at + Duration::from_secs(seconds) }
    }

    fn near(number: Option<f64>, is: f64) -> bool {
        number.is_some_and(|number| (number - is).abs() < 1e-9)
    }

    #[test]
    fn workers_are_summed_each_over_its_own_time() {
        let at = Instant::now();
        let one = (Some(seen(at, 0, &[("done", 10)])), seen(at, 2, &[("done", 30), ("retried", 4)]));
        let other = (Some(seen(at, 0, &[("done", 5)])), seen(at, 10, &[("done", 25)]));
        let new = (None, seen(at, 2, &[("done", 1000)]));
        let measured = Measured::of(&[one, other, new]);
        assert_eq!(measured.total(JOBS, &[("outcome", "done")]), Some(1055));
        assert!(near(measured.per_second(JOBS, &[("outcome", "done")]), 10.0 + 2.0));
        assert!(near(measured.per_second(JOBS, &[("outcome", "retried")]), 2.0), "it was 0 before it was there");
        assert!(near(measured.per_second(JOBS, &[("queue", "q")]), 14.0));
    }

    #[test]
    fn a_worker_that_began_anew_has_no_negative_rate() {
        let at = Instant::now();
        let pair = (Some(seen(at, 0, &[("done", 1000), ("retried", 3)])), seen(at, 2, &[("done", 6)]));
        let measured = Measured::of(&[pair]);
        assert!(near(measured.per_second(JOBS, &[]), 3.0), "{measured:?}");
        assert_eq!(measured.total(JOBS, &[]), Some(6));
    }

    #[test]
    fn what_nobody_told_is_not_known() {
        let nobody = Measured::of(&[]);
        assert_eq!((nobody.total(JOBS, &[]), nobody.per_second(JOBS, &[])), (None, None));
        let once = Measured::of(&[(None, seen(Instant::now(), 0, &[]))]);
        assert_eq!((once.total(JOBS, &[]), once.per_second(JOBS, &[])), (Some(0), None));
    }

    #[test]
    fn a_mean_is_that_of_the_time_between() {
        let at = Instant::now();
        let page =
            |sum, count| read(&format!("sealpost_s_sum{{p=\"a\"}} {sum}\nsealpost_s_count{{p=\"a\"}} {count}\n"));
        let (before, now) = (Seen { page: page(100, 10), at }, Seen { page: page(103, 16), at });
        let measured = Measured::of(&[(Some(before), now)]);
        assert!(near(measured.mean("sealpost_s", &[("p", "a")]), 0.5));
        assert_eq!(measured.mean("sealpost_s", &[("p", "b")]), None);
        let nothing = measured.per_second("sealpost_s", &[]);
        assert!(nothing.is_some_and(f64::is_sign_positive), "{nothing:?}");
    }
}
