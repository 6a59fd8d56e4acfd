//! `sealpost check`: whether a worker with this configuration would find what it needs, and what it risks. It makes
//! nothing and changes nothing.

mod broker;
mod files;
mod providers;
mod store;

use clap::Args;
use comfy_table::{Cell, Color};
use sealpost_shared::config::Config;
use serde::Serialize;
use serde_json::json;

use self::files::Met;
use super::Common;
use super::screen::{outside, print, print_json, table};

/// What is checked.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit code 0: nothing is wrong (there may be warnings). Nothing is made or changed: run it before the \
                        first worker, and after every change of the configuration."
)]
pub struct Check {
    /// Asks the providers' token endpoints for their front page too, without any credentials: name, network and certificate.
    #[arg(long)]
    providers: bool,
    /// JSON: one document.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    common: Common,
}

/// How one thing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Mark {
    Good,
    Warning,
    Wrong,
}

/// What was found about one thing.
#[derive(Debug, Serialize)]
struct Finding {
    mark: Mark,
    what: String,
    says: String,
}

impl Finding {
    fn good(what: &str, says: impl Into<String>) -> Self {
        Self { mark: Mark::Good, what: what.into(), says: says.into() }
    }

    fn warning(what: &str, says: impl Into<String>) -> Self {
        Self { mark: Mark::Warning, what: what.into(), says: says.into() }
    }

    fn wrong(what: &str, says: impl Into<String>) -> Self {
        Self { mark: Mark::Wrong, what: what.into(), says: says.into() }
    }

    /// What worked, as `good` tells it, or what went wrong.
    fn of<T>(what: &str, result: &Result<T, String>, good: impl FnOnce(&T) -> String) -> Self {
        match result {
            Ok(found) => Self::good(what, good(found)),
            Err(problem) => Self::wrong(what, problem),
        }
    }
}

/// Checks everything that can be checked.
///
/// # Errors
/// If anything is wrong; it is printed by then.
pub async fn run(args: &Check) -> Result<(), String> {
    let config = Config::read(&args.common.config);
    let mut found = vec![Finding::of("configuration", &config, |_| args.common.config.display().to_string())];
    if let Ok(config) = &config {
        let (files, Met { index_key, catalogue, secrets }) = files::check(config).await;
        found.extend(files);
        found.extend(broker::check(config, &secrets).await);
        found.extend(store::check(config, index_key, &secrets).await);
        if args.providers {
            found.extend(providers::check(config, catalogue.as_ref()).await);
        }
    }
    if args.json {
        print_document(&found)?;
    } else {
        print(&text(&found))?;
    }
    match count(&found, Mark::Wrong) {
        0 => Ok(()),
        wrong => Err(format!("{wrong} of {} checks found something wrong", found.len())),
    }
}

fn count(found: &[Finding], mark: Mark) -> usize {
    found.iter().filter(|finding| finding.mark == mark).count()
}

fn print_document(found: &[Finding]) -> Result<(), String> {
    let (wrong, warnings) = (count(found, Mark::Wrong), count(found, Mark::Warning));
    print_json(&json!({"wrong": wrong, "warnings": warnings, "checks": found}))
}

fn text(found: &[Finding]) -> String {
    let mut table = table(["", "what", "how it is"]);
    for Finding { mark, what, says } in found {
        let (sign, color) = match mark {
            Mark::Good => ("✓", Color::Green),
            Mark::Warning => ("!", Color::Yellow),
            Mark::Wrong => ("✗", Color::Red),
        };
        table.add_row([Cell::new(sign).fg(color), outside(what), outside(says)]);
    }
    table.to_string()
}
