//! Which dead letters there are: by code and queue, or one by one.

use std::collections::BTreeMap;

use clap::Args;
use comfy_table::Cell;
use jiff::Timestamp;
use sealpost_schemas::Code;
use sealpost_shared::broker::DeadLetter;
use serde::Serialize;

use super::{Filter, Walk};
use crate::ops::Common;
use crate::ops::screen::{outside, print, print_json, table, time_or_dash};

/// How many rows a table has unless more are asked for.
const ROWS: usize = 100;

/// What is listed.
#[derive(Debug, Args)]
pub struct List {
    #[command(flatten)]
    filter: Filter,
    /// Lists every letter, oldest first; with --json and no --limit as they are found.
    #[arg(long)]
    each: bool,
    /// With --each: at most so many [default: 100 in a table, all with --json].
    #[arg(long, value_name = "N", requires = "each")]
    limit: Option<usize>,
    /// JSON: one document with all groups; with --each, a line a letter.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    common: Common,
}

/// Letters that are here for the same reason.
#[derive(Debug, Serialize)]
struct Group {
    code: String,
    queue: Option<&'static str>,
    count: usize,
    oldest: Option<Timestamp>,
    newest: Option<Timestamp>,
}

#[derive(Serialize)]
struct Groups {
    total: usize,
    groups: Vec<Group>,
}

/// A letter without its body.
#[derive(Serialize)]
struct Row {
    id: String,
    #[serde(rename = "type")]
    kind: Option<String>,
    queue: Option<&'static str>,
    code: String,
    reason: String,
    attempt: u32,
    at: Option<Timestamp>,
    bytes: usize,
}

impl From<DeadLetter> for Row {
    fn from(letter: DeadLetter) -> Self {
        Self {
            id: letter.name(),
            queue: letter.origin,
            attempt: letter.attempt,
            at: letter.at,
            bytes: letter.message.body.len(),
            kind: letter.message.type_name,
            code: letter.code,
            reason: letter.reason,
        }
    }
}

pub(super) async fn run(args: &List) -> Result<(), String> {
    let mut walk = Walk::begin(&args.common).await?;
    // with --each and --json it is printed by now
    let listed = if args.each { each(args, &mut walk).await } else { groups(args, &mut walk).await };
    let listed = walk.end(listed).await?;
    if listed.is_empty() { Ok(()) } else { print(&listed) }
}

async fn groups(args: &List, walk: &mut Walk) -> Result<String, String> {
    let mut groups: BTreeMap<_, Group> = BTreeMap::new();
    while let Some(letter) = walk.next().await? {
        if args.filter.takes(&letter) {
            let (code, queue, at) = (letter.code, letter.origin, letter.at);
            let group =
                groups.entry((code.clone(), queue)).or_insert(Group { code, queue, count: 0, oldest: at, newest: at });
            group.count += 1;
            group.oldest = group.oldest.into_iter().chain(at).min();
            group.newest = group.newest.max(at);
        }
    }
    let groups: Vec<_> = groups.into_values().collect();
    let total = groups.iter().map(|group| group.count).sum();
    if args.json {
        return serde_json::to_string(&Groups { total, groups }).map_err(|error| error.to_string());
    }
    if total == 0 {
        return Ok("no dead letters".into());
    }
    let mut table = table(["code", "queue", "count", "oldest", "newest", "what it means"]);
    for group in groups {
        let meaning = Code::ALL.iter().find(|code| code.as_str() == group.code).map_or("", |code| code.sentence());
        let times = [group.oldest, group.newest].map(|at| Cell::new(time_or_dash(at)));
        let first = [outside(&group.code), Cell::new(group.queue.unwrap_or("–")), Cell::new(group.count)];
        table.add_row(first.into_iter().chain(times).chain([Cell::new(meaning)]));
    }
    Ok(format!("{table}\n{total} in all; sealpost dead list --each lists them one by one"))
}

/// All of them are looked at, also for a few: the broker puts what was looked at behind what was not, and the oldest would
/// not come first any more.
async fn each(args: &List, walk: &mut Walk) -> Result<String, String> {
    let limit = args.limit.or((!args.json).then_some(ROWS));
    let (mut oldest, mut found) = (Vec::new(), 0);
    while let Some(letter) = walk.next().await? {
        if !args.filter.takes(&letter) {
            continue;
        }
        found += 1;
        let row = Row::from(letter);
        let Some(limit) = limit else {
            walk.progress.aside(|| print_json(&row))?;
            continue;
        };
        oldest.push(row);
        if oldest.len() >= 2 * limit.max(ROWS) {
            keep_oldest(&mut oldest, limit);
        }
    }
    keep_oldest(&mut oldest, limit.unwrap_or_default());
    if args.json {
        let lines = oldest.iter().map(serde_json::to_string).collect::<Result<Vec<_>, _>>();
        return lines.map(|lines| lines.join("\n")).map_err(|error| error.to_string());
    }
    Ok(match found - oldest.len() {
        _ if found == 0 => "no dead letters".into(),
        0 => rows(&oldest),
        more => format!("{}\nand {more} newer ones; see --limit", rows(&oldest)),
    })
}

fn keep_oldest(rows: &mut Vec<Row>, limit: usize) {
    rows.sort_by_key(|row| row.at);
    rows.truncate(limit);
}

fn rows(letters: &[Row]) -> String {
    let mut table = table(["id", "queue", "code", "put aside", "reason"]);
    for row in letters {
        table.add_row([
            outside(&row.id),
            Cell::new(row.queue.unwrap_or("–")),
            outside(&row.code),
            Cell::new(time_or_dash(row.at)),
            outside(&row.reason),
        ]);
    }
    table.to_string()
}
