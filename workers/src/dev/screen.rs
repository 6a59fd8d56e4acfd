//! What a person sees while things start and scenes are played: a spinner for what takes long, one line for what is
//! done, a table at the end. Without a terminal only the lines.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use comfy_table::{Attribute, Cell, Color, ContentArrangement, Table, presets::UTF8_FULL_CONDENSED};
use indicatif::{ProgressBar, ProgressStyle};

/// Prints one line. That nobody reads it is no reason to stop.
pub(super) fn line(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// Something that takes a while.
pub(super) struct Doing {
    name: &'static str,
    since: Instant,
    spinner: ProgressBar,
}

impl Doing {
    /// Begins; the spinner shows the name.
    #[must_use]
    pub(super) fn begin(name: &'static str) -> Self {
        let spinner = if std::io::stderr().is_terminal() { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
        if let Ok(style) = ProgressStyle::with_template("  {spinner} {msg} {elapsed}") {
            spinner.set_style(style);
        }
        spinner.set_message(name);
        spinner.enable_steady_tick(Duration::from_millis(100));
        Self { name, since: Instant::now(), spinner }
    }

    /// Shows how far it is.
    pub(super) fn progress(&self, detail: &str) {
        self.spinner.set_message(format!("{}: {detail}", self.name));
    }

    /// Ends well.
    pub(super) fn done(self, detail: &str) {
        self.spinner.finish_and_clear();
        let seconds = self.since.elapsed().as_secs_f64();
        line(&format!("  {} {:<26} {seconds:>5.1} s  {detail}", painted("✓", "32"), self.name));
    }
}

impl Drop for Doing {
    fn drop(&mut self) {
        self.spinner.finish_and_clear();
    }
}

/// What was to be seen, and what was.
pub(super) struct Check {
    /// What was done.
    pub(super) scene: &'static str,
    /// What should be seen.
    pub(super) expected: String,
    /// What was seen.
    pub(super) seen: String,
}

impl Check {
    /// Whether it is as expected.
    #[must_use]
    pub(super) fn holds(&self) -> bool {
        self.expected == self.seen
    }
}

/// The closing table.
#[must_use]
pub(super) fn table(checks: &[Check]) -> String {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(["", "scene", "expected", "seen"].map(|title| Cell::new(title).add_attribute(Attribute::Bold)));
    for check in checks {
        let (mark, color) = if check.holds() { ("✓", Color::Green) } else { ("✗", Color::Red) };
        let seen = Cell::new(&check.seen).fg(color);
        table.add_row([Cell::new(mark).fg(color), Cell::new(check.scene), Cell::new(&check.expected), seen]);
    }
    table.to_string()
}

/// A text in a colour, where a terminal shows it.
fn painted(text: &str, colour: &str) -> String {
    if std::io::stdout().is_terminal() { format!("\u{1b}[{colour}m{text}\u{1b}[0m") } else { text.into() }
}
