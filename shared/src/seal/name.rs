//! Names of keys and of their versions, as Azure Key Vault allows them, whatever the key source.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Name of a sealing key: 1 to 127 of `0-9 a-z A-Z -`, what a Key Vault secret may be called.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyId(String);

/// A concrete version of a key: 1 to 64 of `0-9 a-z A-Z -`. "latest" is refused: it is a question, not a version.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyVersion(String);

/// Why a text is no name. It never quotes the text, which may be a key that landed in the wrong field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Empty, or longer than allowed.
    #[error("not a {what}: it has {len} characters, allowed are 1 to {max}")]
    Length {
        /// "key id" or "key version".
        what: &'static str,
        /// Length of the text in bytes.
        len: usize,
        /// The longest allowed.
        max: usize,
    },
    /// A character outside `0-9 a-z A-Z -`.
    #[error("not a {what}: character {position} is none of 0-9 a-z A-Z -")]
    Character {
        /// "key id" or "key version".
        what: &'static str,
        /// Position of the first such character, counted from 1.
        position: usize,
    },
    /// The version "latest", in any case of letters.
    #[error("not a key version: \"latest\" is resolved by the key source and never stored, name a concrete version")]
    Latest,
}

fn check(what: &'static str, max: usize, text: &str) -> Result<(), NameError> {
    if text.is_empty() || text.len() > max {
        return Err(NameError::Length { what, len: text.len(), max });
    }
    match text.chars().position(|c| !c.is_ascii_alphanumeric() && c != '-') {
        Some(before) => Err(NameError::Character { what, position: before + 1 }),
        None => Ok(()),
    }
}

impl KeyId {
    /// The key of everything, where no other is configured.
    pub(crate) fn usual() -> Self {
        Self("tokens".into())
    }

    /// The key that secrets in messages are sealed to, where no other is configured.
    pub(crate) fn wire() -> Self {
        Self("wire".into())
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl KeyVersion {
    /// The 32 hex digits of random bytes, which look like a version that Key Vault made.
    pub(crate) fn from_random(bytes: [u8; 16]) -> Self {
        Self(hex::encode(bytes))
    }

    /// The version as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for KeyId {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        check("key id", 127, &text)?;
        Ok(Self(text))
    }
}

impl TryFrom<String> for KeyVersion {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        check("key version", 64, &text)?;
        if text.eq_ignore_ascii_case("latest") {
            return Err(NameError::Latest);
        }
        Ok(Self(text))
    }
}

impl FromStr for KeyId {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        text.to_owned().try_into()
    }
}

impl FromStr for KeyVersion {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        text.to_owned().try_into()
    }
}

impl From<KeyId> for String {
    fn from(id: KeyId) -> Self {
        id.0
    }
}

impl From<KeyVersion> for String {
    fn from(version: KeyVersion) -> Self {
        version.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for KeyVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_key_vault_takes_are_taken() {
        for text in ["a", "sealpost-records", "A-9", &"x".repeat(127)] {
            assert_eq!(text.parse::<KeyId>().unwrap().as_str(), text);
        }
        for text in ["1", "4387e9f3d6e14c459867679a90fd0f79", "latest-1", &"v".repeat(64)] {
            assert_eq!(text.parse::<KeyVersion>().unwrap().as_str(), text);
        }
    }

    #[test]
    fn names_that_key_vault_refuses_are_refused() {
        for text in ["", "a_b", "a b", "a/b", "é", "a\n", "../x", &"x".repeat(128)] {
            assert!(text.parse::<KeyId>().is_err(), "{text:?}");
        }
        for text in ["", "a_b", "v.1", &"v".repeat(65)] {
            assert!(text.parse::<KeyVersion>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn latest_is_no_version() {
        for text in ["latest", "Latest", "LATEST"] {
            assert_eq!(text.parse::<KeyVersion>(), Err(NameError::Latest));
        }
        assert!("latest".parse::<KeyId>().is_ok(), "a key may be called so");
    }

    #[test]
    fn serde_refuses_what_parsing_refuses() {
        assert!(serde_json::from_str::<KeyVersion>("\"latest\"").is_err());
        assert!(serde_json::from_str::<KeyId>("\"a_b\"").is_err());
        assert_eq!(serde_json::from_str::<KeyId>("\"a-b\"").unwrap().as_str(), "a-b");
    }

    #[test]
    fn the_error_does_not_quote_the_text() {
        let error = "c2VjcmV0LXZhbHVl_canary".parse::<KeyVersion>().unwrap_err();
        assert_eq!(error.to_string(), "not a key version: character 17 is none of 0-9 a-z A-Z -");
    }
}
