//! `[keys]`: where keys come from.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::de::Error;
use serde::{Deserialize, Deserializer};
use url::Url;

use super::SecretSource;
use super::secret::NEEDS_VAULT;
use crate::keys::KeyTemplate;
use crate::seal::{KeyId, KeyVersion};

/// The keys that seal.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Section")]
pub struct Keys {
    /// Where they come from.
    pub source: KeySettings,
    /// The id of the key that seals, with `{tenant}` or `{tenant_tag}` in it for a key of each tenant.
    pub key: KeyTemplate,
    /// The id of the key that producers seal secrets in messages to.
    pub wire: KeyId,
}

/// A key source, and what it needs.
#[derive(Clone, Debug)]
pub enum KeySettings {
    /// The local keyring's file, mode 0600.
    Local(PathBuf),
    /// Azure Key Vault.
    Azure(Box<Azure>),
}

/// `[keys.azure]`: Azure Key Vault.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Azure {
    /// `https://NAME.vault.azure.net`.
    #[serde(deserialize_with = "vault")]
    pub vault: Url,
    /// The secret that holds the key which hides names.
    pub index_key: KeyId,
    /// Its version; without one, the latest when a process starts.
    pub index_key_version: Option<KeyVersion>,
    /// Who we are to the vault.
    #[serde(default)]
    pub credential: Credential,
    /// A PEM file with the certificate authorities to trust, in the place of the system's.
    pub ca_file: Option<PathBuf>,
    /// The address that the vault's host name stands for, in the place of what DNS says.
    pub connect_to: Option<IpAddr>,
    /// Where Entra ID is, `https://…`, of another cloud than the public one.
    #[serde(default, deserialize_with = "authority")]
    pub authority_host: Option<Url>,
    /// Whether a sealing key that the vault does not have is made there when something is to be sealed with it.
    #[serde(default)]
    pub create_missing_keys: bool,
    /// How many seconds a version is good for before it is read again.
    #[serde(default = "default_version", deserialize_with = "within::<_, 1, 604_800>")]
    pub version_seconds: u32,
    /// How many seconds the latest version is good for before it is read again.
    #[serde(default = "default_latest", deserialize_with = "within::<_, 1, 86_400>")]
    pub latest_seconds: u32,
    /// How many seconds longer both are, while the vault gives no answer.
    #[serde(default = "default_outage", deserialize_with = "within::<_, 0, 604_800>")]
    pub outage_seconds: u32,
    /// How many seconds a call may take, credential and repetitions included.
    #[serde(default = "default_limit", deserialize_with = "within::<_, 1, 60>")]
    pub limit_seconds: u32,
    /// How many percent of the vault's limit of reads this process may take.
    #[serde(default = "default_share", deserialize_with = "within::<_, 1, 100>")]
    pub read_share_percent: u32,
}

/// Who we are to the vault.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "CredentialSection")]
pub enum Credential {
    /// The identity of the machine.
    ManagedIdentity {
        /// That of a user-assigned one.
        client_id: Option<String>,
    },
    /// A Kubernetes service account. What is not set comes from the variables that AKS sets.
    WorkloadIdentity {
        /// Default: `AZURE_TENANT_ID`.
        tenant_id: Option<String>,
        /// Default: `AZURE_CLIENT_ID`.
        client_id: Option<String>,
        /// Default: `AZURE_FEDERATED_TOKEN_FILE`.
        token_file: Option<PathBuf>,
    },
    /// An app registration with a secret.
    ClientSecret {
        /// The directory.
        tenant_id: String,
        /// The app.
        client_id: String,
        /// Its secret.
        client_secret: SecretSource,
    },
    /// Whoever is logged in by `az login` or `azd auth login`.
    Developer,
}

impl Default for Credential {
    fn default() -> Self {
        Self::ManagedIdentity { client_id: None }
    }
}

impl Azure {
    /// How long a version is good for.
    #[must_use]
    pub fn version_age(&self) -> Duration {
        Duration::from_secs(self.version_seconds.into())
    }

    /// How long the latest version is good for.
    #[must_use]
    pub fn latest_age(&self) -> Duration {
        Duration::from_secs(self.latest_seconds.into())
    }

    /// How much longer both are while the vault gives no answer.
    #[must_use]
    pub fn outage(&self) -> Duration {
        Duration::from_secs(self.outage_seconds.into())
    }

    /// How long a call may take.
    #[must_use]
    pub fn limit(&self) -> Duration {
        Duration::from_secs(self.limit_seconds.into())
    }
}

