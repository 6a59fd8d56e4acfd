//! `make soak`: the soak at full size, or at any. Prints the account, and writes it down as JSON; ends with 1 if anything
//! is not as it should be.

use std::{fs, io::Write, path::PathBuf, process::ExitCode, time::Duration};

use clap::Parser;
use sealpost_tests::{
    machine::workspace,
    soak::{Screen, Soak, plan},
};

/// Thousands of jobs over connections whose access tokens live seconds, while workers, RabbitMQ and Redis are killed.
#[derive(Parser)]
struct Args {
    /// How many jobs
    #[arg(long, default_value_t = 10_000)]
    jobs: usize,
    /// Over how many connections
    #[arg(long, default_value_t = 500)]
    connections: usize,
    /// For how many minutes jobs are sent and blows fall; the last answers may take some more
    #[arg(long, default_value_t = 5.0)]
    minutes: f64,
    /// The same number, the same jobs and blows; another one for each run otherwise
    #[arg(long)]
    seed: Option<u64>,
    /// Where the account goes; .sealpost/soak.json otherwise
    #[arg(long)]
    report: Option<PathBuf>,
}

/// A job that was put off again and again waits for ten minutes.
const PATIENCE: Duration = Duration::from_mins(15);

#[tokio::main]
async fn main() -> ExitCode {
    let Args { jobs, connections, minutes, seed, report } = Args::parse();
    let report = report.unwrap_or_else(|| workspace().join(".sealpost/soak.json"));
    let seed = seed.unwrap_or_else(|| fastrand::u64(..1_000_000));
    let lasts = Duration::from_secs_f64(60.0 * minutes);
    let blows = plan::at_random(seed, lasts);
    let soak = Soak { jobs, connections, lasts, blows, seed, patience: PATIENCE };
    let account = Box::pin(soak.run(&mut Screen::open())).await;
    let mut out = std::io::stdout();
    let json = serde_json::to_vec_pretty(&account).map_err(std::io::Error::other);
    let written = json.and_then(|json| fs::write(&report, json));
    let written = written.and_then(|()| write!(out, "{}in full: {}\n", account.table(), report.display()));
    if let Err(error) = &written {
        let _ = writeln!(std::io::stderr(), "soak: writing {}: {error}", report.display());
    }
    if account.holds() && written.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
