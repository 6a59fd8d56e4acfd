//! Whom a message speaks of: owner, provider, connection.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de::Error};

/// A tenant's, user's or label's name: 1 to 256 bytes of UTF-8 without control characters. Colons, braces and spaces
/// are fine: names are hashed before they become part of a key.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Name(#[schemars(length(min = 1, max = 256))] String);

impl Name {
    /// The longest name, in bytes.
    pub const MAX_BYTES: usize = 256;

    /// `None` if the text is empty, too long or has control characters.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let fits = (1..=Self::MAX_BYTES).contains(&text.len());
        (fits && !text.chars().any(char::is_control)).then(|| Self(text.into()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::new(&text).ok_or_else(|| D::Error::custom("must be 1 to 256 bytes without control characters"))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A provider's name in the catalogue: lower-case letters, digits and hyphens, at most 64.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct ProviderId(#[schemars(regex(pattern = r"^[a-z0-9-]{1,64}$"))] String);

impl ProviderId {
    /// `None` if the text is not such a name.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let fits = (1..=64).contains(&text.len());
        let plain = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        (fits && plain).then(|| Self(text.into()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for ProviderId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::new(&text).ok_or_else(|| D::Error::custom("must be 1 to 64 of a-z, 0-9 and hyphen"))
    }
}

impl fmt::Display for ProviderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// On whose behalf we act.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Owner {
    /// The application's customer or site.
    pub tenant: Name,
    /// The application's user.
    pub user: Name,
}

/// One owner's link to one provider.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Connection {
    /// The application's customer or site.
    pub tenant: Name,
    /// The application's user.
    pub user: Name,
    /// The provider's name in the catalogue.
    pub provider: ProviderId,
    /// Which of several accounts; "default" unless the producer has several.
    pub label: Name,
}

impl Connection {
    /// The connection that a request speaks of.
    #[must_use]
    pub fn of(owner: &Owner, provider: &ProviderId, label: &Name) -> Self {
        Self {
            tenant: owner.tenant.clone(),
            user: owner.user.clone(),
            provider: provider.clone(),
            label: label.clone(),
        }
    }
}

/// The label of a producer that has one account per user.
pub(crate) fn default_label() -> Name {
    Name("default".into())
}
