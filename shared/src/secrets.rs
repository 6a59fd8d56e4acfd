//! The secrets of the configuration, as they are now: read for every use, so that a new one is taken up without a restart.

use std::fmt;

use sealpost_schemas::Code;
use secrecy::SecretString;

use crate::config::SecretSource;
use crate::failure::Failure;
use crate::keys::{AzureKeys, KeyError, Keys};
use crate::seal::{KeyId, KeyVersion};

/// Reads secrets: of variables and files always, and those of a vault where keys come from one. Clones share what was fetched.
#[derive(Clone, Default)]
pub struct Secrets(Option<AzureKeys>);

/// A secret that was read. It does not print.
pub struct Read {
    /// The secret.
    pub text: SecretString,
    /// Its name and version in the vault, if it is from there.
    pub version: Option<(KeyId, KeyVersion)>,
}

/// Why there is no secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// In words: what is wrong with its variable or file, or that there is no vault.
    #[error("{0}")]
    Place(String),
    /// The vault gave none.
    #[error(transparent)]
    Vault(#[from] KeyError),
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let vault = self.0.as_ref().map(AzureKeys::vault);
        f.debug_struct("Secrets").field("vault", &vault).finish_non_exhaustive()
    }
}

impl Secrets {
    /// Those of the vault too, where these keys are in one.
    #[must_use]
    pub fn of(keys: &Keys) -> Self {
        match keys {
            Keys::Local(_) => Self::default(),
            Keys::Azure(keys) => Self(Some(keys.clone())),
        }
    }

    /// Reads one. One of a vault is kept for a while, and longer while the vault gives no answer.
    ///
    /// # Errors
    /// [`SecretError`] says where it should have been.
    pub async fn read(&self, source: &SecretSource) -> Result<Read, SecretError> {
        if let (SecretSource::Vault(name), Some(vault)) = (source, &self.0) {
            let (version, text) = vault.secret(name).await?;
            return Ok(Read { text, version: Some((name.clone(), version)) });
        }
        let text = source.read().map_err(SecretError::Place)?;
        Ok(Read { text, version: None })
    }

    /// Notes that a secret of the vault is not taken where it should be: there may be a newer version.
    pub fn doubt(&self, (name, version): &(KeyId, KeyVersion)) {
        if let Some(vault) = &self.0 {
            vault.doubt_secret(name, version);
        }
    }
}

impl SecretError {
    /// Whether the vault gave no answer, so that one may come later.
    #[must_use]
    pub const fn is_outage(&self) -> bool {
        match self {
            Self::Place(_) => false,
            Self::Vault(error) => error.is_outage(),
        }
    }

    /// As a failure of who needs the secret to prove our client at a provider; `field` is where it is configured.
    #[must_use]
    pub fn of_client(self, field: &str) -> Failure {
        let failure = match self {
            Self::Place(why) => Failure::retry(Code::InvalidClient, why),
            Self::Vault(error) => Failure::from(error),
        };
        Failure { message: format!("{field}: {}", failure.message), ..failure }
    }
}
