//! One connection.

use clap::Args;
use sealpost_schemas::{Connection, Name, ProviderId};
use sealpost_shared::clock::{Clock, SystemClock};
use sealpost_shared::config::Config;

use super::view::{Clear, View};
use crate::ops::screen::{facts, print, print_json, span, time};
use crate::ops::{Common, open, read};

/// Which one.
#[derive(Debug, Args)]
pub struct Show {
    /// The tenant.
    #[arg(long, value_parser = read::name)]
    tenant: Name,
    /// The tenant's user.
    #[arg(long, value_parser = read::name)]
    user: Name,
    /// The provider, as the catalogue calls it.
    #[arg(long, value_parser = read::provider)]
    provider: ProviderId,
    /// Which of several accounts.
    #[arg(long, value_parser = read::name, default_value = "default")]
    label: Name,
    /// JSON: one document.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    common: Common,
}

pub(super) async fn run(args: &Show) -> Result<(), String> {
    let (store, keys) = open::store(&Config::read(&args.common.config)?).await?;
    let Show { tenant, user, provider, label, .. } = args;
    let connection =
        Connection { tenant: tenant.clone(), user: user.clone(), provider: provider.clone(), label: label.clone() };
    let id = store.locate(&connection);
    let found = store.load_each(&[id]).await.map_err(|error| error.to_string())?;
    let Some((_, record)) = found.into_iter().next() else {
        return Err(format!(
            "{tenant}/{user} has no connection to {provider} labelled {label:?}; those there are: sealpost connections \
             list --tenant '{tenant}' --user '{user}'",
            label = label.as_str()
        ));
    };
    let mut view = View::of(id, record, &keys).await;
    // what was asked for: also where it does not open
    view.connection = Some(connection);
    if args.json { print_json(&view) } else { print(&text(&view)) }
}

fn text(view: &View) -> String {
    let mut rows: Vec<(&str, String)> = Vec::new();
    let named = view.connection.as_ref().map(|of| (&of.tenant, &of.user, &of.provider, &of.label));
    if let Some((tenant, user, provider, label)) = named {
        rows.extend([("tenant", tenant.to_string()), ("user", user.to_string())]);
        rows.extend([("provider", provider.to_string()), ("label", label.to_string())]);
    }
    if let Some(account) = &view.account {
        let name = account.name.as_ref().map(|name| format!(" ({name})")).unwrap_or_default();
        rows.push(("account", format!("{}{name}", account.id)));
    }
    rows.extend(view.clear.iter().flat_map(clear));
    rows.push(("record", view.record.clone()));
    rows.extend(view.problem.clone().map(|problem| ("problem", problem)));
    facts(&rows)
}

fn clear(clear: &Clear) -> Vec<(&'static str, String)> {
    let now = SystemClock.now();
    let ago = |at| format!("{} ({} ago)", time(at), span(at, now));
    let then = |at| if at < now { ago(at) } else { format!("{} (in {})", time(at), span(now, at)) };
    let mut rows = vec![("standing", format!("{}, since {}", clear.standing, ago(clear.since)))];
    rows.extend(clear.code.map(|code| ("code", format!("{code}: {}", code.sentence()))));
    rows.push(("custody", clear.custody.into()));
    rows.push(("key", format!("{}, version {}", clear.key, clear.key_version)));
    rows.push(("token expires", clear.access_expires_at.map_or_else(|| "the provider does not say".into(), then)));
    rows.push(("next refresh due", clear.next_due.map_or_else(|| "never".into(), then)));
    rows.push(("scopes", clear.scopes.join(" ")));
    rows.extend([("created", ago(clear.created_at)), ("refreshed", ago(clear.refreshed_at))]);
    rows.extend(clear.request.map(|request| ("exchange request", request.to_string())));
    let sent = |at| format!("{}, and its answer is not saved", ago(at));
    rows.extend(clear.refresh_sent_at.map(|at| ("a refresh was sent", sent(at))));
    rows.push(("replaced tokens", format!("{} are remembered, by their hashes", clear.superseded)));
    rows
}
