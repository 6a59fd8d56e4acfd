//! Connections that end: what would go, whether it shall, and the receipt.

use std::io::{BufRead, IsTerminal, Write};

use clap::Args;
use sealpost_schemas::{Connection, Name, Owner, ProviderId, RevocationRequest, RevocationScope};
use sealpost_shared::config::Config;
use sealpost_shared::ids;
use sealpost_shared::keys::SealingKeys;
use sealpost_shared::records::{Cursor, Held, RecordId, Store};
use serde_json::{Value, json};
use uuid::Uuid;

use super::list::{ROWS, TITLES, row};
use super::view::View;
use crate::ops::enqueue::{self, Asked};
use crate::ops::screen::{facts, outside, print, print_json, table};
use crate::ops::{Common, open, read};
use crate::step::FollowUp;
use crate::worker::stop_signal;

/// About how many records are read at once.
const PAGE: usize = 256;

/// Which ones, and how sure one is.
#[derive(Debug, Args)]
#[command(after_help = "Without --user all connections of the tenant end, without --provider all of the user.")]
pub struct Revoke {
    /// The tenant.
    #[arg(long, value_parser = read::name)]
    tenant: Name,
    /// The tenant's user.
    #[arg(long, value_parser = read::name)]
    user: Option<Name>,
    /// The provider, as the catalogue calls it.
    #[arg(long, value_parser = read::provider, requires = "user")]
    provider: Option<ProviderId>,
    /// Which of several accounts [default: default].
    #[arg(long, value_parser = read::name, requires = "provider")]
    label: Option<Name>,
    /// Says what would end, and ends nothing.
    #[arg(long, conflicts_with_all = ["yes", "id"])]
    dry_run: bool,
    /// Ends more than one connection without asking.
    #[arg(long)]
    yes: bool,
    /// The request's id; the same id is the same revocation, done once [default: a new one].
    #[arg(long, value_name = "UUID", value_parser = read::id)]
    id: Option<Uuid>,
    /// Gives up after so many seconds without any answer.
    #[arg(long, value_name = "SECONDS", default_value = "120")]
    timeout: u64,
    /// JSON: the receipt as it came, on one line; with --dry-run a line a connection.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    common: Common,
}

pub(super) async fn run(args: &Revoke) -> Result<(), String> {
    let config = Config::read(&args.common.config)?;
    let (store, keys) = open::store(&config).await?;
    let scope = scope(args)?;
    let ids = found(&store, &scope).await?;
    if args.dry_run {
        return dry_run(args, (&store, &keys), &ids).await;
    }
    confirm(args, ids.len())?;
    let request = RevocationRequest::new(args.id.unwrap_or_else(ids::fresh), scope);
    let message = FollowUp::of(&request).map_err(|error| error.to_string())?;
    let asked = [Asked { message, connection: None }];
    let answer = enqueue::wait(&config, (&asked, ids.len()), args.timeout, &stop_signal()?).await?;
    if args.json {
        print_json(&answer)?;
    } else {
        print(&receipt(&answer))?;
    }
    verdict(&answer)
}

fn scope(args: &Revoke) -> Result<RevocationScope, String> {
    let Revoke { tenant, user, provider, label, .. } = args;
    let Some(user) = user else { return Ok(RevocationScope::Tenant(tenant.clone())) };
    let owner = Owner { tenant: tenant.clone(), user: user.clone() };
    let Some(provider) = provider else { return Ok(RevocationScope::Owner(owner)) };
    let label = label.clone().or_else(|| Name::new("default")).ok_or("--label: must be a name")?;
    Ok(RevocationScope::Connection(Connection::of(&owner, provider, &label)))
}

/// The records that are there now.
async fn found(store: &Store, scope: &RevocationScope) -> Result<Vec<RecordId>, String> {
    let words = |error: sealpost_shared::records::StoreError| error.to_string();
    match scope {
        RevocationScope::Connection(connection) => {
            let found = store.load_each(&[store.locate(connection)]).await.map_err(words)?;
            Ok(found.into_iter().map(|(id, _)| id).collect())
        }
        RevocationScope::Owner(owner) => store.owned(owner).await.map_err(words),
        RevocationScope::Tenant(tenant) => {
            let (tenant, mut ids) = (store.tag_of(tenant), Vec::new());
            for shard in 0..store.shards() {
                for version in store.versions(shard).await.map_err(words)? {
                    let mut cursor = Some(Cursor::default());
                    while let Some(from) = cursor {
                        let (held, next) = store.walk_held(shard, &version, from, PAGE).await.map_err(words)?;
                        let records = held.into_iter().filter_map(|held| match held {
                            Held::Record(id) => Some(id),
                            Held::Entry(_) | Held::Tombstone(_) | Held::Park(_) => None,
                        });
                        let stored = store.stored(&records.collect::<Vec<_>>()).await.map_err(words)?;
                        ids.extend(stored.into_iter().filter(|one| one.tenant == Some(tenant)).map(|one| one.id));
                        cursor = next;
                    }
                }
            }
            ids.sort_unstable();
            ids.dedup();
            Ok(ids)
        }
    }
}

