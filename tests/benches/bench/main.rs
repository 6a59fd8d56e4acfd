//! `make bench`: the publish path beside the bare pipeline (the same input and output, and no other logic), and the
//! re-sealing walk beside the bare rewrite, interleaved on one RabbitMQ, one Redis and one stub of a provider.
//!
//! Only the ratios say something: machines differ, and are shared.
#![expect(clippy::unwrap_used, reason = "a benchmark ends where its world is not as it needs it")]
#![expect(clippy::print_stdout, reason = "its table is what it is for")]

mod bare;
mod publish;
mod report;
mod role;
mod usage;
mod walk;

use std::io::Write;

use report::{Report, Run};

/// How often each of the two is run, in turn.
const RUNS: usize = 5;

/// What was measured, and where it belongs.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

fn main() {
    let mut args = std::env::args().skip(1).filter(|arg| arg != "--bench");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let number = |name: &str, default: usize| {
        std::env::var(name).ok().map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
    };
    match args.next() {
        Some(role) => runtime.block_on(role::play(&role, args.collect())),
        None => runtime.block_on(async {
            let runs = number("SEALPOST_BENCH_RUNS", RUNS);
            let (jobs, records) = (number("SEALPOST_BENCH_JOBS", 20_000), number("SEALPOST_BENCH_RECORDS", 200_000));
            let (bare, ours, idle) = publish::compare(jobs, runs).await;
            let (rewrite, walk, growth) = walk::compare(records, runs.min(3)).await;
            let report = Report { bare, ours, rewrite, walk, idle_rss_mb: idle, walk_rss_mb: growth };
            println!("{}", report.table());
            let file = sealpost_tests::machine::workspace().join("bench.json");
            std::fs::write(&file, report.json()).unwrap();
            say(&format!("written: {}", file.display()));
        }),
    }
}

/// The median, for an odd number of runs the middle one.
pub(crate) fn median(of: impl Iterator<Item = f64>) -> f64 {
    let mut all: Vec<f64> = of.collect();
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied().unwrap_or(f64::NAN)
}

/// A run of so many operations.
pub(crate) fn run(operations: f64, seconds: f64, cpu_seconds: f64) -> Run {
    Run { per_second: operations / seconds, cpu_us: cpu_seconds * 1e6 / operations }
}
