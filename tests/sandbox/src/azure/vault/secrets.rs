//! The secrets of one vault: versions, and what was deleted and can be recovered.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::refusal::Refused;
use crate::app::now;

/// Largest value, in bytes (25 KB).
const LARGEST_VALUE: usize = 25_600;
/// Most tags.
const MOST_TAGS: usize = 15;

#[derive(Default)]
pub(crate) struct Vault {
    /// By name in lower case.
    pub(crate) secrets: BTreeMap<String, Secret>,
    pub(crate) deleted: BTreeMap<String, Deleted>,
    pub(crate) has_purge_protection: bool,
    /// Access policies instead of roles: only the words of a refusal differ.
    pub(crate) has_policies: bool,
}

/// Versions in order of creation.
#[derive(Clone)]
pub(crate) struct Secret {
    pub(crate) name: String,
    pub(crate) versions: Vec<Version>,
}

pub(crate) struct Deleted {
    pub(crate) secret: Secret,
    /// Seconds.
    pub(crate) at: i64,
}

#[derive(Clone)]
pub(crate) struct Version {
    pub(crate) id: String,
    pub(crate) value: String,
    pub(crate) settable: Settable,
    /// Seconds.
    pub(crate) created: i64,
    pub(crate) updated: i64,
}

/// What a caller can change of a version. Absent means: as it was.
#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Settable {
    pub(crate) content_type: Option<String>,
    pub(crate) attributes: Attributes,
    pub(crate) tags: Option<Map<String, Value>>,
}

/// Times in seconds; informational, as in Key Vault: an expired secret is still told.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Attributes {
    pub(crate) enabled: Option<bool>,
    pub(crate) nbf: Option<i64>,
    pub(crate) exp: Option<i64>,
}

impl Vault {
    /// A new version, which is the latest at once.
    pub(crate) fn set(&mut self, name: &str, value: String, settable: Settable) -> Result<(String, &Version), Refused> {
        settable.check()?;
        if value.len() > LARGEST_VALUE {
            return Err(Refused::bad_parameter(format!("The secret value is longer than {LARGEST_VALUE} bytes.")));
        }
        let key = name.to_ascii_lowercase();
        if self.deleted.contains_key(&key) {
            return Err(Refused::deleted(name));
        }
        let secret = self.secrets.entry(key).or_insert_with(|| Secret { name: name.to_owned(), versions: Vec::new() });
        let (id, at) = (Uuid::new_v4().simple().to_string(), now().as_second());
        secret.versions.push(Version { id, value, settable, created: at, updated: at });
        let last = secret.versions.len() - 1;
        Ok((secret.name.clone(), &secret.versions[last]))
    }

    /// The version with this id, or the latest.
    pub(crate) fn version(&mut self, key: &str, id: Option<&str>) -> Result<(String, &mut Version), Refused> {
        let Some(secret) = self.secrets.get_mut(key) else { return Err(Refused::secret_not_found(key)) };
        let name = secret.name.clone();
        let found = match id {
            None => secret.versions.last_mut(),
            Some(id) => secret.versions.iter_mut().find(|version| version.id == id),
        };
        let found = found.ok_or_else(|| Refused::secret_not_found(&format!("{key}/{}", id.unwrap_or_default())))?;
        Ok((name, found))
    }

    pub(crate) fn delete(&mut self, key: &str) -> Result<&Deleted, Refused> {
        let secret = self.secrets.remove(key).ok_or_else(|| Refused::secret_not_found(key))?;
        Ok(self.deleted.entry(key.to_owned()).or_insert(Deleted { secret, at: now().as_second() }))
    }

    pub(crate) fn recover(&mut self, key: &str) -> Result<&Secret, Refused> {
        if self.secrets.contains_key(key) {
            return Err(Refused::name_in_use(key));
        }
        let Deleted { secret, .. } = self.deleted.remove(key).ok_or_else(|| Refused::secret_not_found(key))?;
        Ok(self.secrets.entry(key.to_owned()).or_insert(secret))
    }

    pub(crate) fn purge(&mut self, key: &str) -> Result<(), Refused> {
        if self.has_purge_protection {
            return Err(Refused::purge_protected());
        }
        self.deleted.remove(key).map(drop).ok_or_else(|| Refused::secret_not_found(key))
    }
}

impl Version {
    pub(crate) fn is_enabled(&self) -> bool {
        self.settable.attributes.enabled != Some(false)
    }

    pub(crate) fn update(&mut self, new: Settable) -> Result<(), Refused> {
        new.check()?;
        let (old, attributes) = (&mut self.settable, new.attributes);
        old.content_type = new.content_type.or(old.content_type.take());
        old.tags = new.tags.or(old.tags.take());
        old.attributes.enabled = attributes.enabled.or(old.attributes.enabled);
        old.attributes.nbf = attributes.nbf.or(old.attributes.nbf);
        old.attributes.exp = attributes.exp.or(old.attributes.exp);
        self.updated = now().as_second();
        Ok(())
    }
}

impl Settable {
    fn check(&self) -> Result<(), Refused> {
        let tags = self.tags.iter().flatten();
        if self.tags.as_ref().is_some_and(|tags| tags.len() > MOST_TAGS) {
            return Err(Refused::bad_parameter(format!("More than {MOST_TAGS} tags.")));
        }
        for (name, value) in tags {
            if name.len() > 256 || !value.as_str().is_some_and(|value| value.len() <= 256) {
                return Err(Refused::bad_parameter("A tag's name and value are texts of at most 256 characters."));
            }
        }
        match self.attributes {
            Attributes { nbf: Some(nbf), exp: Some(exp), .. } if nbf >= exp => {
                Err(Refused::bad_parameter("The attribute exp must be after nbf."))
            }
            _ => Ok(()),
        }
    }
}
