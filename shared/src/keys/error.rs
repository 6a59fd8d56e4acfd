//! Why there is no key: which one was wanted, what is wrong, what to do. Never a value.

use std::fmt;

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
    /// The key that hides names.
    Index,
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(key) => write!(f, "{key}"),
            Self::Latest(id) => write!(f, "the latest version of key {id}"),
            Self::Versions(id) => write!(f, "the versions of key {id}"),
            Self::OfTenant(template) => write!(f, "a key {template}"),
            Self::Index => f.write_str("the index key"),
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
    /// The source answered: it is there and switched off.
    #[error("{wanted}: disabled in the key source; enable it there to open what it sealed")]
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
            Self::Missing { .. } => "key-missing",
            Self::Disabled { .. } => "key-disabled",
            Self::SourceUnavailable { .. } | Self::Misconfigured { .. } => "key-source-unavailable",
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
            (KeyError::Misconfigured { wanted, reason }, "key-source-unavailable"),
        ];
        for (error, code) in errors {
            assert!(error.to_string().starts_with("key records, version v7: "), "{error}");
            assert_eq!(error.code(), code);
        }
    }
}
