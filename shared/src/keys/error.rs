//! Why there is no key: which one was wanted, what is wrong, what to do. Never a value.

use std::fmt;
use std::time::Duration;

use crate::seal::{KeyId, KeyRef};

/// What was asked of a key source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// One concrete version.
    Version(KeyRef),
    /// Whatever is the newest version.
    Latest(KeyId),
    /// The list of versions.
    Versions(KeyId),
    /// The key of a tenant, by the template that gives it none.
    OfTenant(String),
    /// A version that is to be made.
    New(KeyId),
    /// The key that hides names.
    Index,
    /// A secret of the configuration.
    Secret(KeyId),
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(key) => write!(f, "{key}"),
            Self::Latest(id) => write!(f, "the latest version of key {id}"),
            Self::Versions(id) => write!(f, "the versions of key {id}"),
            Self::OfTenant(template) => write!(f, "a key {template}"),
            Self::New(id) => write!(f, "a new version of key {id}"),
            Self::Index => f.write_str("the index key"),
            Self::Secret(name) => write!(f, "the secret {name}"),
        }
    }
}

/// Why a key source gave no key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The source answered: there is none.
    #[error("{wanted}: not in the key source; check the name, or recover there what was deleted")]
    Missing {
        /// What was asked for.
        wanted: Wanted,
    },
    /// The source answered: it was deleted, and can be brought back.
    #[error(
        "{wanted}: deleted in the key source, and not yet for good; bring it back there: az keyvault secret recover \
         --vault-name VAULT --name NAME"
    )]
    Deleted {
        /// What was asked for.
        wanted: Wanted,
    },
    /// The source answered: it is there and switched off.
    #[error("{wanted}: disabled in the key source; enable it there to open what it sealed, or to go on using it")]
    Disabled {
        /// What was asked for.
        wanted: Wanted,
    },
    /// The source gave no usable answer. It may later.
    #[error("{wanted}: the key source gave no answer, try again later: {reason}")]
    SourceUnavailable {
        /// What was asked for.
        wanted: Wanted,
        /// What went wrong. Must not hold a value of the source.
        reason: String,
    },
    /// The source gets more requests than it serves.
    #[error("{wanted}: the key source takes no more requests for {} s", after.as_secs().max(1))]
    Throttled {
        /// What was asked for.
        wanted: Wanted,
        /// How long it wants to be left alone.
        after: Duration,
    },
    /// The source knows who we are, and does not let us.
    #[error(
        "{wanted}: the key source does not permit it ({reason}); give this identity the role Key Vault Secrets User (or \
         get on secrets), operators Key Vault Secrets Officer, and let the vault's firewall pass it"
    )]
    Denied {
        /// What was asked for.
        wanted: Wanted,
        /// The source's code for why.
        reason: String,
    },
    /// There is no credential that the source takes.
    #[error(
        "{wanted}: the credential for the key source was refused; the process's log has the cause, and keys.azure.credential \
         says which one it is"
    )]
    Unauthenticated {
        /// What was asked for.
        wanted: Wanted,
    },
    /// The source answered what no key can be. It will again until somebody mends it.
    #[error("{wanted}: the key source is not set up right: {reason}")]
    Misconfigured {
        /// What was asked for.
        wanted: Wanted,
        /// What is wrong. Must not hold a value of the source.
        reason: String,
    },
}

impl KeyError {
    /// The failure code of results, metrics and dead letters.
    ///
    /// A misconfigured source counts as unavailable: for the record nothing is lost, and mending the source ends it.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Missing { .. } | Self::Deleted { .. } => "key-missing",
            Self::Disabled { .. } => "key-disabled",
            Self::SourceUnavailable { .. }
            | Self::Throttled { .. }
            | Self::Denied { .. }
            | Self::Unauthenticated { .. }
            | Self::Misconfigured { .. } => "key-source-unavailable",
        }
    }

    /// Whether the source said nothing of the key, so that what is known of it goes on being true.
    #[must_use]
    pub const fn is_outage(&self) -> bool {
        match self {
            Self::SourceUnavailable { .. }
            | Self::Throttled { .. }
            | Self::Denied { .. }
            | Self::Unauthenticated { .. } => true,
            Self::Missing { .. } | Self::Deleted { .. } | Self::Disabled { .. } | Self::Misconfigured { .. } => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_names_the_key_and_has_a_stable_code() {
        let key = KeyRef { id: "records".parse().unwrap(), version: "v7".parse().unwrap() };
        let wanted = Wanted::Version(key);
        let reason = "no such file".to_owned();
        let errors = [
            (KeyError::Missing { wanted: wanted.clone() }, "key-missing"),
            (KeyError::Disabled { wanted: wanted.clone() }, "key-disabled"),
            (KeyError::SourceUnavailable { wanted: wanted.clone(), reason: reason.clone() }, "key-source-unavailable"),
            (KeyError::Deleted { wanted: wanted.clone() }, "key-missing"),
            (KeyError::Throttled { wanted: wanted.clone(), after: Duration::ZERO }, "key-source-unavailable"),
            (KeyError::Denied { wanted: wanted.clone(), reason: reason.clone() }, "key-source-unavailable"),
            (KeyError::Unauthenticated { wanted: wanted.clone() }, "key-source-unavailable"),
            (KeyError::Misconfigured { wanted, reason }, "key-source-unavailable"),
        ];
        for (error, code) in errors {
            assert!(error.to_string().starts_with("key records, version v7: "), "{error}");
            assert_eq!(error.code(), code);
        }
    }
}
