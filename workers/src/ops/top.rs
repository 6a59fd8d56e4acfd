//! `sealpost top`: what goes on, as it changes. Queues and rotations are asked of broker and store; how jobs end and what
//! providers do is read of the workers' metrics.

mod cells;
mod draw;
mod live;
mod look;
mod rates;
mod snapshot;
mod text;
mod workers;

use std::io::{IsTerminal, stdin, stdout};
use std::time::Duration;

use clap::Args;
use sealpost_shared::config::Config;
use tokio::time::sleep;

use self::look::Looker;
use super::{Common, screen};

/// What is shown, and how.
#[derive(Debug, Args)]
#[command(
    after_help = "q, Esc or Ctrl-C leave. Rates, outcomes and providers are sums over the workers that are named; \
                        in/s is reckoned from what leaves a queue and how much it grows, so that it needs all of them."
)]
pub struct Top {
    /// Where a worker's metrics are, as in `http://10.0.0.7:9464/metrics`; repeat it for several. By default the one whose
    /// port ops.listen names, on this machine.
    #[arg(long, value_name = "URL")]
    metrics: Vec<String>,
    /// Between two looks, and what rates are over.
    #[arg(long, value_name = "SECONDS", default_value = "2", value_parser = interval)]
    interval: Duration,
    /// Prints what is seen once, after one interval, instead of a view that changes.
    #[arg(long)]
    once: bool,
    /// Prints one JSON object: at, `interval_seconds`, workers, queues, delayed, `dead_letters`, outcomes, failures, sweep,
    /// providers, problems. What is not known is null.
    #[arg(long, requires = "once")]
    json: bool,
    #[command(flatten)]
    common: Common,
}

/// The shortest and the longest interval, in seconds.
const INTERVALS: (f64, f64) = (0.1, 3600.0);

fn interval(text: &str) -> Result<Duration, String> {
    let (least, most) = INTERVALS;
    let seconds = text.parse().ok().filter(|seconds: &f64| (least..=most).contains(seconds));
    seconds.map(Duration::from_secs_f64).ok_or_else(|| format!("must be a number of seconds from {least} to {most}"))
}

/// Shows it until the operator leaves, or once.
///
/// # Errors
/// In words: what could not be looked at, or why there is no view.
pub async fn run(args: &Top) -> Result<(), String> {
    let is_terminal = stdout().is_terminal() && stdin().is_terminal();
    if !is_terminal && !args.once {
        return Err(
            "this is no terminal that a view could change on; --once prints what is seen, --once --json for programs"
                .into(),
        );
    }
    let mut looker = Looker::new(Config::read(&args.common.config)?, &args.metrics)?;
    if !args.once {
        return Box::pin(live::run(looker, args.interval)).await;
    }
    looker.look().await;
    sleep(args.interval).await;
    let snapshot = looker.look().await;
    let printed = if args.json { screen::print_json(&snapshot) } else { text::print(&snapshot) };
    printed?;
    if snapshot.problems.is_empty() { Ok(()) } else { Err(snapshot.problems.join("\n")) }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::interval;

    #[test]
    fn an_interval_is_a_tenth_of_a_second_at_least_and_an_hour_at_most() {
        assert_eq!((interval("0.1"), interval("3600")), (Ok(Duration::from_millis(100)), Ok(Duration::from_hours(1))));
        for wrong in ["0", "0.09", "-2", "3601", "NaN", "inf", "2s", ""] {
            assert!(interval(wrong).is_err(), "{wrong}");
        }
    }
}
