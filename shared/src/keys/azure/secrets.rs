//! Secrets of the configuration that are in the vault: read, kept and given up like keys, and never made.

use std::time::Duration;

use secrecy::SecretString;

use super::AzureKeys;
use super::cache::{Ages, Asked};
use super::refusal::Refusal;
use crate::keys::{KeyError, Wanted};
use crate::seal::{KeyId, KeyVersion};

/// How often at most a secret is looked up anew because somebody who should take it does not.
const DOUBTS: Duration = Duration::from_secs(30);

/// A secret as it was read: its version, and its text.
pub(super) type Read = (KeyVersion, SecretString);

impl AzureKeys {
    /// The latest version of a secret that is no key.
    ///
    /// # Errors
    /// Those of keys; also if the secret is empty, or is a key.
    pub async fn secret(&self, name: &KeyId) -> Result<Read, KeyError> {
        let asked = Asked { id: name.clone(), version: None };
        let ages = Ages { fresh: self.settings.latest_age(), outage: self.settings.outage() };
        self.secrets.obtain(asked.clone(), ages, || self.clone().fetch_secret(asked)).await
    }

    /// Notes that this version of a secret is not taken where it should be, so that there may be a newer one. Whoever reads it
    /// next looks it up anew; at most once in half a minute, whatever is not taken.
    pub fn doubt_secret(&self, name: &KeyId, version: &KeyVersion) {
        self.secrets.doubted(&Asked { id: name.clone(), version: None }, version, DOUBTS);
    }

    pub(super) async fn fetch_secret(self, asked: Asked) -> Result<Read, KeyError> {
        let read = match self.vault.read_text(&asked).await {
            Err(Refusal::Missing) if self.vault.is_deleted(&asked.id).await => Err(Refusal::Deleted),
            read => read,
        };
        read.map_err(|refusal| refusal.of(Wanted::Secret(asked.id)))
    }
}
