//! Which key seals whose things: one for all tenants, or one per tenant.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, de::Error};

use crate::seal::{KeyId, NameError};

/// What is replaced by a tenant's name.
const TENANT: &str = "{tenant}";
/// What is replaced by a keyed hash of it.
const TAG: &str = "{tenant_tag}";
/// Length of a tag: 128 bits in hex.
const TAG_LEN: usize = 32;

/// The id of a sealing key, or how the ids of tenants' keys are made: `tokens-{tenant}`, or `tokens-{tenant_tag}` where a
/// tenant's name must not show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyTemplate(Kind);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    One(KeyId),
    PerTenant { before: String, hidden: bool, after: String },
}

/// Why a text is no key template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// Something in braces that is not known, or known and not alone.
    #[error("in braces there may be tenant or tenant_tag, once: {TENANT} or {TAG}")]
    Braces,
    /// Every key would be a tenant's.
    #[error(
        "a tenant's name alone cannot be told from other keys; write something before or after it, as in tokens-{TENANT}"
    )]
    Bare,
    /// No id can come of it.
    #[error("{0}")]
    Name(#[from] NameError),
}

/// Why a tenant has no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the tenant's name cannot be part of a key's name, which may have 127 of 0-9 a-z - and tells no upper case from lower; \
     write {TAG} for {TENANT} in keys.key"
)]
pub struct UnfitTenant;

impl Default for KeyTemplate {
    fn default() -> Self {
        Self(Kind::One(KeyId::usual()))
    }
}

impl KeyTemplate {
    /// The key of every tenant, where they share one.
    #[must_use]
    pub fn shared(&self) -> Option<&KeyId> {
        match &self.0 {
            Kind::One(id) => Some(id),
            Kind::PerTenant { .. } => None,
        }
    }

    /// The id of a tenant's key. `tag`: the keyed hash of its name.
    ///
    /// # Errors
    /// If no id can be made of the name.
    pub fn id_of(&self, tenant: &str, tag: impl FnOnce() -> [u8; TAG_LEN / 2]) -> Result<KeyId, UnfitTenant> {
        match &self.0 {
            Kind::One(id) => Ok(id.clone()),
            Kind::PerTenant { before, hidden: true, after } => {
                format!("{before}{}{after}", hex::encode(tag())).parse().map_err(|_| UnfitTenant)
            }
            // vaults do not tell upper case from lower, so that two tenants would have one key
            Kind::PerTenant { .. } if tenant.bytes().any(|byte| byte.is_ascii_uppercase()) => Err(UnfitTenant),
            Kind::PerTenant { before, after, .. } => {
                format!("{before}{tenant}{after}").parse().map_err(|_| UnfitTenant)
            }
        }
    }

    /// Whether this may be the id of some tenant's key.
    #[must_use]
    pub fn may_name(&self, id: &KeyId) -> bool {
        match &self.0 {
            Kind::One(one) => one == id,
            Kind::PerTenant { before, hidden, after } => {
                let between =
                    id.as_str().strip_prefix(before.as_str()).and_then(|rest| rest.strip_suffix(after.as_str()));
                between.is_some_and(|name| match hidden {
                    true => name.len() == TAG_LEN && name.bytes().all(|byte| byte.is_ascii_hexdigit()),
                    false => !name.is_empty(),
                })
            }
        }
    }
}

impl FromStr for KeyTemplate {
    type Err = TemplateError;

    fn from_str(text: &str) -> Result<Self, TemplateError> {
        let split = |word| text.split_once(word).map(|(before, after): (&str, &str)| (before, word == TAG, after));
        let Some((before, hidden, after)) = split(TENANT).or_else(|| split(TAG)) else {
            if text.contains(['{', '}']) {
                return Err(TemplateError::Braces);
            }
            return Ok(Self(Kind::One(text.parse()?)));
        };
        if [before, after].iter().any(|part| part.contains(['{', '}'])) {
            return Err(TemplateError::Braces);
        }
        if before.is_empty() && after.is_empty() && !hidden {
            return Err(TemplateError::Bare);
        }
        // the shortest id that comes of it
        let sample = if hidden { "0".repeat(TAG_LEN) } else { "0".into() };
        format!("{before}{sample}{after}").parse::<KeyId>()?;
        Ok(Self(Kind::PerTenant { before: before.into(), hidden, after: after.into() }))
    }
}

impl fmt::Display for KeyTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::One(id) => id.fmt(f),
            Kind::PerTenant { before, hidden, after } => {
                write!(f, "{before}{}{after}", if *hidden { TAG } else { TENANT })
            }
        }
    }
}

impl<'de> Deserialize<'de> for KeyTemplate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(text: &str) -> KeyTemplate {
        text.parse().unwrap()
    }

    fn named(text: &str, tenant: &str) -> Result<String, UnfitTenant> {
        template(text).id_of(tenant, || [0xab; 16]).map(|id| id.to_string())
    }

    #[test]
    fn a_tenant_has_a_key_of_its_own_or_shares_one() {
        assert_eq!(named("tokens", "acme").unwrap(), "tokens");
        assert_eq!(named("tokens-{tenant}-eu", "acme").unwrap(), "tokens-acme-eu");
        assert_eq!(named("t-{tenant_tag}", "Acme & Co").unwrap(), format!("t-{}", "ab".repeat(16)));
    }

    #[test]
    fn a_tenant_whose_name_no_vault_takes_or_tells_from_another_has_no_key() {
        for tenant in ["Acme", "a_b", "a b", "a/../b", "é", &"a".repeat(121)] {
            assert_eq!(named("tokens-{tenant}", tenant), Err(UnfitTenant), "{tenant}");
        }
        assert!(named("tokens-{tenant}", &"a".repeat(120)).is_ok());
    }

    #[test]
    fn what_makes_no_id_is_no_template() {
        for text in ["", "a_b", "{tenant}/x", "{user}", "{tenant}{tenant_tag}", "{tenant}{tenant}", "{", "a}"] {
            assert!(text.parse::<KeyTemplate>().is_err(), "{text}");
        }
        assert_eq!("{tenant}-{user}".parse::<KeyTemplate>(), Err(TemplateError::Braces));
        assert_eq!("{tenant}".parse::<KeyTemplate>(), Err(TemplateError::Bare));
        for text in ["tokens", "t-{tenant}", "{tenant_tag}", "a-{tenant_tag}-b"] {
            assert_eq!(template(text).to_string(), text);
        }
    }

    #[test]
    fn an_id_of_a_template_is_told_from_others() {
        let id = |text: &str| text.parse::<KeyId>().unwrap();
        assert!(template("tokens-{tenant}").may_name(&id("tokens-acme")));
        for other in ["tokens", "tokens-", "other-acme"] {
            assert!(!template("tokens-{tenant}").may_name(&id(other)), "{other}");
        }
        assert!(template("t-{tenant_tag}").may_name(&id(&format!("t-{}", "0a".repeat(16)))));
        assert!(!template("t-{tenant_tag}").may_name(&id("t-acme")));
        assert!(template("tokens").may_name(&id("tokens")) && !template("tokens").may_name(&id("tokens-acme")));
    }
}
