//! What every handler sees: where things are, and all that changes, under one lock.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::counts::Counts;
use super::directory::Directory;
use super::faults::Faults;
use super::keys::Key;
use super::places::Places;
use super::tenant::grants::Grants;
use super::tenant::troubles::Troubles;
use super::vault::roles::Roles;
use super::vault::secrets::Vault;

pub(crate) struct World {
    pub(crate) places: Places,
    state: Mutex<State>,
}

/// One lock, held for the length of a synchronous step and never across an await.
pub(crate) struct State {
    pub(crate) settings: Settings,
    pub(crate) directory: Directory,
    /// The tenants' signing keys, newest first: the first signs, all are told.
    pub(crate) keys: Vec<Key>,
    /// The cluster's, which signs workloads' tokens; made when it is first needed.
    pub(crate) cluster: Option<Key>,
    pub(crate) grants: Grants,
    pub(crate) troubles: Troubles,
    pub(crate) vaults: BTreeMap<String, Vault>,
    pub(crate) roles: Roles,
    pub(crate) faults: Faults,
    pub(crate) counts: Counts,
}

/// Lives in seconds, of what is issued from now on, and what a refresh token does that comes again.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Settings {
    pub(crate) access_ttl: u32,
    pub(crate) code_ttl: u32,
    pub(crate) refresh_ttl: u32,
    pub(crate) reuse: Reuse,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Reuse {
    /// As in Entra: an old refresh token stays good.
    StaysGood,
    /// As elsewhere: it ends its family.
    EndsTheFamily,
}

impl Default for Settings {
    fn default() -> Self {
        Self { access_ttl: 3600, code_ttl: 60, refresh_ttl: 90 * 86400, reuse: Reuse::StaysGood }
    }
}

impl World {
    pub(crate) fn new(places: Places, directory: Directory, key: Key) -> Self {
        let state = State {
            settings: Settings::default(),
            roles: Roles::new(directory.roles.clone()),
            directory,
            keys: vec![key],
            cluster: None,
            grants: Grants::default(),
            troubles: Troubles::default(),
            vaults: BTreeMap::new(),
            faults: Faults::default(),
            counts: Counts::default(),
        };
        Self { places, state: Mutex::new(state) }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
