//! Key versions as operators see them: a table, JSON, and what is wrong with them.

use comfy_table::{Cell, Color};
use jiff::Timestamp;
use sealpost_shared::config::Config;
use sealpost_shared::keys::KeyTemplate;
use sealpost_shared::records::Store;
use sealpost_shared::tokens::{VersionUse, usage};
use serde_json::{Value, json};

use crate::ops::{open, screen};

/// The versions of the configured keys, and of whatever else something is sealed under.
pub(super) struct Versions {
    pub(super) key: KeyTemplate,
    pub(super) store: Store,
    pub(super) used: Vec<VersionUse>,
}

/// What a version is good for.
#[derive(Clone, Copy)]
enum State {
    Latest,
    Older,
    Retiring,
    Retired,
    Disabled,
    Missing,
}

impl State {
    fn of(version: &VersionUse) -> Self {
        let retired = version.holding.retired > 0;
        match &version.info {
            None => Self::Missing,
            Some(info) if !info.enabled && retired => Self::Retired,
            Some(info) if !info.enabled => Self::Disabled,
            Some(_) if retired => Self::Retiring,
            Some(_) if version.latest => Self::Latest,
            Some(_) => Self::Older,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Latest => "latest",
            Self::Older => "older",
            Self::Retiring => "retiring",
            Self::Retired => "retired",
            Self::Disabled => "disabled",
            Self::Missing => "missing",
        }
    }

    const fn color(self) -> Color {
        match self {
            Self::Latest => Color::Green,
            Self::Older | Self::Retired => Color::Reset,
            Self::Retiring => Color::Yellow,
            Self::Disabled | Self::Missing => Color::Red,
        }
    }
}

impl Versions {
    pub(super) async fn read(config: &Config) -> Result<Self, String> {
        let (store, keys) = open::store(config).await?;
        let key = config.keys.key.clone();
        let used = usage(&store, &keys).await.map_err(|failure| failure.message)?;
        Ok(Self { key, store, used })
    }

    /// How much is sealed under any version but the latest ones of these keys.
    pub(super) fn older(&self) -> u64 {
        let older = self.used.iter().filter(|version| !version.latest || !self.key.may_name(&version.key.id));
        older.map(|version| version.holding.held).sum()
    }

    pub(super) fn table(&self, now: Timestamp) -> screen::Table {
        let mut table = screen::table(["key", "version", "state", "created", "age", "sealed under it"]);
        for version in &self.used {
            let state = State::of(version);
            let created = version.info.as_ref().map(|info| info.created);
            let [key, name] = [version.key.id.to_string(), version.key.version.to_string()];
            table.add_row([
                Cell::new(key),
                Cell::new(name),
                Cell::new(state.word()).fg(state.color()),
                Cell::new(screen::time_or_dash(created)),
                Cell::new(created.map_or_else(|| "–".into(), |created| screen::span(created, now))),
                Cell::new(version.holding.held),
            ]);
        }
        table
    }

    pub(super) fn json(&self) -> Vec<Value> {
        let one = |version: &VersionUse| {
            json!({
                "key": version.key.id, "version": version.key.version, "state": State::of(version).word(),
                "created": version.info.as_ref().map(|info| info.created), "latest": version.latest,
                "enabled": version.info.as_ref().is_some_and(|info| info.enabled),
                "retired": version.holding.retired > 0, "held": version.holding.held,
            })
        };
        self.used.iter().map(one).collect()
    }

    /// What an operator must know of them, a sentence each.
    pub(super) fn notes(&self) -> Vec<String> {
        self.used.iter().filter_map(|version| self.note(version)).collect()
    }

    fn note(&self, version: &VersionUse) -> Option<String> {
        let (name, held) = (&version.key, version.holding.held);
        match State::of(version) {
            State::Missing if held > 0 => Some(format!(
                "{name} is not in the key source, and {held} sealed under it cannot be opened: bring back the keyring or \
                 secret that has it"
            )),
            State::Disabled | State::Retired if held > 0 => Some(format!(
                "{name} is switched off, and {held} sealed under it cannot be opened: sealpost keys retire --undo {}",
                name.version
            )),
            State::Disabled | State::Retired | State::Retiring if version.latest && self.key.may_name(&name.id) => {
                Some(format!(
                    "{name} is the latest and cannot be used, so that nothing can be sealed: sealpost keys rotate"
                ))
            }
            State::Retiring if version.holding.retired < self.store.shards() => {
                Some(format!("retiring {name} was interrupted: sealpost keys retire {}", name.version))
            }
            State::Retiring if held == 0 => {
                Some(format!("{name} holds nothing any more: sealpost keys retire {} switches it off", name.version))
            }
            _ => None,
        }
    }
}
