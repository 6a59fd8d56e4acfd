//! What is seen at one look. As JSON it is what `--json` prints, so that its names are part of the command.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sealpost_shared::metrics::{
    API_CALLS, ATTEMPTS_FAILED, BREAKER_OPEN, HELD_BACK, JOB_WAIT, JOBS, JOBS_IN_FLIGHT, PROVIDER_SECONDS, ROTATED,
    TOKEN_CALLS,
};
use sealpost_shared::seal::{KeyId, KeyVersion};
use serde::Serialize;

use super::rates::Measured;
use super::workers::Worker;
use crate::ops::keys::rotations::Shown;

/// One look. What is not known is `null`.
#[derive(Debug, Serialize)]
pub(super) struct Snapshot {
    pub(super) at: Timestamp,
    /// For how many seconds the rates are.
    pub(super) interval_seconds: f64,
    /// What could not be looked at, and why.
    pub(super) problems: Vec<String>,
    pub(super) workers: Vec<Worker>,
    pub(super) queues: Vec<Queue>,
    /// Messages that wait for another attempt, or for their turn at a provider.
    pub(super) delayed: Option<u32>,
    pub(super) dead_letters: Option<u32>,
    pub(super) outcomes: Vec<Outcome>,
    pub(super) failures: Vec<Failed>,
    pub(super) sweep: Option<Sweep>,
    pub(super) providers: Vec<Provider>,
}

/// A work queue.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct Queue {
    #[serde(rename = "queue")]
    pub(super) name: &'static str,
    /// Messages that nobody holds.
    pub(super) ready: Option<u32>,
    /// The same of those that come back for another attempt.
    pub(super) retries: Option<u32>,
    /// Messages that workers hold.
    pub(super) unacked: Option<u64>,
    pub(super) consumers: Option<u32>,
    pub(super) in_per_second: Option<f64>,
    pub(super) out_per_second: Option<f64>,
    /// From the making of a message to its first delivery, of those that came since the last look: the mean, in seconds.
    pub(super) waited_seconds: Option<f64>,
}

/// How messages leave a queue.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Outcome {
    pub(super) queue: String,
    #[serde(rename = "outcome")]
    pub(super) how: String,
    pub(super) total: u64,
    pub(super) per_second: Option<f64>,
}

/// Why attempts failed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Failed {
    pub(super) queue: String,
    pub(super) code: String,
    pub(super) total: u64,
    pub(super) per_second: Option<f64>,
}

/// What is sealed under which key version, and the rotations.
#[derive(Debug, Serialize)]
pub(super) struct Sweep {
    pub(super) versions: Vec<Version>,
    /// How much is sealed under older versions.
    pub(super) older: u64,
    pub(super) rotations: Vec<Shown>,
    /// Records that rotations seal anew or refresh.
    pub(super) records_per_second: Option<f64>,
}

/// A key version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Version {
    pub(super) key: KeyId,
    #[serde(rename = "version")]
    pub(super) name: KeyVersion,
    pub(super) latest: bool,
    pub(super) held: u64,
}

/// A provider, as workers call it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct Provider {
    #[serde(rename = "provider")]
    pub(super) name: String,
    pub(super) calls: Option<u64>,
    pub(super) calls_per_second: Option<f64>,
    pub(super) errors: Option<u64>,
    pub(super) errors_per_second: Option<f64>,
    /// How long calls took that ended since the last look: the mean, in seconds.
    pub(super) seconds: Option<f64>,
    pub(super) rate_limited_per_second: Option<f64>,
    /// Calls that were not made in a second, by reason; `null` if workers do not measure it.
    pub(super) held_back_per_second: Option<BTreeMap<String, f64>>,
    /// The endpoints whose breaker is open in a worker; `null` if workers do not measure it.
    pub(super) breaker_open: Option<Vec<String>>,
}

/// What workers hold of a queue.
pub(super) fn unacked(queue: &str, measured: &Measured) -> Option<u64> {
    measured.total(JOBS_IN_FLIGHT, &[("queue", queue)])
}

/// How many messages of a queue are acked in a second. What is given back stays in its queue.
pub(super) fn out(queue: &str, measured: &Measured) -> Option<f64> {
    let given_back = measured.per_second(JOBS, &[("queue", queue), ("outcome", "given-back")])?;
    measured.per_second(JOBS, &[("queue", queue)]).map(|all| all - given_back)
}

/// How long they waited.
pub(super) fn waited(queue: &str, measured: &Measured) -> Option<f64> {
    measured.mean(JOB_WAIT, &[("queue", queue)])
}

/// Those that happen most come first.
pub(super) fn outcomes(measured: &Measured) -> Vec<Outcome> {
    let each = measured.each(JOBS).filter_map(|(labels, total, per_second)| {
        let (queue, how) = (labels.get("queue")?.clone(), labels.get("outcome")?.clone());
        Some(Outcome { queue, how, total, per_second })
    });
    let mut outcomes: Vec<_> = each.collect();
    outcomes.sort_by(|a, b| most((a.per_second, a.total), (b.per_second, b.total)));
    outcomes
}

/// The same of failures.
pub(super) fn failures(measured: &Measured) -> Vec<Failed> {
    let each = measured.each(ATTEMPTS_FAILED).filter_map(|(labels, total, per_second)| {
        Some(Failed { queue: labels.get("queue")?.clone(), code: labels.get("code")?.clone(), total, per_second })
    });
    let mut failures: Vec<_> = each.collect();
    failures.sort_by(|a, b| most((a.per_second, a.total), (b.per_second, b.total)));
    failures
}

fn most(a: (Option<f64>, u64), b: (Option<f64>, u64)) -> std::cmp::Ordering {
    let rate = |of: (Option<f64>, u64)| of.0.unwrap_or_default();
    rate(b).total_cmp(&rate(a)).then(b.1.cmp(&a.1))
}

