//! Connections, as they are found: an owner's, or those of every shard, page by page.

use std::collections::HashSet;

use clap::Args;
use comfy_table::{Cell, Color};
use sealpost_schemas::{Name, Owner, ProviderId, RotationScope};
use sealpost_shared::config::Config;
use sealpost_shared::keys::SealingKeys;
use sealpost_shared::records::{Cursor, Held, RecordId, Scope, State, Store};
use sealpost_shared::seal::KeyRef;

use super::view::{self, Clear, View};
use crate::ops::progress::Progress;
use crate::ops::screen::{Table, outside, print, print_json, table, time, time_or_dash};
use crate::ops::{Common, open, read};

/// How many rows a table has unless more are asked for.
pub(super) const ROWS: usize = 100;

/// What is told of each.
pub(super) const TITLES: [&str; 8] =
    ["tenant", "user", "provider", "label", "standing", "token expires", "refreshed", "key version"];

/// How much of a key's version is shown.
const SHORT: usize = 8;

/// About how many records are read at once.
const PAGE: usize = 256;

/// Which ones.
#[derive(Debug, Args)]
#[command(
    after_help = "Without --user every record of the store is read: names are hidden there, and nothing else tells a \
                        tenant's. The order is that of the hidden names."
)]
pub struct List {
    /// Only this tenant's.
    #[arg(long, value_parser = read::name)]
    tenant: Option<Name>,
    /// Only this user's.
    #[arg(long, value_parser = read::name, requires = "tenant")]
    user: Option<Name>,
    /// Only those to this provider.
    #[arg(long, value_parser = read::provider)]
    provider: Option<ProviderId>,
    /// Only those of this standing.
    #[arg(long, value_parser = ["active", "needs-consent", "quarantined"])]
    standing: Option<String>,
    /// At most so many [default: 100 in a table, all with --json].
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// JSON: a line a connection, as they are found.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    common: Common,
}

/// What is listed so far.
struct Listing<'a> {
    args: &'a List,
    store: &'a Store,
    keys: &'a SealingKeys,
    scope: Scope,
    table: Table,
    left: usize,
    /// There are more than asked for.
    more: bool,
    progress: Progress,
}

pub(super) async fn run(args: &List) -> Result<(), String> {
    let config = Config::read(&args.common.config)?;
    let (store, keys) = open::store(&config).await?;
    let scope = store.scope(&RotationScope { tenant: args.tenant.clone(), provider: args.provider.clone() });
    let left = args.limit.unwrap_or(if args.json { usize::MAX } else { ROWS });
    let progress = Progress::begin(store.shards().into(), "shards are read");
    let mut listing =
        Listing { args, store: &store, keys: &keys, scope, table: table(TITLES), left, more: false, progress };
    match (&args.tenant, &args.user) {
        (Some(tenant), Some(user)) => {
            let owner = Owner { tenant: tenant.clone(), user: user.clone() };
            let ids = store.owned(&owner).await.map_err(|error| error.to_string())?;
            listing.add(&ids).await?;
        }
        _ => listing.walk().await?,
    }
    listing.progress.end();
    match (args.json, listing.table.is_empty(), listing.more) {
        (true, ..) => Ok(()),
        (_, true, _) => print("no connections"),
        (_, _, true) => print(&format!("{}\nthere are more; see --limit", listing.table)),
        _ => print(&listing.table.to_string()),
    }
}

impl Listing<'_> {
    /// Every shard. A record that is sealed anew meanwhile is met twice, and listed once: it moves to the newest version of its
    /// key, and these come last.
    async fn walk(&mut self) -> Result<(), String> {
        for shard in 0..self.store.shards() {
            let versions = self.store.versions(shard).await.map_err(|error| error.to_string())?;
            let (mut older, mut newest) = (Vec::new(), Vec::new());
            for version in versions {
                let is_newest = self.keys.is_newest(&version, None).await.unwrap_or_default();
                if is_newest { newest.push(version) } else { older.push(version) }
            }
            let mut met = HashSet::new();
            for version in older.into_iter().chain(newest) {
                self.held(shard, &version, &mut met).await?;
                if self.more {
                    return Ok(());
                }
            }
            self.progress.one_more(String::new());
        }
        Ok(())
    }

    async fn held(&mut self, shard: u16, key: &KeyRef, met: &mut HashSet<RecordId>) -> Result<(), String> {
        let mut cursor = Some(Cursor::default());
        while let Some(from) = cursor.filter(|_| !self.more) {
            let page = self.store.walk_held(shard, key, from, PAGE).await;
            let (held, next) = page.map_err(|error| error.to_string())?;
            let records = held.into_iter().filter_map(|held| match held {
                Held::Record(id) => Some(id),
                Held::Entry(_) | Held::Tombstone(_) | Held::Park(_) => None,
            });
            let ids: Vec<_> = records.filter(|id| met.insert(*id)).collect();
            self.add(&ids).await?;
            cursor = next;
        }
        Ok(())
    }

    async fn add(&mut self, ids: &[RecordId]) -> Result<(), String> {
        for (id, read) in self.store.load_each(ids).await.map_err(|error| error.to_string())? {
            let wanted = match &read {
                Ok(record) => {
                    let standing = view::standing(record.metadata.standing.state);
                    self.scope.has(record) && self.args.standing.as_ref().is_none_or(|wanted| wanted == standing)
                }
                // whose it is nobody can tell
                Err(_) => self.scope.is_everything() && self.args.standing.is_none(),
            };
            if !wanted {
                continue;
            }
            if self.left == 0 {
                self.more = true;
                return Ok(());
            }
            self.left -= 1;
            let view = View::of(id, read, self.keys).await;
            if self.args.json {
                self.progress.aside(|| print_json(&view))?;
            } else {
                self.table.add_row(row(&view));
            }
        }
        Ok(())
    }
}

pub(super) fn row(view: &View) -> Vec<Cell> {
    let mut row = match &view.connection {
        Some(of) => [of.tenant.as_str(), of.user.as_str(), of.provider.as_str(), of.label.as_str()].map(outside),
        None => [&format!("record {}", view.record), "–", "–", "–"].map(outside),
    }
    .to_vec();
    match &view.clear {
        Some(clear) => row.extend([
            standing(clear),
            Cell::new(time_or_dash(clear.access_expires_at)),
            Cell::new(time(clear.refreshed_at)),
            outside(&short(&clear.key_version)),
        ]),
        None => row.push(Cell::new("cannot be read").fg(Color::Red)),
    }
    row
}

fn standing(clear: &Clear) -> Cell {
    if clear.standing == view::standing(State::Active) {
        return Cell::new(clear.standing).fg(Color::Green);
    }
    let code = clear.code.map(|code| format!(": {code}")).unwrap_or_default();
    Cell::new(format!("{}{code}", clear.standing)).fg(Color::Red)
}

/// Enough of a random version to tell it from others.
fn short(version: &str) -> String {
    match version.char_indices().nth(SHORT) {
        Some((end, _)) => format!("{}…", &version[..end]),
        None => version.into(),
    }
}
