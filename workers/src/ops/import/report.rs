//! What became of the lines: for programs. Nothing here has ever seen a token.

use std::collections::BTreeMap;
use std::io::{BufWriter, Write};

use sealpost_schemas::{Code, ExchangeResult};
use serde_json::{Value, json};

use super::lines::Line;
use super::table;
use crate::ops::asking::Ended;

/// All lines, and their answers so far.
pub(super) struct Report<'a> {
    pub(super) lines: &'a [Line],
    pub(super) results: Vec<Option<ExchangeResult>>,
    /// Why it ended early, if it did.
    pub(super) ended: Option<&'a Ended>,
}

/// What a line came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Became {
    Stored,
    Failed(Code),
    Unanswered,
}

impl Became {
    fn of(result: Option<&ExchangeResult>) -> Self {
        match result.map(|result| result.failure.as_ref()) {
            Some(None) => Self::Stored,
            Some(Some(failure)) => Self::Failed(failure.code),
            None => Self::Unanswered,
        }
    }

    /// The word in reports, and the code that belongs to it.
    pub(super) fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Stored => ("stored", ""),
            Self::Failed(code) => ("failed", code.as_str()),
            Self::Unanswered => ("unanswered", ""),
        }
    }
}

impl Report<'_> {
    /// How many became connections.
    pub(super) fn stored(&self) -> usize {
        self.became().filter(|(_, became)| *became == Became::Stored).count()
    }

    /// How many have no answer.
    pub(super) fn unanswered(&self) -> usize {
        self.results.iter().filter(|result| result.is_none()).count()
    }

    /// The numbers of the lines, by what they came to: stored, failed by code, unanswered.
    pub(super) fn groups(&self) -> Vec<(Became, Vec<usize>)> {
        let mut groups: BTreeMap<(u8, &str), (Became, Vec<usize>)> = BTreeMap::new();
        for (number, became) in self.became() {
            let order = match became {
                Became::Stored => 0,
                Became::Failed(_) => 1,
                Became::Unanswered => 2,
            };
            groups.entry((order, became.words().1)).or_insert_with(|| (became, Vec::new())).1.push(number);
        }
        groups.into_values().collect()
    }

    /// For people.
    pub(super) fn table(&self) -> String {
        table::of(&self.groups())
    }

    /// For programs: everything in one object.
    pub(super) fn json(&self) -> Value {
        let one = |(became, lines): (Became, Vec<usize>)| {
            let (outcome, code) = became.words();
            let code = (!code.is_empty()).then_some(code);
            json!({"outcome": outcome, "code": code, "count": lines.len(), "lines": lines})
        };
        let ended = self.ended.map(|ended| match ended {
            Ended::Stopped => "stopped",
            Ended::NoAnswer => "no-answer",
            Ended::Unsent => "unsent",
        });
        let groups: Vec<_> = self.groups().into_iter().map(one).collect();
        json!({"lines": self.lines.len(), "stored": self.stored(), "unanswered": self.unanswered(),
               "ended": ended, "groups": groups})
    }

    /// One JSON object a line of the file.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(super) fn write(&self, to: &mut impl Write) -> std::io::Result<()> {
        let mut to = BufWriter::new(to);
        for (line, result) in self.lines.iter().zip(&self.results) {
            let (outcome, _) = Became::of(result.as_ref()).words();
            let result = result.as_ref();
            let entry = json!({
                "line": line.number, "connection": line.connection, "request": line.id(), "outcome": outcome,
                "subject": result.and_then(|result| result.subject.as_ref()),
                "scopes": result.and_then(|result| result.scopes.as_ref()),
                "expires_at": result.and_then(|result| result.expires_at),
                "failure": result.and_then(|result| result.failure.as_ref()),
            });
            writeln!(to, "{entry}")?;
        }
        to.flush()
    }

    fn became(&self) -> impl Iterator<Item = (usize, Became)> {
        self.lines.iter().zip(&self.results).map(|(line, result)| (line.number, Became::of(result.as_ref())))
    }
}
