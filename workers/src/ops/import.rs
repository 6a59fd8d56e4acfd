//! `sealpost import`: refresh tokens that another system held become connections.
//!
//! The file is checked as a whole before anything is sent. Then every line is one exchange request, whose id is derived
//! from what the line says: who runs the command again, after whatever ended it, is answered again, and no token is spent
//! twice.

mod lines;
mod question;
mod report;
mod table;

use std::fs::File;
use std::io::Write;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sealpost_schemas::{ExchangeResult, ProviderId};
use sealpost_shared::config::Config;

use self::lines::Line;
use self::question::Asked;
use self::report::Report;
use super::asking::{Asking, Ended, News, Said};
use super::progress::Progress;
use super::{open, read, screen, sealing};
use crate::providers::Catalogue;
use crate::worker::stop_signal;

/// What is brought in, and how.
#[derive(Debug, clap::Args)]
pub struct ImportArgs {
    /// One JSON object a line, with `tenant`, `user`, `provider`, `refresh_token`, and perhaps `label` and `scopes`; `-` is
    /// stdin.
    pub file: PathBuf,
    /// The provider of lines that name none.
    #[arg(long, value_name = "NAME", value_parser = read::provider)]
    pub provider: Option<ProviderId>,
    /// How many requests are under way at a time.
    #[arg(long, value_name = "N", default_value = "16")]
    pub concurrency: NonZeroUsize,
    /// Where the outcome of every line goes, one JSON object each, without tokens.
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// Ends with JSON instead of a table.
    #[arg(long)]
    pub json: bool,
    /// Gives up after so many seconds without any answer.
    #[arg(long, value_name = "SECONDS", default_value = "300")]
    pub patience: u64,
}

/// Brings in what the file holds, and says what became of each line.
///
/// # Errors
/// In words: what is wrong with the file, before anything is sent; or how many lines did not become connections.
pub async fn import(config: &Path, args: &ImportArgs) -> Result<(), String> {
    let config = Config::read(config)?;
    let urls = open::broker_urls(&config).await?;
    let catalogue = Catalogue::of(&config)?;
    let lines = lines::read(&args.file, args.provider.as_ref(), &|name| catalogue.get(name).is_some())?;
    let key = sealing::key(&config).await?;
    let report_file = args.report.as_deref().map(|path| created(path, &args.file)).transpose()?;
    let stop = stop_signal()?;
    let (mut progress, mut failed) = (Progress::begin(lines.len(), "answered"), 0);
    let (patience, replies) = (Duration::from_secs(args.patience), config.broker.reply_prefixes.into());
    let named = config.broker.users.is_some();
    let questions: Vec<_> = lines.iter().map(|line| Asked { line, key: &key }).collect();
    let mut asking = Asking::new(&questions, args.concurrency, patience, replies);
    let mut tell = |news: News<'_, ExchangeResult>| match news {
        News::Said(Said::Answer(result)) => {
            failed += usize::from(result.failure.is_some());
            progress.one_more(if failed == 0 { String::new() } else { format!("({failed} refused)") });
        }
        News::Said(Said::Parts(_)) => {}
        News::Note(note) => progress.note(&note),
    };
    let ended = asking.run((&urls, named), &mut tell, &stop).await;
    let report = Report { lines: &lines, results: asking.into_answers(), ended: ended.as_ref().err() };
    progress.end();
    if let Some((mut file, path)) = report_file.zip(args.report.as_deref()) {
        let written = report.write(&mut file).and_then(|()| file.flush());
        written.map_err(|error| format!("writing the report {}: {error}", path.display()))?;
    }
    let text = if args.json { report.json().to_string() } else { report.table() };
    screen::print(&text)?;
    verdict(&report)
}

/// Makes the report's file, before anything is sent. It must not be the one that is read.
fn created(path: &Path, input: &Path) -> Result<File, String> {
    if read::same_file(path, input) {
        return Err(format!("the report would overwrite {}; choose another --report", input.display()));
    }
    File::create(path).map_err(|error| format!("making the report {}: {error}", path.display()))
}

fn verdict(report: &Report<'_>) -> Result<(), String> {
    let (all, stored, open) = (report.lines.len(), report.stored(), report.unanswered());
    let ended = match report.ended {
        Some(Ended::Stopped) => "stopped: ",
        Some(Ended::Unsent) => "the broker cannot be reached: ",
        Some(Ended::NoAnswer) => "no answer came for too long; is a worker running (sealpost work exchange)? ",
        None => "",
    };
    let again = if open > 0 { "; run the same command again for these: nothing is done twice" } else { "" };
    match (all - stored - open, open) {
        (0, 0) => Ok(()),
        (failed, 0) => Err(format!("{ended}{failed} of {all} were refused")),
        (0, open) => Err(format!("{ended}{open} of {all} have no answer yet{again}")),
        (failed, open) => Err(format!("{ended}{failed} of {all} were refused, {open} have no answer yet{again}")),
    }
}

/// One line's name in a message to a person.
fn named(line: &Line) -> String {
    let connection = &line.connection;
    let label = match connection.label.as_str() {
        "default" => String::new(),
        label => format!(" ({label})"),
    };
    format!("{}/{} at {}{label}", connection.tenant, connection.user, connection.provider)
}
