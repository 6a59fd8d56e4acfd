//! Tables of a snapshot: titles and rows, for the terminal view and for `--once`.

use super::snapshot::{Provider, Queue, Snapshot, Sweep};
use crate::ops::keys::rotations::Shown;

/// What is not known.
const UNKNOWN: &str = "–";

/// A table. Columns from `numbers` on are numbers.
pub(super) struct Cells {
    pub(super) titles: Vec<&'static str>,
    pub(super) numbers: usize,
    pub(super) rows: Vec<Vec<String>>,
}

impl Cells {
    fn new<const N: usize>(titles: [&'static str; N], numbers: usize, rows: impl Iterator<Item = [String; N]>) -> Self {
        Self { titles: titles.into(), numbers, rows: rows.map(Vec::from).collect() }
    }

    /// The same with these columns, in this order.
    pub(super) fn in_order<const N: usize>(self, columns: [usize; N]) -> Self {
        let row = |row: Vec<String>| columns.iter().map(|column| row[*column].clone()).collect();
        let titles = columns.iter().map(|column| self.titles[*column]).collect();
        Self { titles, numbers: self.numbers, rows: self.rows.into_iter().map(row).collect() }
    }
}

/// The work queues.
pub(super) fn queues(of: &Snapshot) -> Cells {
    let titles = ["queue", "ready", "retries", "unacked", "consumers", "in/s", "out/s", "waited"];
    let row = |queue: &Queue| {
        [
            queue.name.into(),
            count(queue.ready),
            count(queue.retries),
            count(queue.unacked),
            count(queue.consumers),
            rate(queue.in_per_second),
            rate(queue.out_per_second),
            seconds(queue.waited_seconds),
        ]
    };
    Cells::new(titles, 1, of.queues.iter().map(row))
}

/// How messages leave their queues, and why attempts did not do what they were for.
pub(super) fn outcomes(of: &Snapshot) -> Cells {
    let outcomes = of.outcomes.iter().map(|outcome| {
        [outcome.queue.clone(), outcome.how.clone(), rate(outcome.per_second), outcome.total.to_string()]
    });
    let failures = of.failures.iter().map(|failed| {
        [failed.queue.clone(), format!("not done: {}", failed.code), rate(failed.per_second), failed.total.to_string()]
    });
    // failures are what one looks for; what did not happen lately comes last
    let mut rows: Vec<_> = failures.chain(outcomes).collect();
    rows.sort_by_key(|row| ["0", UNKNOWN].contains(&row[2].as_str()));
    Cells::new(["queue", "outcome", "/s", "all"], 2, rows.into_iter())
}

/// Key versions.
pub(super) fn versions(of: &Sweep) -> Cells {
    let row = |version: &super::snapshot::Version| {
        let state = if version.latest { "latest" } else { "older" };
        [version.key.to_string(), version.name.to_string(), state.into(), version.held.to_string()]
    };
    Cells::new(["key", "version", "state", "sealed under it"], 3, of.versions.iter().map(row))
}

/// Rotations that run, and the last that ended.
pub(super) fn rotations(of: &Sweep) -> Cells {
    Cells::new(Shown::TITLES, Shown::TITLES.len(), of.rotations.iter().map(Shown::cells))
}

/// Providers.
pub(super) fn providers(of: &Snapshot) -> Cells {
    let titles = ["provider", "calls/s", "errors/s", "errors", "took", "limited/s", "held back/s", "breaker"];
    let row = |provider: &Provider| {
        let held = provider.held_back_per_second.as_ref().map(|reasons| {
            let some: Vec<_> = reasons.iter().filter(|(_, rate)| **rate > 0.0).collect();
            let told = some.iter().map(|(reason, held)| format!("{} {reason}", rate(Some(**held))));
            if some.is_empty() { "0".into() } else { told.collect::<Vec<_>>().join(", ") }
        });
        let breaker = provider.breaker_open.as_ref().map(|open| match open.as_slice() {
            [] => "closed".into(),
            open => format!("open: {}", open.join(", ")),
        });
        [
            provider.name.clone(),
            rate(provider.calls_per_second),
            rate(provider.errors_per_second),
            count(provider.errors),
            seconds(provider.seconds),
            rate(provider.rate_limited_per_second),
            held.unwrap_or_else(|| UNKNOWN.into()),
            breaker.unwrap_or_else(|| UNKNOWN.into()),
        ]
    };
    Cells::new(titles, 1, of.providers.iter().map(row))
}

/// What waits elsewhere.
pub(super) fn aside(of: &Snapshot) -> String {
    format!("{} wait for another attempt or their turn, {} dead letters", count(of.delayed), count(of.dead_letters))
}

/// How many workers answer.
pub(super) fn answering(of: &Snapshot) -> String {
    let answer = of.workers.iter().filter(|worker| worker.problem.is_none()).count();
    match of.workers.len() {
        0 => "no workers named: --metrics URL".into(),
        all => format!("{answer} of {all} workers answer"),
    }
}

/// Which do not.
pub(super) fn silent(of: &Snapshot) -> Vec<String> {
    let silent = of.workers.iter().filter_map(|worker| Some((&worker.address, worker.problem.as_ref()?)));
    silent.map(|(address, problem)| format!("{address} is not answering: {problem}")).collect()
}

/// How much is sealed under which versions.
pub(super) fn sealed(of: &Sweep) -> String {
    let latest: u64 = of.versions.iter().filter(|version| version.latest).map(|version| version.held).sum();
    let pace = of.records_per_second.filter(|rate| *rate > 0.0).map(|it| format!(", {} a second", rate(Some(it))));
    let runs = of.rotations.iter().filter(|rotation| rotation.runs()).count();
    let runs = match runs {
        0 => "no rotation runs".into(),
        1 => "a rotation runs".into(),
        more => format!("{more} rotations run"),
    };
    format!("{latest} under the latest key, {} under older; {runs}{}", of.older, pace.unwrap_or_default())
}

fn count<N: ToString>(number: Option<N>) -> String {
    number.map_or_else(|| UNKNOWN.into(), |number| number.to_string())
}

/// Three digits at the least, and no more than are worth reading.
pub(super) fn rate(number: Option<f64>) -> String {
    match number {
        None => UNKNOWN.into(),
        Some(number) if number < 0.005 => "0".into(),
        Some(number) if number < 9.995 => format!("{number:.2}"),
        Some(number) if number < 99.95 => format!("{number:.1}"),
        Some(number) => format!("{number:.0}"),
    }
}

fn seconds(number: Option<f64>) -> String {
    match number {
        None => UNKNOWN.into(),
        Some(number) if number < 0.9995 => format!("{:.0} ms", number * 1000.0),
        Some(number) if number < 99.95 => format!("{number:.1} s"),
        Some(number) => format!("{:.0} min", number / 60.0),
    }
}

#[cfg(test)]
mod tests {
    use super::{rate, seconds};

    #[test]
    fn numbers_have_as_many_digits_as_are_worth_reading() {
        let rates = [0.0, 0.5, 9.994, 12.34, 1234.5].map(|number| rate(Some(number)));
        assert_eq!(rates, ["0", "0.50", "9.99", "12.3", "1234"]);
        let times = [0.0042, 0.9999, 12.0, 600.0].map(|number| seconds(Some(number)));
        assert_eq!(times, ["4 ms", "1.0 s", "12.0 s", "10 min"]);
        assert_eq!((rate(None), seconds(None)), ("–".into(), "–".into()));
    }
}
