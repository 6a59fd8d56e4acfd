//! `sealpost providers`: what the catalogue says. Nobody is asked, but the vault where a secret is in it.

use clap::{Args, Subcommand};
use comfy_table::Cell;
use sealpost_shared::clock::{Clock, SystemClock};
use sealpost_shared::config::Config;

use super::Common;
use super::screen::{outside, print, print_json, table};
use crate::providers::{Catalogue, Summary};
use crate::worker;

/// What is done with providers.
#[derive(Debug, Subcommand)]
pub enum Providers {
    /// Lists them: what content each takes, how we authenticate, and how a lost answer is found out.
    List(List),
}

/// How they are listed.
#[derive(Debug, Args)]
pub struct List {
    /// JSON: a line a provider.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    common: Common,
}

/// Runs one.
///
/// # Errors
/// In words.
pub async fn run(command: &Providers) -> Result<(), String> {
    let Providers::List(args) = command;
    let config = Config::read(&args.common.config)?;
    let catalogue = Catalogue::of(&config)?;
    let sources = catalogue.all().flat_map(|(_, provider)| provider.oauth.secrets().map(|(_, source)| source));
    let secrets = worker::secrets(&config, sources)?;
    let mut rows =
        table(["provider", "content", "client auth", "scopes", "ID tokens", "limits", "when an answer is lost"]);
    for (id, provider) in catalogue.all() {
        let credential = provider.oauth.credential(&secrets, SystemClock.now()).await;
        let summary = provider.summary(id, credential.map_err(|failure| failure.message));
        if args.json {
            print_json(&summary)?;
            continue;
        }
        let scopes = summary.scopes.join(" ");
        let id_tokens = if summary.id_tokens { "verified" } else { "not looked at" };
        rows.add_row([
            outside(&summary.provider),
            Cell::new(or_dash(&summary.content.join(" "))),
            outside(&client_auth(&summary)),
            outside(or_dash(&scopes)),
            Cell::new(id_tokens),
            Cell::new(or_dash(summary.limits.as_deref().unwrap_or_default())),
            outside(&doubt(&summary)),
        ]);
    }
    match (args.json, rows.is_empty()) {
        (true, _) => Ok(()),
        (_, true) => print("no providers"),
        _ => print(&rows.to_string()),
    }
}

fn or_dash(text: &str) -> &str {
    if text.is_empty() { "–" } else { text }
}

fn client_auth(summary: &Summary) -> String {
    match summary.client_certificate.as_ref().or(summary.client_secret.as_ref()) {
        Some(says) => format!("{}: {says}", summary.client_auth),
        None => summary.client_auth.into(),
    }
}

fn doubt(summary: &Summary) -> String {
    let key = summary
        .idempotency_header
        .as_ref()
        .zip(summary.idempotency_window)
        .map(|(header, seconds)| format!("sent again under the same {header}, for {seconds} s"));
    let find = (!summary.find.is_empty()).then(|| format!("looked up ({})", summary.find.join(" ")));
    let ways: Vec<_> = find.into_iter().chain(key).collect();
    if ways.is_empty() { "the outcome is unknown".into() } else { ways.join("; ") }
}