/// What rotations do in a second.
pub(super) fn rotated(measured: &Measured) -> Option<f64> {
    let of = |result| measured.per_second(ROTATED, &[("result", result)]);
    Some(of("resealed")? + of("refreshed")?)
}

/// Every provider that workers called, by name.
pub(super) fn providers(measured: &Measured) -> Vec<Provider> {
    measured.values("sealpost_", "provider").into_iter().map(|name| provider(&name, measured)).collect()
}

fn provider(name: &str, measured: &Measured) -> Provider {
    let of = ("provider", name);
    let total = |labels: &[_]| Some(measured.total(TOKEN_CALLS, labels)? + measured.total(API_CALLS, labels)?);
    let rate = |labels: &[_]| Some(measured.per_second(TOKEN_CALLS, labels)? + measured.per_second(API_CALLS, labels)?);
    let (calls, calls_per_second) = (total(&[of]), rate(&[of]));
    let good = [of, ("outcome", "ok")];
    let own = |metric| measured.each(metric).filter(|(labels, ..)| labels.get("provider").is_some_and(|it| it == name));
    let held: Vec<_> =
        own(HELD_BACK).filter_map(|(labels, _, rate)| Some((labels.get("reason")?.clone(), rate?))).collect();
    let breakers: Vec<_> =
        own(BREAKER_OPEN).filter_map(|(labels, open, _)| Some((labels.get("endpoint")?, open))).collect();
    Provider {
        name: name.into(),
        calls,
        calls_per_second,
        errors: calls.zip(total(&good)).map(|(all, good)| all.saturating_sub(good)),
        errors_per_second: calls_per_second.zip(rate(&good)).map(|(all, good)| all - good),
        seconds: measured.mean(PROVIDER_SECONDS, &[of]),
        rate_limited_per_second: rate(&[of, ("outcome", "rate-limited")]),
        held_back_per_second: (!held.is_empty()).then(|| held.into_iter().collect()),
        breaker_open: (!breakers.is_empty()).then(|| {
            breakers.into_iter().filter(|(_, open)| *open > 0).map(|(endpoint, _)| endpoint.clone()).collect()
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::exposition::read;
    use crate::ops::top::workers::Seen;

    fn measured(before: &str, now: &str) -> Measured {
        let at = Instant::now();
        let (before, now) = (read(before), read(now));
        Measured::of(&[(Some(Seen { page: before, at }), Seen { page: now, at: at + Duration::from_secs(2) })])
    }

    #[test]
    fn a_provider_is_seen_over_all_its_calls() {
        let page = |ok: u32, limited: u32, refresh: u32, seconds: u32| {
            format!(
                "sealpost_api_calls_total{{provider=\"a\",call=\"publish\",outcome=\"ok\"}} {ok}\n\
                 sealpost_api_calls_total{{provider=\"a\",call=\"publish\",outcome=\"rate-limited\"}} {limited}\n\
                 sealpost_token_calls_total{{provider=\"a\",grant=\"refresh_token\",outcome=\"lost\"}} {refresh}\n\
                 sealpost_token_calls_total{{provider=\"b\",grant=\"refresh_token\",outcome=\"ok\"}} 9\n\
                 sealpost_provider_call_seconds_sum{{provider=\"a\",call=\"publish\"}} {seconds}\n\
                 sealpost_provider_call_seconds_count{{provider=\"a\",call=\"publish\"}} {ok}\n"
            )
        };
        let seen = providers(&measured(&page(10, 0, 0, 5), &page(20, 4, 2, 10)));
        let expected = Provider {
            name: "a".into(),
            calls: Some(26),
            calls_per_second: Some(8.0),
            errors: Some(6),
            errors_per_second: Some(3.0),
            seconds: Some(0.5),
            rate_limited_per_second: Some(2.0),
            ..Provider::default()
        };
        assert_eq!((seen.len(), &seen[0]), (2, &expected));
        assert_eq!((seen[1].errors, seen[1].seconds), (Some(0), None));
    }

    #[test]
    fn what_is_held_back_and_open_breakers_are_shown_where_workers_measure_them() {
        let page = |held: u32, open: u32| {
            format!(
                "sealpost_held_back_total{{provider=\"a\",reason=\"rate\"}} {held}\n\
                 sealpost_held_back_total{{provider=\"a\",reason=\"slow\"}} 0\n\
                 sealpost_breaker_open{{provider=\"a\",endpoint=\"token\"}} {open}\n\
                 sealpost_breaker_open{{provider=\"a\",endpoint=\"api\"}} 0\n"
            )
        };
        let seen = |open| providers(&measured(&page(0, 0), &page(4, open))).remove(0);
        let held = [("rate".to_owned(), 2.0), ("slow".to_owned(), 0.0)].into();
        assert_eq!(seen(1).held_back_per_second, Some(held));
        assert_eq!((seen(1).breaker_open, seen(0).breaker_open), (Some(vec!["token".into()]), Some(Vec::new())));
    }

    #[test]
    fn what_is_given_back_has_not_left_its_queue_and_the_busiest_outcome_comes_first() {
        let page = |done: u32, back: u32| {
            format!(
                "sealpost_jobs_total{{queue=\"q\",outcome=\"done\"}} {done}\n\
                 sealpost_jobs_total{{queue=\"q\",outcome=\"given-back\"}} {back}\n"
            )
        };
        let measured = measured(&page(0, 0), &page(6, 40));
        assert_eq!(out("q", &measured), Some(3.0));
        let first = &outcomes(&measured)[0];
        assert_eq!((first.how.as_str(), first.total, first.per_second), ("given-back", 40, Some(20.0)));
    }
}
