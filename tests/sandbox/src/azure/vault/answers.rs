//! Secrets, versions and lists as Key Vault writes them.

use serde_json::{Value, json};

use super::request::Asked;
use super::secrets::{Deleted, Secret, Version};

/// Where the request came in, as its `Host` says: ids and links are absolute.
pub(super) struct Base<'a>(pub(super) &'a str);

impl Base<'_> {
    /// A version with its value.
    pub(super) fn bundle(&self, name: &str, version: &Version) -> Value {
        let mut bundle = self.properties(&format!("{name}/{}", version.id), version);
        bundle["value"] = version.value.clone().into();
        bundle
    }

    /// Everything but the value. `id` is the name, or name and version.
    pub(super) fn properties(&self, id: &str, version: &Version) -> Value {
        let set = &version.settable;
        let mut attributes = json!({
            "enabled": version.is_enabled(), "created": version.created, "updated": version.updated,
            "recoveryLevel": "Recoverable+Purgeable", "recoverableDays": 90,
        });
        for (name, time) in [("nbf", set.attributes.nbf), ("exp", set.attributes.exp)] {
            if let Some(time) = time {
                attributes[name] = time.into();
            }
        }
        let mut properties = json!({"id": format!("https://{}/secrets/{id}", self.0), "attributes": attributes});
        if let Some(kind) = &set.content_type {
            properties["contentType"] = kind.clone().into();
        }
        if let Some(tags) = &set.tags {
            properties["tags"] = tags.clone().into();
        }
        properties
    }

    /// The latest version stands for the secret; where it lies, and until when.
    pub(super) fn deleted(&self, deleted: &Deleted, with_version: bool) -> Value {
        let Deleted { secret, at } = deleted;
        let mut answer = self.latest(secret, with_version);
        answer["recoveryId"] = format!("https://{}/deletedsecrets/{}", self.0, secret.name).into();
        answer["deletedDate"] = (*at).into();
        answer["scheduledPurgeDate"] = (at + 90 * 86400).into();
        answer
    }

    pub(super) fn latest(&self, secret: &Secret, with_version: bool) -> Value {
        let Some(version) = secret.versions.last() else { return Value::Null };
        let id = if with_version { format!("{}/{}", secret.name, version.id) } else { secret.name.clone() };
        self.properties(&id, version)
    }

    /// One page of what is listed, in the order of the keys: version ids are random, so that is not the order of
    /// creation, which Key Vault does not promise either.
    pub(super) fn page<'a>(&self, asked: &Asked, path: &str, all: impl Iterator<Item = (&'a str, Value)>) -> Value {
        let mut all: Vec<_> = all.filter(|(key, _)| asked.after.as_deref().is_none_or(|after| *key > after)).collect();
        all.sort_by(|(one, _), (other, _)| one.cmp(other));
        let rest = all.split_off(asked.page.min(all.len()));
        let last = all.last().filter(|_| !rest.is_empty());
        let next = last.map(|(key, _)| {
            let (host, version, page) = (self.0, &asked.api_version, asked.page);
            format!("https://{host}/{path}?api-version={version}&maxresults={page}&$skiptoken={key}")
        });
        json!({"value": all.into_iter().map(|(_, value)| value).collect::<Vec<_>>(), "nextLink": next})
    }
}
