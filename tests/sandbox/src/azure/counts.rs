//! Counts of what clients asked, for tests to hold them to.

use std::collections::BTreeMap;

use serde::Serialize;

/// Requests by what was asked and how it was answered. One that a fault kept from being processed is not in it.
#[derive(Default)]
pub(crate) struct Counts(BTreeMap<Line, u64>);

/// Of a vault: its name, the operation and the secret. Of the tenant: the tenant's id, the grant and the client.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Line {
    pub(crate) at: String,
    pub(crate) operation: &'static str,
    pub(crate) of: String,
    /// The answer's status; a vault's 401 is the challenge.
    pub(crate) status: u16,
}

#[derive(Serialize)]
struct Counted {
    #[serde(flatten)]
    line: Line,
    n: u64,
}

impl Counts {
    pub(crate) fn count(&mut self, line: Line) {
        *self.0.entry(line).or_default() += 1;
    }

    pub(crate) fn all(&self) -> impl Serialize {
        self.0.iter().map(|(line, &n)| Counted { line: line.clone(), n }).collect::<Vec<_>>()
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}
