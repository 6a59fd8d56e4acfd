//! What producers were told, and what was heard.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde_json::Value;

/// How a job or request ended, as its producer was told: outcome, and the code of a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ending {
    pub(super) outcome: String,
    pub(super) code: String,
}

/// Everything that came, by the id of what it is about.
#[derive(Debug, Default)]
pub(super) struct Told(Mutex<Heard>);

/// What was heard.
#[derive(Debug, Default, Clone)]
pub(super) struct Heard {
    /// The endings of each job or request, each once, in the order in which they came.
    pub(super) endings: HashMap<String, Vec<Ending>>,
    /// How many results came: repeats too.
    pub(super) results: usize,
    /// The users of whose connections an event told that they need consent.
    pub(super) needy: BTreeSet<String>,
}

impl Told {
    /// A result: of a job or of an exchange request.
    pub(super) fn result(&self, result: &Value) {
        let of = result["job"].as_str().or(result["request"].as_str()).unwrap_or_default().to_owned();
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let ending = Ending { outcome: word(&result["outcome"]), code: word(&result["failure"]["code"]) };
        let mut heard = self.lock();
        heard.results += 1;
        let endings = heard.endings.entry(of).or_default();
        if !endings.contains(&ending) {
            endings.push(ending);
        }
    }

    /// An event.
    pub(super) fn event(&self, topic: &str, event: &Value) {
        if let ("connection.needs-consent", Some(user)) = (topic, event["connection"]["user"].as_str()) {
            self.lock().needy.insert(user.into());
        }
    }

    /// How many jobs and requests were answered.
    pub(super) fn answered(&self) -> usize {
        self.lock().endings.len()
    }

    /// How many ended so at last.
    pub(super) fn count(&self, outcome: &str) -> usize {
        self.lock().endings.values().filter(|all| all.last().is_some_and(|last| last.outcome == outcome)).count()
    }

    /// Of how many connections an event told that they need consent.
    pub(super) fn needy(&self) -> usize {
        self.lock().needy.len()
    }

    /// Everything.
    pub(super) fn all(&self) -> Heard {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Heard> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
