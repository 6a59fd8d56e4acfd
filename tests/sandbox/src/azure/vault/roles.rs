//! Who may do what: Azure's roles for secrets, assigned to an object id or a client id, on one vault or on all.

use serde::{Deserialize, Serialize};

use super::bearer::Caller;
use super::request::Operation;
use crate::azure::directory::{MANAGED, READER, SEALPOST};

/// One assignment. Those that name the vault count instead of those for `*`, so that a right can also be taken away.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Assignment {
    vault: String,
    principal: String,
    role: Role,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Role {
    #[serde(rename = "Key Vault Secrets Officer")]
    Officer,
    /// Gets, and reads what versions there are.
    #[serde(rename = "Key Vault Secrets User")]
    User,
    /// Reads what there is, and no value.
    #[serde(rename = "Key Vault Reader")]
    Reader,
    /// A custom role with nothing but `getSecret/action`.
    #[serde(rename = "get-only")]
    GetOnly,
    /// Nothing: takes a right on all vaults away for one.
    #[serde(rename = "none")]
    Nothing,
}

pub(crate) struct Roles(Vec<Assignment>);

impl Assignment {
    /// Sealpost and the managed identity may do everything, the reader may read.
    pub(crate) fn usual() -> Vec<Self> {
        let on_all = |principal: &str, role| Self { vault: "*".into(), principal: principal.into(), role };
        vec![on_all(SEALPOST, Role::Officer), on_all(MANAGED, Role::Officer), on_all(READER, Role::User)]
    }
}

impl Roles {
    pub(crate) fn new(assignments: Vec<Assignment>) -> Self {
        Self(assignments)
    }

    /// One role for each vault and principal: a new one replaces the old one.
    pub(crate) fn assign(&mut self, new: Assignment) {
        self.0.retain(|old| (&old.vault, &old.principal) != (&new.vault, &new.principal));
        self.0.push(new);
    }

    pub(super) fn allow(&self, vault: &str, caller: &Caller, operation: Operation) -> bool {
        let principals = [&caller.app_id, &caller.object_id];
        let of = |on: &str| {
            let meant = |assigned: &&Assignment| assigned.vault == on && principals.contains(&&assigned.principal);
            self.0.iter().filter(meant).map(|assigned| assigned.role).collect::<Vec<_>>()
        };
        let here = of(vault);
        let roles = if here.is_empty() { of("*") } else { here };
        roles.into_iter().any(|role| role.holds(operation.action()))
    }
}

impl Role {
    fn holds(self, action: &str) -> bool {
        match self {
            Self::Officer => true,
            Self::User => ["getSecret/action", "readMetadata/action"].contains(&action),
            Self::Reader => action == "readMetadata/action",
            Self::GetOnly => action == "getSecret/action",
            Self::Nothing => false,
        }
    }
}
