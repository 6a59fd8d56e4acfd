//! A page of metrics, as a worker serves it: the samples of Prometheus's text format, version 0.0.4
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/>).
//!
//! Our own reader: the one crate for it that is kept up brings chrono and regex for what are a few lines here.

#[cfg(test)]
mod fuzz;

use std::collections::BTreeMap;

use sealpost_shared::plain::plain;

/// What our metrics begin with.
const OURS: &str = "sealpost_";

/// A metric with its labels.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Series {
    pub(crate) name: String,
    pub(crate) labels: BTreeMap<String, String>,
}

/// The samples of one worker.
pub(crate) type Page = BTreeMap<Series, f64>;

/// Our samples of a page. A line that is no sample, or has no number, is left out.
pub(crate) fn read(text: &str) -> Page {
    let lines = text.lines().map(str::trim_start).filter(|line| line.starts_with(OURS));
    lines.filter_map(sample).collect()
}

/// A number that counts.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a double counts exactly to 2^53")]
pub(crate) fn count(value: f64) -> u64 {
    value.round() as u64
}

fn sample(line: &str) -> Option<(Series, f64)> {
    let (name, rest) = line.split_at(line.find(['{', ' ', '\t'])?);
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(rest) => labels(rest)?,
        None => (BTreeMap::new(), rest),
    };
    // a time may follow
    let value = rest.split_whitespace().next()?.parse().ok().filter(|value: &f64| value.is_finite())?;
    Some((Series { name: name.to_owned(), labels }, value))
}

/// Labels up to the closing brace, and what follows. They are for a person to see.
fn labels(mut rest: &str) -> Option<(BTreeMap<String, String>, &str)> {
    let mut labels = BTreeMap::new();
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        if let Some(rest) = rest.strip_prefix('}') {
            return Some((labels, rest));
        }
        let (name, quoted) = rest.split_once('=')?;
        let (value, after) = value(quoted.trim_start().strip_prefix('"')?)?;
        labels.insert(name.trim().to_owned(), plain(&value));
        rest = after;
    }
}

/// A value up to the closing quote, and what follows.
fn value(quoted: &str) -> Option<(String, &str)> {
    let (mut value, mut chars) = (String::new(), quoted.char_indices());
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, &quoted[at + 1..])),
            '\\' => value.push(match chars.next()?.1 {
                'n' => '\n',
                escaped => escaped,
            }),
            c => value.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn samples_are_read_as_the_format_has_them() {
        let page = read(
            "# HELP sealpost_jobs_total Messages that left their queue.\n\
             # TYPE sealpost_jobs_total counter\n\
             sealpost_jobs_total{queue=\"publish-jobs\",outcome=\"publish.published\"} 42 1395066363000\n\
             sealpost_tombstones 3\n\
             sealpost_odd{ a = \"x,y}\\\"\\\\\\n\" , } 1.5e3\n\
             sealpost_job_seconds_bucket{queue=\"publish-jobs\",le=\"+Inf\"} 7\n\
             sealpost_nothing{a=\"b\"} NaN\n\
             sealpost_cut{a=\"b\n\
             sealpost_cut\n\
             go_goroutines 5\n",
        );
        let told: Vec<_> = page.iter().map(|(series, value)| (series.name.as_str(), &series.labels, *value)).collect();
        let labels = |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        assert_eq!(
            told,
            [
                ("sealpost_job_seconds_bucket", &labels(&[("queue", "publish-jobs"), ("le", "+Inf")]), 7.0),
                ("sealpost_jobs_total", &labels(&[("queue", "publish-jobs"), ("outcome", "publish.published")]), 42.0),
                ("sealpost_odd", &labels(&[("a", "x,y}\"\\")]), 1500.0),
                ("sealpost_tombstones", &labels(&[]), 3.0),
            ]
        );
    }
}