impl Keys {
    /// Whether a secret of the configuration can be where it is said to be.
    ///
    /// # Errors
    /// In words, if there is no vault, or what is named is a key.
    pub fn check_secret(&self, secret: &SecretSource) -> Result<(), String> {
        let SecretSource::Vault(name) = secret else { return Ok(()) };
        let KeySettings::Azure(azure) = &self.source else { return Err(NEEDS_VAULT.into()) };
        // vaults do not tell upper case from lower
        let is_named = |key: &KeyId| key.as_str().eq_ignore_ascii_case(name.as_str());
        let may_seal = name.as_str().to_ascii_lowercase().parse().is_ok_and(|id| self.key.may_name(&id));
        if is_named(&azure.index_key) || is_named(&self.wire) || self.key.shared().is_some_and(is_named) || may_seal {
            return Err(format!("{name} is a key that seals, opens or hides, which nobody else must be sent"));
        }
        Ok(())
    }

    /// Makes relative paths relative to this folder.
    pub(super) fn resolve(&mut self, folder: &Path) {
        match &mut self.source {
            KeySettings::Local(file) => *file = folder.join(&*file),
            KeySettings::Azure(azure) => {
                let token_file = match &mut azure.credential {
                    Credential::WorkloadIdentity { token_file, .. } => token_file.as_mut(),
                    Credential::ClientSecret { client_secret, .. } => {
                        client_secret.resolve(folder);
                        None
                    }
                    Credential::ManagedIdentity { .. } | Credential::Developer => None,
                };
                for path in azure.ca_file.as_mut().into_iter().chain(token_file) {
                    *path = folder.join(&*path);
                }
            }
        }
    }
}

/// The section as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Section {
    source: Option<SourceName>,
    file: Option<PathBuf>,
    #[serde(default)]
    key: KeyTemplate,
    #[serde(default = "default_wire")]
    wire: KeyId,
    azure: Option<Box<Azure>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum SourceName {
    Local,
    Azure,
}

impl TryFrom<Section> for Keys {
    type Error = &'static str;

    fn try_from(Section { source, file, key, wire, azure }: Section) -> Result<Self, Self::Error> {
        // vaults do not tell upper case from lower
        let lower = |id: &KeyId| id.as_str().to_ascii_lowercase();
        let is_wire = |id: &KeyId| lower(id) == lower(&wire);
        if lower(&wire).parse().is_ok_and(|id| key.may_name(&id)) || key.shared().is_some_and(is_wire) {
            return Err(
                "key and wire: the wire key could be taken for a key that seals records; name one of them otherwise",
            );
        }
        if azure.as_ref().is_some_and(|azure| is_wire(&azure.index_key)) {
            return Err("wire and azure.index_key: one key cannot be both; name one of them otherwise");
        }
        let source = match (source.unwrap_or(SourceName::Local), file, azure) {
            (SourceName::Local, Some(file), None) => KeySettings::Local(file),
            (SourceName::Azure, None, Some(azure))
                if lower(&azure.index_key).parse().is_ok_and(|id| key.may_name(&id)) =>
            {
                return Err(
                    "key and azure.index_key: the index key could be taken for a key that seals; name one of them otherwise",
                );
            }
            (SourceName::Azure, None, Some(azure)) => KeySettings::Azure(azure),
            (SourceName::Local, None, None) => return Err("missing field `file`, the local keyring's"),
            (SourceName::Local, _, Some(_)) => {
                return Err("[keys.azure] stands there, and source is \"local\"; write source = \"azure\"");
            }
            (SourceName::Azure, _, None) => return Err("source is \"azure\", and [keys.azure] is missing"),
            (SourceName::Azure, Some(_), _) => return Err("file is of source \"local\", and source is \"azure\""),
        };
        Ok(Self { source, key, wire })
    }
}

/// The credential as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CredentialSection {
    kind: Kind,
    tenant_id: Option<String>,
    client_id: Option<String>,
    client_secret: Option<SecretSource>,
    token_file: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    ManagedIdentity,
    WorkloadIdentity,
    ClientSecret,
    Developer,
}

impl TryFrom<CredentialSection> for Credential {
    type Error = &'static str;

