//! What became of one message. Looking changes nothing.

use clap::Args;
use jiff::Timestamp;
use sealpost_schemas::{Announced, Owner};
use sealpost_shared::clock::{Clock, SystemClock};
use sealpost_shared::config::Config;
use sealpost_shared::ledger::{Looked, Standing};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use uuid::Uuid;

use super::Whose;
use super::dead::DeadLetters;
use crate::ops::screen::{facts, print, print_json, span, time};
use crate::ops::{Common, answer, open};
use crate::{exchange, publish};

/// Which one.
#[derive(Debug, Args)]
pub struct Show {
    #[command(flatten)]
    whose: Whose,
    /// JSON: one document.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    common: Common,
}

/// All that is known.
#[derive(Serialize)]
struct Known {
    id: Uuid,
    owner: Owner,
    ledger: Vec<Entry>,
    #[serde(flatten)]
    dead: DeadLetters,
}

/// What a ledger knows.
#[derive(Serialize)]
struct Entry {
    kind: &'static str,
    state: String,
    /// How many requests may have gone out.
    sent: u64,
    first_sent_at: Option<Timestamp>,
    /// For how many seconds somebody may be at it.
    claimed_for: Option<u64>,
    kept_until: Option<Timestamp>,
    result: Option<Value>,
    problem: Option<String>,
}

pub(super) async fn run(args: &Show) -> Result<(), String> {
    let config = Config::read(&args.common.config)?;
    let (id, owner) = (args.whose.id, args.whose.owner());
    let ledgers = open::Ledgers::open(&config).await?;
    let published = ledgers.of(publish::LEDGER).look(&owner, id).await.map_err(|failure| failure.message)?;
    let exchanged = ledgers.of(exchange::LEDGER).look(&owner, id).await.map_err(|failure| failure.message)?;
    let published = published.map(|looked| entry::<sealpost_schemas::PublishResult>(publish::LEDGER, looked));
    let exchanged = exchanged.map(|looked| entry::<sealpost_schemas::ExchangeResult>(exchange::LEDGER, looked));
    let ledger: Vec<_> = published.into_iter().chain(exchanged).collect();
    let dead = DeadLetters::of(&config, id, &owner).await;
    let known = Known { id, owner, ledger, dead };
    if args.json {
        print_json(&known)?;
    } else {
        print(&text(&known))?;
    }
    if known.ledger.is_empty() && known.dead.is_empty() {
        let days = sealpost_shared::ledger::KEPT.as_secs() / 86_400;
        return Err(format!(
            "nothing is known of it: it still waits in its queue, is put off or will be tried again before anything was sent \
             (sealpost top), was settled more than {days} days ago, or never came for this owner"
        ));
    }
    Ok(())
}

fn entry<R: Announced + DeserializeOwned>(kind: &'static str, looked: Looked<R>) -> Entry {
    let Looked { entry, standing } = looked;
    let (result, problem) = match standing {
        // as events tell it: without tokens
        Ok(Standing::Done(result) | Standing::Conflict(result)) => (serde_json::to_value(result.public()).ok(), None),
        Ok(Standing::Unknown | Standing::Open) => (None, None),
        Err(failure) => (None, Some(failure.message)),
    };
    Entry {
        kind,
        state: entry.state,
        sent: entry.sent,
        first_sent_at: entry.first,
        claimed_for: entry.claim.map(|claim| claim.as_secs()),
        kept_until: entry.kept_until,
        result,
        problem,
    }
}

fn text(known: &Known) -> String {
    let mut tables: Vec<_> = known.ledger.iter().map(|entry| facts(&rows(entry, known.dead.has_some()))).collect();
    if known.ledger.is_empty() {
        tables.push("the ledger does not know it".into());
    }
    tables.push(known.dead.text());
    tables.join("\n")
}

fn rows(entry: &Entry, put_aside: bool) -> Vec<(&'static str, String)> {
    let mut rows =
        vec![("kind", entry.kind.into()), ("state", format!("{}: {}", entry.state, meaning(entry, put_aside)))];
    rows.push(("requests sent", entry.sent.to_string()));
    let now = SystemClock.now();
    rows.extend(entry.first_sent_at.map(|at| ("first sent", format!("{} ({} ago)", time(at), span(at, now)))));
    let kept = entry.kept_until.map_or_else(|| "it is resolved".into(), time);
    rows.push(("kept until", kept));
    rows.extend(entry.result.as_ref().map(answer::rows).into_iter().flatten());
    rows.extend(entry.problem.clone().map(|problem| ("result", problem)));
    rows
}

fn meaning(entry: &Entry, put_aside: bool) -> &'static str {
    match (entry.state.as_str(), entry.claimed_for.is_some()) {
        ("claimed", true) => "a worker is at it; nothing was sent",
        ("claimed", false) if put_aside => {
            "what was sent, if anything, was not carried out; it was put aside: see below"
        }
        ("claimed", false) => "what was sent, if anything, was not carried out; it waits for another try",
        ("sending", true) => "a worker is at it, and a request is under way",
        ("sending", false) if put_aside => "a request was sent, and its worker is gone; a replay looks into it",
        ("sending", false) => "a request was sent, and its worker is gone; the next delivery looks into it",
        ("unknown", _) => {
            "a request was sent, and nothing proves how it ended; look whether it was carried out, and say so with \
             sealpost jobs resolve"
        }
        ("done", _) => "it is settled, and answered so whenever it comes again",
        ("told", _) => "an operator said how it ended",
        ("conflict", _) => "a late answer contradicts what an operator said; the answer is below",
        _ => "a state of a newer version",
    }
}
