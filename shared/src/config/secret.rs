//! Where a secret of the configuration is read from.

use std::fs;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretBox, SecretString};
use serde::de::Error;
use serde::{Deserialize, Deserializer};

use crate::seal::KeyId;

/// A secret: `{ env = "VARIABLE" }`, `{ file = "path" }` or `{ vault = "name" }`, never in the file itself.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SecretSource {
    /// An environment variable.
    Env(String),
    /// A file; a line break at its end is not part of it.
    File(PathBuf),
    /// The latest version of a secret in the key vault of `[keys.azure]`; a line break at its end is not part of it.
    Vault(
        #[serde(deserialize_with = "secret_name")]
        #[schemars(with = "String", extend("pattern" = "^[0-9a-zA-Z-]{1,127}$"))]
        KeyId,
    ),
}

impl SecretSource {
    /// Makes a relative file relative to this folder.
    pub fn resolve(&mut self, folder: &Path) {
        if let Self::File(path) = self {
            *path = folder.join(&*path);
        }
    }

    /// The secret of a variable or file, as it is now. [`crate::secrets::Secrets`] reads those of a vault too.
    ///
    /// # Errors
    /// In words that name the variable or file.
    pub fn read(&self) -> Result<SecretString, String> {
        match self {
            Self::Env(name) => {
                let text = std::env::var(name)
                    .map_err(|_| format!("the environment variable {name} is not set, or is not text"))?;
                filled(text).ok_or_else(|| format!("the environment variable {name} is empty"))
            }
            Self::File(path) => {
                let text = fs::read_to_string(path).map_err(|e| format!("cannot read {}: {e}", path.display()))?;
                filled(text).ok_or_else(|| format!("{} is empty, and should hold a secret", path.display()))
            }
            Self::Vault(name) => Err(format!("the secret {name} is in a vault, and none is open; {NEEDS_VAULT}")),
        }
    }
}

/// Where a secret may be.
pub(super) const PLACES: [&str; 3] = ["env", "file", "vault"];

/// What `{ vault = … }` needs.
pub(super) const NEEDS_VAULT: &str = "{ vault = … } needs source = \"azure\" in [keys]";

/// The secret without the line break that an editor or a shell put behind it; `None`: there is none.
pub(crate) fn filled(text: String) -> Option<SecretString> {
    let text = SecretBox::new(Box::new(text));
    let secret = text.expose_secret().trim_end_matches(['\r', '\n']);
    (!secret.is_empty()).then(|| secret.into())
}

fn secret_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<KeyId, D::Error> {
    // what is no name may be the secret itself
    let wrong = |_| D::Error::custom("must be a secret's name in the vault: 1 to 127 of 0-9 a-z A-Z -");
    String::deserialize(deserializer)?.parse().map_err(wrong)
}
