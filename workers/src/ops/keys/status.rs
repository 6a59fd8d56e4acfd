//! `sealpost keys status`.

use clap::Args;
use comfy_table::Cell;
use jiff::Timestamp;
use sealpost_schemas::RotationCounts;
use sealpost_shared::clock::{Clock, SystemClock};
use sealpost_shared::config::Config;
use sealpost_shared::metrics::mode_label;
use sealpost_shared::records::Rotation;
use serde_json::{Value, json};

use super::progress::Progress;
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

/// A rotation, and how far it is if it runs.
struct Shown {
    rotation: Rotation,
    progress: Option<Progress>,
}

pub(super) async fn run(args: &Status) -> Result<(), String> {
    let versions = Versions::read(&Config::read(&args.common.config)?).await?;
    let rotations = versions.store.rotations().await.map_err(|error| error.to_string())?;
    let (now, shards) = (SystemClock.now(), versions.store.shards());
    let older = versions.older();
    let shown = shown(rotations, (older, shards), now);
    let notes = notes(&versions, &shown, older);
    if args.json {
        let rotations: Vec<_> = shown.iter().map(|shown| shown.json(shards)).collect();
        return screen::print_json(&json!({
            "key": versions.key.to_string(), "versions": versions.json(), "older": older, "rotations": rotations, "notes": notes,
        }));
    }
    screen::print(&versions.table(now).to_string())?;
    if !shown.is_empty() {
        screen::print(&table(&shown, shards).to_string())?;
    }
    notes.iter().try_for_each(|note| screen::print(note))
}

/// Those that run, and the last that ended.
fn shown(rotations: Vec<Rotation>, left: (u64, u16), now: Timestamp) -> Vec<Shown> {
    let last = rotations.iter().filter(|rotation| rotation.ended.is_some()).max_by_key(|rotation| rotation.ended);
    let last = last.map(|rotation| rotation.tick);
    let wanted = rotations.into_iter().filter(|rotation| rotation.ended.is_none() || Some(rotation.tick) == last);
    wanted
        .map(|rotation| {
            let progress = rotation.ended.is_none().then(|| Progress::of(&rotation, left, now));
            Shown { rotation, progress }
        })
        .collect()
}

fn notes(versions: &Versions, shown: &[Shown], older: u64) -> Vec<String> {
    let mut notes = versions.notes();
    let running = shown.iter().any(|shown| shown.rotation.ended.is_none());
    notes.push(match (older, running) {
        (0, _) => "Nothing is sealed under an older version.".into(),
        (older, true) => format!("{older} under older versions are left."),
        (older, false) => format!("{older} under older versions, and no rotation runs: sealpost enqueue rotate"),
    });
    notes
}

fn table(shown: &[Shown], shards: u16) -> comfy_table::Table {
    let mut table = screen::table(["rotation", "mode", "began", "shards done", "progress", "did"]);
    for Shown { rotation, progress } in shown {
        let progress = match (rotation.ended, progress) {
            (Some(ended), _) => format!("done in {}", screen::span(rotation.begin.began, ended)),
            (None, Some(Progress { percent, left: Some(left) })) => {
                let left =
                    Timestamp::UNIX_EPOCH.saturating_add(*left).map(|end| screen::span(Timestamp::UNIX_EPOCH, end));
                format!("{percent} %, about {} left", left.unwrap_or_default())
            }
            (None, _) => "begins".into(),
        };
        table.add_row([
            Cell::new(rotation.tick),
            Cell::new(mode_label(rotation.begin.mode)),
            Cell::new(screen::time(rotation.begin.began)),
            Cell::new(format!("{} of {shards}", rotation.shards_done)),
            Cell::new(progress),
            Cell::new(did(rotation.counts)),
        ]);
    }
    table
}

/// What was done in the shards that are done.
fn did(RotationCounts { refreshed, resealed, ended, failed }: RotationCounts) -> String {
    let all = [(resealed, "sealed anew"), (refreshed, "refreshed"), (ended, "need consent"), (failed, "left behind")];
    let some: Vec<_> =
        all.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    if some.is_empty() { "nothing".into() } else { some.join(", ") }
}

impl Shown {
    fn json(&self, shards: u16) -> Value {
        let Rotation { tick, begin, shards_done, counts, ended } = &self.rotation;
        json!({
            "tick": tick, "mode": begin.mode, "everything": begin.everything, "began": begin.began, "ended": ended,
            "shards_done": shards_done, "shards": shards, "counts": counts,
            "percent": self.progress.map(|progress| progress.percent),
            "seconds_left": self.progress.and_then(|progress| progress.left).map(|left| left.as_secs()),
        })
    }
}