async fn dry_run(args: &Revoke, (store, keys): (&Store, &SealingKeys), ids: &[RecordId]) -> Result<(), String> {
    let mut rows = table(TITLES);
    let shown = if args.json { ids } else { &ids[..ids.len().min(ROWS)] };
    for some in shown.chunks(PAGE) {
        for (id, read) in store.load_each(some).await.map_err(|error| error.to_string())? {
            let view = View::of(id, read, keys).await;
            if args.json {
                print_json(&view)?;
            } else {
                rows.add_row(row(&view));
            }
        }
    }
    if args.json {
        return Ok(());
    }
    let all = ids.len();
    let list = if rows.is_empty() { String::new() } else { format!("{rows}\n") };
    let more = if all > ROWS { format!(", of which {ROWS} are shown") } else { String::new() };
    print(&format!("{list}{all} connection(s) would end{more}; nothing was done"))
}

/// Asks, where more than one connection would go.
fn confirm(args: &Revoke, all: usize) -> Result<(), String> {
    let one = args.provider.is_some();
    if one || args.yes {
        return Ok(());
    }
    let of =
        args.user.as_ref().map_or_else(|| format!("tenant {}", args.tenant), |user| format!("{}/{user}", args.tenant));
    if !std::io::stdin().is_terminal() {
        return Err(format!(
            "this would end {all} connection(s) of {of}; say --yes if it shall, or --dry-run to see which"
        ));
    }
    let problem = |error: std::io::Error| format!("asking: {error}");
    write!(std::io::stderr(), "End {all} connection(s) of {of}? Their users must give consent again. [yes/no] ")
        .map_err(problem)?;
    let mut said = String::new();
    std::io::stdin().lock().read_line(&mut said).map_err(problem)?;
    if said.trim() == "yes" { Ok(()) } else { Err("nothing was done".into()) }
}

fn receipt(answer: &Value) -> String {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut rows = table(["tenant", "user", "provider", "label", "at the provider", "deleted"]);
    for receipt in answer["receipts"].as_array().into_iter().flatten() {
        let mut cells: Vec<_> = match &receipt["connection"] {
            Value::Null => {
                [format!("record {}", text(&receipt["record"])), "–".into(), "–".into(), "–".into()].to_vec()
            }
            of => ["tenant", "user", "provider", "label"].map(|name| text(&of[name])).to_vec(),
        };
        cells.push(text(&receipt["provider"]));
        cells.push(if receipt["deleted"] == json!(true) { "yes" } else { "no" }.into());
        rows.add_row(cells.iter().map(|cell| outside(cell)));
    }
    let counts = &answer["counts"];
    let names = [
        ("revoked", "revoked"),
        ("unsupported", "no way to revoke"),
        ("superseded", "superseded"),
        ("gave_up", "gave up"),
    ];
    let counts: Vec<_> = names.into_iter().map(|(field, name)| (name, text(&counts[field]))).collect();
    let counts = facts(&counts);
    match (rows.is_empty(), answer["failure"].as_object()) {
        (_, Some(failure)) => {
            let rows: Vec<_> = ["code", "message"].iter().map(|name| (*name, text(&failure[*name]))).collect();
            facts(&rows)
        }
        (true, None) => counts,
        (false, None) => format!("{rows}\n{counts}"),
    }
}

/// Whether everything that was asked for is so.
fn verdict(answer: &Value) -> Result<(), String> {
    if !answer["failure"].is_null() {
        return Err(format!("the answer is {:?}", answer["outcome"].as_str().unwrap_or_default()));
    }
    match answer.pointer("/counts/gave_up").and_then(Value::as_u64) {
        Some(left) if left > 0 => Err(format!(
            "{left} were deleted here and could not be revoked; the workers' logs say why: end them at the provider"
        )),
        _ => Ok(()),
    }
}
