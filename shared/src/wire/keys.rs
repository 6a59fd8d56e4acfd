//! The pipeline's own key, which producers seal to: versions of one key of the key source.

use std::collections::BTreeMap;

use sealpost_schemas::codec::DecodeError;
use sealpost_schemas::{Code, Queued, SealedSecret};
use serde_json::Value;

use super::message::sealed;
use super::{PrivateKey, PublicKey, jwk_set, open_with};
use crate::failure::Failure;
use crate::keys::{KeyError, KeySource, Keys};
use crate::seal::{KeyId, KeyRef};

/// The versions of the key that producers seal to. Clones share the source.
#[derive(Clone)]
pub struct WireKeys {
    source: Keys,
    id: KeyId,
}

impl WireKeys {
    /// The versions of the key `id`.
    #[must_use]
    pub fn new(source: Keys, id: KeyId) -> Self {
        Self { source, id }
    }

    /// What is to be sealed to from now on: the public half of the newest version.
    ///
    /// # Errors
    /// If there is none that can be used.
    pub async fn newest(&self) -> Result<PublicKey, KeyError> {
        let (version, key) = self.source.latest_or_made(&self.id).await?;
        Ok(PrivateKey::of(&key).public(version.as_str()))
    }

    /// The JWK Set for producers. Only the newest version is in it, so that nobody takes another; what is sealed to an older
    /// one opens all the same, as long as that is in the key source and not disabled.
    ///
    /// # Errors
    /// If there is none that can be used.
    pub async fn jwks(&self) -> Result<Value, KeyError> {
        Ok(jwk_set(&[self.newest().await?]))
    }

    /// Opens every sealed secret of a message. `body`: the message as it came.
    ///
    /// # Errors
    /// A retry where the key source gives no answer; a rejection where a secret cannot be opened. The message is as it was then.
    pub async fn open<M: Queued>(
        &self,
        message: &mut M,
        body: impl FnOnce() -> Result<Value, DecodeError>,
    ) -> Result<(), Failure> {
        let sealed = sealed(message);
        if sealed.is_empty() {
            return Ok(());
        }
        let mut keys = BTreeMap::new();
        for (field, SealedSecret { key, .. }) in sealed {
            if !keys.contains_key(&key) {
                keys.insert(key.clone(), self.named(field, &key).await?);
            }
        }
        let unreadable = |problem: String| Failure::reject(Code::SealedUnreadable, problem);
        let body = body().map_err(|error| unreadable(error.to_string()))?;
        open_with(message, body, &keys).map_err(|error| unreadable(error.to_string()))
    }

    async fn named(&self, field: &str, version: &str) -> Result<PrivateKey, Failure> {
        let unknown = |problem: &str| {
            let message = format!("{field}: {problem}; seal to the key that sealpost keys jwks shows");
            Failure::reject(Code::SealedKeyUnknown, message)
        };
        let version = version.parse().ok().filter(|version| self.source.can_have(version));
        let Some(version) = version else {
            return Err(unknown(&format!("its key is no version of key {}", self.id)));
        };
        let key = self.source.get(&KeyRef { id: self.id.clone(), version }).await;
        match key {
            Ok(key) => Ok(PrivateKey::of(&key)),
            // without the version: what stands there is the sender's
            Err(KeyError::Missing { .. } | KeyError::Deleted { .. }) => {
                Err(unknown(&format!("its version of key {} is not in the key source", self.id)))
            }
            Err(KeyError::Disabled { .. }) => {
                Err(unknown(&format!("its version of key {} is disabled in the key source", self.id)))
            }
            Err(error) => Err(error.into()),
        }
    }
}