    fn try_from(written: CredentialSection) -> Result<Self, Self::Error> {
        let CredentialSection { kind, tenant_id, client_id, client_secret, token_file } = written;
        match (kind, tenant_id, client_id, client_secret, token_file) {
            (Kind::ManagedIdentity, None, client_id, None, None) => Ok(Self::ManagedIdentity { client_id }),
            (Kind::ManagedIdentity, ..) => Err("kind \"managed-identity\" takes client_id, and that only"),
            (Kind::WorkloadIdentity, tenant_id, client_id, None, token_file) => {
                Ok(Self::WorkloadIdentity { tenant_id, client_id, token_file })
            }
            (Kind::WorkloadIdentity, ..) => {
                Err("kind \"workload-identity\" takes tenant_id, client_id and token_file, and no client_secret")
            }
            (Kind::ClientSecret, _, _, Some(SecretSource::Vault(_)), _) => {
                Err("client_secret: what opens the vault cannot be in it; write { env = … } or { file = … }")
            }
            (Kind::ClientSecret, Some(tenant_id), Some(client_id), Some(client_secret), None) => {
                Ok(Self::ClientSecret { tenant_id, client_id, client_secret })
            }
            (Kind::ClientSecret, ..) => Err("kind \"client-secret\" needs tenant_id, client_id and client_secret"),
            (Kind::Developer, None, None, None, None) => Ok(Self::Developer),
            (Kind::Developer, ..) => Err("kind \"developer\" takes nothing else"),
        }
    }
}

fn vault<'de, D: Deserializer<'de>>(from: D) -> Result<Url, D::Error> {
    let wrong = || D::Error::custom("must be the vault's address, as in \"https://NAME.vault.azure.net\"");
    origin(&String::deserialize(from)?).ok_or_else(wrong)
}

fn authority<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Url>, D::Error> {
    let wrong = || D::Error::custom("must be an address, as in \"https://login.microsoftonline.us\"");
    origin(&String::deserialize(from)?).ok_or_else(wrong).map(Some)
}

/// An address of nothing but `https`, host and port.
fn origin(text: &str) -> Option<Url> {
    let url: Url = text.parse().ok()?;
    let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    let nobody = url.username().is_empty() && url.password().is_none();
    (url.scheme() == "https" && bare && nobody).then_some(url)
}

fn within<'de, D: Deserializer<'de>, const MIN: u32, const MAX: u32>(from: D) -> Result<u32, D::Error> {
    let number = u32::deserialize(from)?;
    if (MIN..=MAX).contains(&number) {
        return Ok(number);
    }
    Err(D::Error::custom(format_args!("must be a whole number from {MIN} to {MAX}")))
}

fn default_wire() -> KeyId {
    KeyId::wire()
}

fn default_version() -> u32 {
    4 * 3600
}

fn default_latest() -> u32 {
    5 * 60
}

fn default_outage() -> u32 {
    24 * 3600
}

fn default_limit() -> u32 {
    10
}

fn default_share() -> u32 {
    10
}

#[cfg(test)]
mod tests {
    use super::Keys;

    fn keys(key: &str, index_key: &str) -> Result<Keys, String> {
        let azure = format!("vault = 'https://v.vault.azure.net'\nindex_key = '{index_key}'");
        toml::from_str(&format!("source = 'azure'\nkey = '{key}'\n[azure]\n{azure}")).map_err(|error| error.to_string())
    }

    #[test]
    fn the_index_key_is_never_a_key_that_seals() {
        for (key, index_key) in [("tokens", "Tokens"), ("sealpost-{tenant}", "sealpost-index")] {
            let refused = keys(key, index_key).err().unwrap();
            assert!(refused.contains("could be taken for a key that seals"), "{refused}");
        }
        assert!(keys("tokens-{tenant}", "sealpost-index").is_ok());
    }

    #[test]
    fn the_wire_key_is_no_other_key() {
        let keys = |more: &str| toml::from_str::<Keys>(&format!("file = 'keyring.json'\n{more}"));
        assert_eq!(keys("").unwrap().wire.as_str(), "wire");
        assert_eq!(keys("wire = 'inbound'\nkey = 'wire'").unwrap().wire.as_str(), "inbound");
        for wrong in ["key = 'wire'", "key = 'Wire'", "key = 'w{tenant}'", "wire = 'tokens'", "wire = 'a_b'"] {
            assert!(keys(wrong).is_err(), "{wrong}");
        }
        assert!(super::tests::keys("tokens", "Wire").is_err());
    }

    #[test]
    fn no_secret_of_the_configuration_is_a_tenants_key() {
        let keys = keys("tokens-{tenant}", "sealpost-index").unwrap();
        let secret = |name: &str| toml::from_str::<toml::Table>(&format!("s = {{ vault = '{name}' }}")).unwrap();
        let checked = |name: &str| keys.check_secret(&secret(name).remove("s").unwrap().try_into().unwrap());
        assert!(checked("Wire").is_err() && checked("Tokens-acme").is_err() && checked("sealpost-INDEX").is_err());
        assert!(checked("gitea-client").is_ok());
    }
}
