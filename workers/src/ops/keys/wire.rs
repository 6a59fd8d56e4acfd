//! The versions of the key that producers seal secrets in messages to: what may still need each, and the end of one.

use std::time::Duration;

use jiff::Timestamp;
use sealpost_shared::clock::{Clock, SystemClock};
use sealpost_shared::config::Config;
use sealpost_shared::keys::{KeyChanges, KeyError, KeySource, Keys, VersionInfo};
use sealpost_shared::ledger::KEPT;
use sealpost_shared::seal::{KeyRef, KeyVersion};
use serde_json::{Value, json};

use crate::ops::{dead, screen};
use crate::worker;

/// How long a producer may go on sealing to a version after a newer one was made: it asks for the key once a day at least.
const CACHED: Duration = Duration::from_hours(24);

/// How long a version is needed at least after a newer one was made: until then a message that is sealed to it may wait in a queue or
/// to be tried again. The dead letters, which may have been put aside as late as that, are looked at besides. Of what waits in a queue
/// for longer, since no worker ran, nobody knows: it is put aside, and opens once the version is switched on again.
const NEEDED: Duration = CACHED.saturating_add(KEPT);

/// The versions of the wire key, oldest first.
pub(super) struct WireVersions {
    keys: Keys,
    pub(super) all: Vec<(KeyRef, VersionInfo, Use)>,
}

/// Whether a version is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// Producers seal to it.
    Latest,
    /// Messages may need it until then.
    Until(Timestamp),
    /// Nothing needs it but dead letters, which are looked at when it is retired.
    Over,
}

impl WireVersions {
    /// Reads them; a key that is not there has none.
    pub(super) async fn read(config: &Config) -> Result<Self, String> {
        let (keys, id) = (worker::keys(config)?, &config.keys.wire);
        let infos = match keys.versions(id).await {
            Err(KeyError::Missing { .. } | KeyError::Deleted { .. }) => Vec::new(),
            infos => infos.map_err(|error| error.to_string())?,
        };
        let now = SystemClock.now();
        let uses: Vec<_> = (0..infos.len()).map(|at| use_of(&infos, at, now)).collect();
        let key = |info: &VersionInfo| KeyRef { id: id.clone(), version: info.version.clone() };
        let all = infos.into_iter().zip(uses).map(|(info, used)| (key(&info), info, used)).collect();
        Ok(Self { keys, all })
    }

    pub(super) fn find(&self, version: &KeyVersion) -> Option<&(KeyRef, VersionInfo, Use)> {
        self.all.iter().find(|(key, ..)| key.version == *version)
    }

    pub(super) fn table(&self, now: Timestamp) -> screen::Table {
        let mut table = screen::table(["key", "version", "state", "created", "age", "needed until"]);
        for (key, info, used) in &self.all {
            let until = match used {
                Use::Latest => "–".into(),
                Use::Until(time) => screen::time(*time),
                Use::Over => "over".into(),
            };
            table.add_row([
                key.id.to_string(),
                key.version.to_string(),
                state(info, *used).into(),
                screen::time(info.created),
                screen::span(info.created, now),
                until,
            ]);
        }
        table
    }

    pub(super) fn json(&self) -> Vec<Value> {
        let one = |(key, info, used): &(KeyRef, VersionInfo, Use)| {
            let until = if let Use::Until(time) = used { Some(time) } else { None };
            json!({"key": key.id, "version": key.version, "state": state(info, *used), "created": info.created,
                   "latest": *used == Use::Latest, "enabled": info.enabled, "needed_until": until})
        };
        self.all.iter().map(one).collect()
    }

    /// Switches a version off, or on again.
    ///
    /// # Errors
    /// In words, if it is the latest, or messages may need it and nobody says that this does not matter.
    pub(super) async fn retire(
        &self,
        config: &Config,
        (key, used): (&KeyRef, Use),
        (undo, needed): (bool, bool),
    ) -> Result<(), String> {
        match used {
            _ if undo => {}
            Use::Latest => {
                return Err(format!(
                    "retiring {key}: it is the latest, to which producers seal; first add one: sealpost keys rotate --wire"
                ));
            }
            Use::Until(time) if !needed => {
                return Err(format!(
                    "{key} is not switched off: until {} messages, retries and dead letters may have secrets that are sealed \
                     to it, which nobody could read then. --even-if-messages-need-it does it all the same",
                    screen::time(time)
                ));
            }
            Use::Over if !needed => no_letter_needs(config, key).await?,
            Use::Until(_) | Use::Over => {}
        }
        self.keys.set_enabled(key, undo).await.map_err(|error| error.to_string())
    }
}

/// Fails if dead letters need a version that may still be replayed.
async fn no_letter_needs(config: &Config, key: &KeyRef) -> Result<(), String> {
    let anyway = "--even-if-messages-need-it does it all the same";
    let letters = dead::sealed_to(config, &key.version).await;
    let letters = letters.map_err(|why| format!("looking for dead letters that need {key}: {why}; {anyway}"))?;
    let Some((count, youngest)) = letters else { return Ok(()) };
    let until = youngest.checked_add(KEPT).map_or_else(|_| "their end".into(), screen::time);
    Err(format!(
        "{key} is not switched off: {count} dead letters have secrets that are sealed to it and may be replayed until {until} \
         (sealpost dead list --each). Replay them first; {anyway}"
    ))
}

fn use_of(infos: &[VersionInfo], at: usize, now: Timestamp) -> Use {
    // it was replaced when the next one was made
    let Some(next) = infos.get(at + 1) else { return Use::Latest };
    match next.created.checked_add(NEEDED) {
        Ok(until) if until > now => Use::Until(until),
        _ => Use::Over,
    }
}

const fn state(info: &VersionInfo, used: Use) -> &'static str {
    match used {
        _ if !info.enabled => "disabled",
        Use::Latest => "latest",
        Use::Until(_) | Use::Over => "older",
    }
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};
    use sealpost_shared::keys::VersionInfo;

    use super::{Use, use_of};

    #[test]
    fn a_version_is_needed_for_a_day_and_the_time_of_the_ledger_after_the_next_one_was_made() {
        let now: Timestamp = "2026-11-28T12:00:00Z".parse().unwrap();
        let made = |hours: i64| VersionInfo {
            version: format!("v{hours}").parse().unwrap(),
            created: now - SignedDuration::from_hours(hours),
            enabled: true,
        };
        let infos = [made(5000), made(8 * 24), made(8 * 24 - 1), made(1)];
        let uses: Vec<_> = (0..4).map(|at| use_of(&infos, at, now)).collect();
        let until = |hours: i64| Use::Until(now + SignedDuration::from_hours(hours));
        assert_eq!(uses, [Use::Over, until(1), until(8 * 24 - 1), Use::Latest]);
    }
}
