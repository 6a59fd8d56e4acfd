//! What a power cut can take, judged by Redis's own settings.

use std::collections::{BTreeSet, HashMap};

use redis::{Cmd, FromRedisValue, Value};

use super::error::StoreError;
use super::store::Store;
use super::trouble::Trouble;

/// What is asked for.
pub(super) const SETTINGS: [&str; 3] = ["appendonly", "appendfsync", "maxmemory-policy"];

/// What one of Redis's settings puts at risk.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Risk {
    /// Whether the setting is accepted all the same.
    pub accepted: bool,
    /// In a sentence for a person, with what to do.
    pub says: String,
}

impl Store {
    /// What Redis's settings put at risk, in sentences for a person; empty when they are the supported ones. In a cluster
    /// every node is asked, and what any of them risks is said once.
    pub async fn durability(&self) -> Result<Vec<String>, StoreError> {
        let mut answers = Vec::new();
        for setting in SETTINGS {
            answers.push((setting, self.link().ask_all(&question(setting)).await));
        }
        let risks = risks(answers).map_err(|trouble| StoreError::new("ask Redis how it keeps data", trouble))?;
        Ok(risks.into_iter().map(|risk| risk.says).collect())
    }
}

/// How Redis is asked for a setting.
pub(super) fn question(setting: &str) -> Cmd {
    redis::cmd("CONFIG").arg("GET").arg(setting).to_owned()
}

/// What the nodes' answers mean.
pub(super) fn risks(answers: Vec<(&str, Result<Vec<Value>, Trouble>)>) -> Result<Vec<Risk>, Trouble> {
    let mut risks = BTreeSet::new();
    for (setting, answers) in answers {
        let answers = match answers {
            Ok(answers) => answers,
            Err(Trouble::NoPermission(_) | Trouble::Other(_)) => return Ok(vec![unseen()]),
            Err(trouble) => return Err(trouble),
        };
        for answer in answers {
            let Some(value) = value(answer, setting) else { return Ok(vec![unseen()]) };
            risks.extend(risk(setting, &value));
        }
    }
    Ok(risks.into_iter().collect())
}

fn value(answer: Value, setting: &str) -> Option<String> {
    HashMap::<String, String>::from_redis_value(answer).ok()?.remove(setting)
}

fn unseen() -> Risk {
    let says = "Redis does not let us read its settings (CONFIG), so nothing can be said about what a power cut would lose; make \
     sure of appendonly yes, appendfsync always, maxmemory-policy noeviction";
    Risk { accepted: true, says: says.into() }
}

fn risk(setting: &str, value: &str) -> Option<Risk> {
    let says = match (setting, value) {
        ("appendonly", "yes") | ("appendfsync", "always") | ("maxmemory-policy", "noeviction") => return None,
        ("appendonly", _) => "Redis keeps no append-only file (appendonly no): a crash loses everything since its last \
                              snapshot, rotated refresh tokens among it, and those connections then need consent again; \
                              set appendonly yes and appendfsync always"
            .into(),
        ("appendfsync", "everysec") => "Redis flushes once a second (appendfsync everysec): a power cut can lose the last \
                                        second or two: a rotated refresh token (its connection then needs consent \
                                        again), the note that a post was being sent (it may be sent twice), a deletion; \
                                        appendfsync always loses none of it"
            .into(),
        ("appendfsync", other) => format!(
            "Redis leaves flushing to the operating system (appendfsync {other}): a power cut can lose half a minute of \
             rotated refresh tokens, notes of posts being sent, and deletions; set appendfsync always"
        ),
        (_, other) => format!(
            "Redis drops keys when its memory is full (maxmemory-policy {other}): token records would vanish without a \
             trace; set maxmemory-policy noeviction"
        ),
    };
    Some(Risk { accepted: (setting, value) == ("appendfsync", "everysec"), says })
}
