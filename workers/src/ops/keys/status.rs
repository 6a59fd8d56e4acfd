//! `sealpost keys status`.

use clap::Args;
use sealpost_shared::clock::{Clock, SystemClock};
use sealpost_shared::config::Config;
use serde_json::json;

use super::rotations::{Shown, shown};
use super::versions::Versions;
use crate::ops::{Common, screen};

/// How the status is shown.
#[derive(Debug, Args)]
pub struct Status {
    /// Prints one JSON object: key, versions, older (how much is sealed under older versions), rotations (those that run,
    /// and the last that ended), notes.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    common: Common,
}

pub(super) async fn run(args: &Status) -> Result<(), String> {
    let versions = Versions::read(&Config::read(&args.common.config)?).await?;
    let rotations = versions.store.rotations().await.map_err(|error| error.to_string())?;
    let (now, shards) = (SystemClock.now(), versions.store.shards());
    let older = versions.older();
    let shown = shown(rotations, (older, shards), now);
    let notes = notes(&versions, &shown, older);
    if args.json {
        return screen::print_json(&json!({
            "key": versions.key.to_string(), "versions": versions.json(), "older": older, "rotations": shown, "notes": notes,
        }));
    }
    screen::print(&versions.table(now).to_string())?;
    if !shown.is_empty() {
        screen::print(&table(&shown).to_string())?;
    }
    notes.iter().try_for_each(|note| screen::print(note))
}

fn notes(versions: &Versions, shown: &[Shown], older: u64) -> Vec<String> {
    let mut notes = versions.notes();
    let running = shown.iter().any(Shown::runs);
    notes.push(match (older, running) {
        (0, _) => "Nothing is sealed under an older version.".into(),
        (older, true) => format!("{older} under older versions are left."),
        (older, false) => format!("{older} under older versions, and no rotation runs: sealpost enqueue rotate"),
    });
    notes
}

fn table(shown: &[Shown]) -> screen::Table {
    let mut table = screen::table(Shown::TITLES);
    for rotation in shown {
        table.add_row(rotation.cells());
    }
    table
}
