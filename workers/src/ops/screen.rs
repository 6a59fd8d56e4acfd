//! What commands print: tables for people, JSON for programs. Outside text is made plain before a person sees it.

mod fit;

use std::io::{ErrorKind, Write};

use comfy_table::{Attribute, Cell, ContentArrangement, presets::UTF8_FULL_CONDENSED};
use jiff::Timestamp;
use sealpost_shared::plain::plain;
use serde::Serialize;
use serde_json::Value;

pub(super) use self::fit::Table;

/// How wide a table is on a terminal that does not know how wide it is, in characters.
const UNKNOWN_WIDTH: u16 = 130;

/// Prints to stdout. Where nobody reads any more (`| head`), nothing is missing.
pub(super) fn print(text: &str) -> Result<(), String> {
    match writeln!(std::io::stdout(), "{text}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(format!("printing the result: {error}")),
        _ => Ok(()),
    }
}

/// Prints one line of JSON.
pub(super) fn print_json(value: &impl Serialize) -> Result<(), String> {
    print(&serde_json::to_string(value).map_err(|error| format!("printing the result: {error}"))?)
}

/// An empty table with these titles.
pub(super) fn table<const N: usize>(titles: [&str; N]) -> Table {
    titled(&titles)
}

/// The same, where it is not known beforehand how many there are.
pub(super) fn titled(titles: &[&str]) -> Table {
    let mut table = bare();
    table.set_header(titles.iter().map(|title| Cell::new(title).add_attribute(Attribute::Bold)));
    table
}

/// Names on the left, what they are on the right.
pub(super) fn facts(facts: &[(&str, String)]) -> String {
    let mut table = bare();
    for (name, what) in facts {
        table.add_row([Cell::new(name).add_attribute(Attribute::Bold), outside(what)]);
    }
    table.to_string()
}

/// A table without rows.
pub(super) fn bare() -> Table {
    let mut table = Table(comfy_table::Table::new());
    table.load_style(UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
    // a container's terminal may not know its width: one letter a line cannot be meant
    if table.width() == Some(0) {
        table.set_width(UNKNOWN_WIDTH);
    }
    table
}

/// Outside text in a table; line breaks stay.
pub(super) fn outside(text: &str) -> Cell {
    Cell::new(text.lines().map(plain).collect::<Vec<_>>().join("\n"))
}

/// A time to the second.
pub(super) fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

/// The same, or a dash.
pub(super) fn time_or_dash(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "–".into(), time)
}

/// How long it is from one time to another, in its two largest units.
pub(super) fn span(from: Timestamp, to: Timestamp) -> String {
    let seconds = to.duration_since(from).as_secs().unsigned_abs();
    let parts = [(seconds / 86_400, "d"), (seconds / 3600 % 24, "h"), (seconds / 60 % 60, "min"), (seconds % 60, "s")];
    let first = parts.iter().position(|(count, _)| *count > 0).unwrap_or(parts.len() - 1);
    let shown: Vec<_> = parts[first..].iter().take(2).filter(|(count, _)| *count > 0 || seconds == 0).collect();
    shown.iter().map(|(count, unit)| format!("{count} {unit}")).collect::<Vec<_>>().join(" ")
}

/// JSON over several lines, as people read it.
pub(super) fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::span;

    #[test]
    fn a_span_is_told_in_its_two_largest_units() {
        let told = |seconds| span(Timestamp::UNIX_EPOCH, Timestamp::from_second(seconds).unwrap());
        assert_eq!(
            [0, 59, 60, 3661, 90_000, 86_400].map(told),
            ["0 s", "59 s", "1 min", "1 h 1 min", "1 d 1 h", "1 d"]
        );
    }
}
