//! The account: what was to be seen, what was seen, and by name whatever is not as it should be.

mod connections;
mod jobs;

use std::fmt::Write;

use comfy_table::{Attribute, Cell, Color, ContentArrangement, Table, presets::UTF8_FULL_CONDENSED};
use serde::Serialize;

use super::{Soak, audit::Evidence, log::Struck};

/// One line of it.
#[derive(Debug, Clone, Serialize)]
pub struct Check {
    /// What was counted.
    pub what: &'static str,
    /// How many there should be.
    pub expected: usize,
    /// How many there are.
    pub seen: usize,
    /// Those that are not as they should be, each with its id.
    pub wrong: Vec<String>,
}

impl Check {
    /// Of so many things, those that are wrong.
    fn of(what: &'static str, all: usize, wrong: Vec<String>) -> Self {
        Self { what, expected: all, seen: all - wrong.len().min(all), wrong }
    }

    /// Of something of which there should be nothing.
    fn none(what: &'static str, wrong: Vec<String>) -> Self {
        Self { what, expected: 0, seen: wrong.len(), wrong }
    }

    /// Whether it is as it should be.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.expected == self.seen && self.wrong.is_empty()
    }
}

/// What became of everything.
#[derive(Debug, Clone, Serialize)]
pub struct Account {
    /// Of the mix and the blows.
    pub seed: u64,
    /// What was counted for information.
    pub counts: Vec<(&'static str, usize)>,
    /// What was held against what should be.
    pub checks: Vec<Check>,
    /// Every connection that needs consent again, with the reason.
    pub ended: Vec<String>,
    /// Every job whose outcome is unknown, with the reason.
    pub unknown: Vec<String>,
    /// Every blow.
    pub struck: Vec<Struck>,
}

/// Holds everything against everything else.
pub(super) fn of(soak: &Soak, evidence: &Evidence, fallen: &[String]) -> Account {
    let (unknown, unexplained) = jobs::unknown(evidence);
    let ended = connections::ended(evidence);
    let mut checks = jobs::checks(evidence);
    checks.push(Check::of("unknown ones whose process was struck", unknown.len() + unexplained.len(), unexplained));
    checks.extend(connections::checks(evidence, &ended));
    checks.push(Check::none("dead letters", evidence.dead_letters.clone()));
    checks.push(Check::none("leases, claims, messages, old keys left", evidence.left.clone()));
    checks.push(Check::none("workers that ended of themselves", fallen.to_vec()));
    let (struck, heard) = (evidence.struck.clone(), &evidence.heard);
    let blows = |kind: &'static str| (kind, struck.iter().filter(|one| one.kind == kind).count());
    let counts = vec![
        blows("worker killed"),
        blows("worker stopped"),
        blows("broker killed"),
        blows("Redis killed"),
        ("jobs", evidence.jobs.len()),
        ("jobs published", jobs::told(evidence, "published")),
        ("jobs failed", jobs::told(evidence, "failed")),
        ("jobs unknown", jobs::told(evidence, "unknown")),
        ("jobs unknown at first, published in the end", jobs::cleared_up(evidence)),
        ("results, repeats included", heard.results),
        ("refreshes", connections::refreshes(evidence)),
        ("connections that ended", ended.len()),
        ("connections that need consent, and no event told", connections::untold(evidence)),
    ];
    let ended = ended.into_iter().map(|ended| ended.to_string()).collect();
    Account { seed: soak.seed, counts, checks, ended, unknown, struck }
}

impl Account {
    /// Whether everything is as it should be.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.checks.iter().all(Check::holds)
    }

    /// For people: counts, checks, and names.
    #[must_use]
    pub fn table(&self) -> String {
        let mut table = Table::new();
        table.load_style(UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
        table.set_header(["", "what", "expected", "seen"].map(|title| Cell::new(title).add_attribute(Attribute::Bold)));
        for (what, number) in &self.counts {
            table.add_row([Cell::new(""), Cell::new(what), Cell::new(""), Cell::new(number)]);
        }
        for check in &self.checks {
            let (mark, colour) = if check.holds() { ("✓", Color::Green) } else { ("✗", Color::Red) };
            let seen = Cell::new(check.seen).fg(colour);
            table.add_row([Cell::new(mark).fg(colour), Cell::new(check.what), Cell::new(check.expected), seen]);
        }
        let mut text = format!("{table}\n");
        let wrong = self.checks.iter().flat_map(|check| check.wrong.iter().map(move |one| (check.what, one)));
        let named = self.ended.iter().map(|one| ("connection that ended", one));
        let unknown = self.unknown.iter().map(|one| ("unknown", one));
        for (what, one) in named.chain(unknown) {
            let _ = writeln!(text, "{what}: {one}");
        }
        for (what, one) in wrong {
            let _ = writeln!(text, "WRONG: {what}: {one}");
        }
        text + format!("seed {}\n", self.seed).as_str()
    }
}
