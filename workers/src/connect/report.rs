//! What a connection came to, for people and for programs.

use comfy_table::{Attribute, Cell, Color, ContentArrangement, Table, presets::UTF8_FULL_CONDENSED};
use sealpost_schemas::{Announced, ExchangeResult};
use sealpost_shared::plain::plain;

/// One row a fact.
pub(super) fn table(result: &ExchangeResult) -> String {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
    let (outcome, color) = match &result.failure {
        None => ("stored", Color::Green),
        Some(_) => ("failed", Color::Red),
    };
    let mut row = |name: &str, cell: Cell| {
        table.add_row([Cell::new(name).add_attribute(Attribute::Bold), cell]);
    };
    row("outcome", Cell::new(outcome).fg(color));
    if let Some(connection) = &result.connection {
        row("owner", Cell::new(plain(&format!("{} / {}", connection.tenant, connection.user))));
        row("provider", Cell::new(format!("{} ({})", connection.provider, plain(connection.label.as_str()))));
    }
    if let Some(subject) = &result.subject {
        let name = subject.name.as_ref().map_or_else(String::new, |name| format!("{}, ", plain(name)));
        let changed = if subject.changed { ", in place of another account" } else { "" };
        row("account", Cell::new(format!("{name}id {}{changed}", plain(&subject.id))));
    }
    if let Some(scopes) = &result.scopes {
        row("scopes", Cell::new(plain(&scopes.join(" "))));
    }
    if let Some(expires) = &result.expires_at {
        row("access token until", Cell::new(expires.strftime("%Y-%m-%d %H:%M:%S UTC")));
    }
    if let Some(failure) = &result.failure {
        row("code", Cell::new(failure.code));
        row("why", Cell::new(plain(&failure.message)));
    }
    row("request", Cell::new(result.request));
    table.to_string()
}

/// The result as it goes to everybody, on one line.
pub(super) fn json(result: &ExchangeResult) -> Result<String, String> {
    serde_json::to_string(&result.public()).map_err(|error| format!("writing the result: {error}"))
}
