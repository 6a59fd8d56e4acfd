//! Dead letters on their way again. What the ledger does not remember any more is refused: it could be done twice.

use std::collections::BTreeMap;

use clap::Args;
use jiff::{SignedDuration, Timestamp};
use sealpost_shared::broker::DeadLetter;
use sealpost_shared::clock::{Clock, SystemClock};
use sealpost_shared::ledger;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{Filter, Walk};
use crate::ops::Common;
use crate::ops::screen::{outside, print, print_json, table};
use crate::worker::stop_signal;

/// How many letters that stay are listed.
const LISTED: usize = 20;

/// Which ones, and whether in earnest.
#[derive(Debug, Args)]
#[command(
    after_help = "Mend the cause first: a letter whose cause is still there comes back. A letter is replayed only \
                        for 7 days: so long the ledger remembers what was done."
)]
pub struct Replay {
    /// The ids of letters, as `sealpost dead list --each` tells them.
    ids: Vec<String>,
    #[command(flatten)]
    filter: Filter,
    /// All there are.
    #[arg(long, conflicts_with_all = ["ids", "code", "queue"])]
    all: bool,
    /// Tells what would be done, and does nothing.
    #[arg(long)]
    dry_run: bool,
    /// JSON: one document.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    common: Common,
}

/// What became of those that were chosen.
#[derive(Default)]
struct Outcome {
    /// How many, by code and the queue that they go to.
    replayed: BTreeMap<(String, &'static str), usize>,
    /// Those that stay, and why.
    refused: Vec<(String, String)>,
    missing: Vec<String>,
    ended: Option<String>,
}

pub(super) async fn run(args: &Replay) -> Result<(), String> {
    if args.ids.is_empty() && args.filter.is_empty() && !args.all {
        return Err("say which dead letters to replay: ids, --code, --queue, or --all".into());
    }
    let stop = stop_signal()?;
    let mut walk = Walk::begin(&args.common).await?;
    let mut outcome = Outcome { missing: args.ids.clone(), ..Outcome::default() };
    let walked = replay(args, &mut walk, &mut outcome, &stop).await;
    // what was replayed until then is told
    outcome.ended = walk.end(walked).await.err();
    tell(args, &outcome)?;
    verdict(&outcome)
}

async fn replay(args: &Replay, walk: &mut Walk, outcome: &mut Outcome, stop: &CancellationToken) -> Result<(), String> {
    while let Some(letter) = walk.next().await? {
        if stop.is_cancelled() {
            return Err("stopped; run the same command again for the rest".into());
        }
        let name = letter.name();
        if !args.filter.takes(&letter) || !(args.ids.is_empty() || args.ids.contains(&name)) {
            continue;
        }
        outcome.missing.retain(|id| *id != name);
        let queue = match destination(&letter, SystemClock.now()) {
            Ok(queue) => queue,
            Err(why) => {
                outcome.refused.push((name, why));
                continue;
            }
        };
        if !args.dry_run {
            walk.letters.replay(&letter).await.map_err(|error| error.to_string())?;
        }
        *outcome.replayed.entry((letter.code, queue)).or_default() += 1;
    }
    Ok(())
}

/// Which queue a letter is replayed to, or why it is not.
pub(super) fn destination(letter: &DeadLetter, now: Timestamp) -> Result<&'static str, String> {
    let days = ledger::KEPT.as_secs() / 86_400;
    let kept = SignedDuration::try_from(ledger::KEPT).unwrap_or(SignedDuration::MAX);
    let anew = "if it is still wanted, send it anew with an id of its own";
    match (letter.origin, letter.at) {
        (None, _) => Err("nothing says which queue it belongs to".into()),
        (_, None) => Err(format!("nothing says how old it is, and so whether it was done already; {anew}")),
        (_, Some(at)) if now.duration_since(at) >= kept => Err(format!(
            "it was put aside more than {days} days ago, and the ledger may have forgotten what was done by then: it \
             could be done twice; {anew}"
        )),
        (Some(queue), _) => Ok(queue),
    }
}

fn tell(args: &Replay, outcome: &Outcome) -> Result<(), String> {
    let Outcome { replayed, refused, missing, ended } = outcome;
    let total: usize = replayed.values().sum();
    if args.json {
        let group =
            |((code, queue), count): (&(String, _), &usize)| json!({"code": code, "queue": queue, "count": count});
        let refused: Vec<_> = refused.iter().map(|(id, why)| json!({"id": id, "why": why})).collect();
        return print_json(&json!({"dry_run": args.dry_run, "replayed": total,
                                  "groups": replayed.iter().map(group).collect::<Vec<_>>(), "refused": refused,
                                  "missing": missing, "problem": ended}));
    }
    let mut groups = table(["code", "queue", "count"]);
    for ((code, queue), count) in replayed {
        groups.add_row([outside(code), outside(queue), outside(&count.to_string())]);
    }
    if !replayed.is_empty() {
        print(&groups.to_string())?;
    }
    let mut rows = table(["id", "stays, because"]);
    for (id, why) in refused.iter().take(LISTED) {
        rows.add_row([outside(id), outside(why)]);
    }
    if !refused.is_empty() {
        print(&rows.to_string())?;
    }
    let what = if args.dry_run { "would be replayed; nothing was done" } else { "replayed" };
    print(&format!("{total} {what}"))
}

fn verdict(outcome: &Outcome) -> Result<(), String> {
    let mut problems = Vec::from_iter(outcome.ended.clone());
    if !outcome.refused.is_empty() {
        problems.push(format!("{} stay where they are", outcome.refused.len()));
    }
    if !outcome.missing.is_empty() {
        problems.push(format!("not among the dead letters: {}", outcome.missing.join(", ")));
    }
    if problems.is_empty() { Ok(()) } else { Err(problems.join("; ")) }
}
