//! Calls to one vault, by the vendor's client: each within our time limit, at our pace, counted and logged without values.

use std::sync::Arc;
use std::time::{Duration, Instant};

use azure_core::cloud::CustomConfiguration;
use azure_core::http::{ClientOptions, ExponentialRetryOptions, RetryOptions, Transport};
use azure_core::time::Duration as SdkDuration;
use azure_security_keyvault_secrets::models::{
    Secret, SecretAttributes, SecretClientGetSecretOptions, SecretClientUpdateSecretPropertiesOptions,
    SecretProperties, SetSecretParameters, UpdateSecretPropertiesParameters,
};
use azure_security_keyvault_secrets::{ResourceExt, SecretClient, SecretClientOptions};
use futures_util::TryStreamExt;
use jiff::Timestamp;
use secrecy::SecretString;
use tokio::time::{sleep, timeout};
use zeroize::Zeroizing;

use super::cache::Asked;
use super::credential;
use super::pace::Pace;
use super::refusal::{self, Refusal};
use super::transport::Paced;
use crate::config::{Azure, filled};
use crate::http::{Trust, trusting_client};
use crate::keys::{VersionInfo, value};
use crate::metrics;
use crate::seal::{KeyId, KeyRef, KeyVersion};

/// What the secrets say of themselves.
const CONTENT_TYPE: &str = "application/x-sealpost-key";

/// The bytes of a secret's version.
pub(super) type Value = (KeyVersion, Zeroizing<[u8; 32]>);

/// A vault that was not asked anything yet, or was.
pub(super) struct Vault {
    /// Its host, for people and labels.
    pub(super) name: String,
    client: SecretClient,
    paced: Arc<Paced>,
    limit: Duration,
}

impl Vault {
    pub(super) fn new(settings: &Azure) -> Result<Self, String> {
        let problem = |what: &str, why: &dyn std::fmt::Display| format!("keys.azure.{what}: {why}");
        let name = settings.vault.host_str().unwrap_or_default().to_owned();
        let mut trust = Trust { address: settings.connect_to.map(|to| (name.clone(), to)), ..Trust::default() };
        if let Some(file) = &settings.ca_file {
            let pem = std::fs::read(file).map_err(|why| problem("ca_file", &format!("{}: {why}", file.display())))?;
            trust.only = Some(pem);
        }
        let http = trusting_client(settings.limit(), &trust).map_err(|why| problem("ca_file", &why))?;
        let paced = Arc::new(Paced::new(http.clone(), Pace::of_percent(settings.read_share_percent)));
        let options = |transport| ClientOptions {
            transport: Some(transport),
            retry: retries(settings.limit()),
            cloud: settings.authority_host.as_ref().map(|host| {
                let mut cloud = CustomConfiguration::default();
                cloud.authority_host = host.to_string();
                Arc::new(cloud.into())
            }),
            ..ClientOptions::default()
        };
        let credential = credential::make(&settings.credential, options(Transport::new(Arc::new(http))))
            .map_err(|why| problem("credential", &why))?;
        let client_options = options(Transport::new(paced.clone()));
        // that a challenge's resource is the vault's own domain goes on being checked, which is the default
        let options = SecretClientOptions { client_options, ..SecretClientOptions::default() };
        let client = SecretClient::new(settings.vault.as_str(), credential, Some(options))
            .map_err(|why| problem("vault", &why))?;
        Ok(Self { name, client, paced, limit: settings.limit() })
    }

    /// Reads a version of a key, or its latest.
    pub(super) async fn read(&self, asked: &Asked) -> Result<Value, Refusal> {
        self.read_as(asked, value_of).await
    }

    /// The same of a secret that is no key.
    pub(super) async fn read_text(&self, asked: &Asked) -> Result<(KeyVersion, SecretString), Refusal> {
        self.read_as(asked, text_of).await
    }

    async fn read_as<T>(
        &self,
        asked: &Asked,
        of: impl FnOnce(Secret) -> Result<(KeyVersion, T), Refusal>,
    ) -> Result<(KeyVersion, T), Refusal> {
        let read = async {
            let secret_version = asked.version.as_ref().map(ToString::to_string);
            let options = SecretClientGetSecretOptions { secret_version, ..SecretClientGetSecretOptions::default() };
            self.client.get_secret(asked.id.as_str(), Some(options)).await?.into_model()
        };
        let read = self.within(read).await.and_then(|secret| of(secret).map_err(|no| (no, None)));
        let got = read.as_ref().ok().map(|(version, _)| version);
        self.told("read", &asked.id, asked.version.as_ref().or(got), read.as_ref().err());
        let label = read.as_ref().err().map_or("ok", |(refusal, _)| refusal.label());
        let version = asked.version.as_ref().map_or("latest", KeyVersion::as_str);
        metrics::vault_fetched(&self.name, asked.id.as_str(), version, label);
        read.map_err(|(refusal, _)| refusal)
    }

    /// Whether a secret was deleted and can be brought back, as far as we may know.
    pub(super) async fn is_deleted(&self, id: &KeyId) -> bool {
        self.within(self.client.get_deleted_secret(id.as_str(), None)).await.is_ok()
    }

    /// The versions of a secret, oldest first.
    pub(super) async fn versions(&self, id: &KeyId) -> Result<Vec<VersionInfo>, Refusal> {
        let list = async {
            let pages = self.client.list_secret_properties_versions(id.as_str(), None)?;
            pages.try_collect::<Vec<SecretProperties>>().await
        };
        let listed = self.within(list).await;
        self.told("list", id, None, listed.as_ref().err());
        let listed = listed.map_err(|(refusal, _)| refusal)?;
        let mut versions = listed.iter().map(info).collect::<Result<Vec<_>, _>>()?;
        // the vault promises no order
        versions.sort_by(|a, b| (a.created, a.version.as_str()).cmp(&(b.created, b.version.as_str())));
        if versions.is_empty() { Err(Refusal::Missing) } else { Ok(versions) }
    }

    /// Adds a version, and tells its name.
    pub(super) async fn add(&self, id: &KeyId, bytes: &[u8; 32]) -> Result<KeyVersion, Refusal> {
        let add = async {
            let parameters = SetSecretParameters {
                value: Some(value::write(bytes).to_string()),
                content_type: Some(CONTENT_TYPE.into()),
                ..SetSecretParameters::default()
            };
            self.client.set_secret(id.as_str(), parameters.try_into()?, None).await?.into_model()
        };
        let added = self.within(add).await.and_then(|secret| version_of(&secret).map_err(|no| (no, None)));
        self.told("set", id, added.as_ref().ok(), added.as_ref().err());
        added.map_err(|(refusal, _)| refusal)
    }

    /// Switches a version on or off.
    pub(super) async fn set_enabled(&self, key: &KeyRef, enabled: bool) -> Result<(), Refusal> {
        let update = async {
            let attributes = SecretAttributes { enabled: Some(enabled), ..SecretAttributes::default() };
            let parameters = UpdateSecretPropertiesParameters {
                secret_attributes: Some(attributes),
                ..UpdateSecretPropertiesParameters::default()
            };
            let options = SecretClientUpdateSecretPropertiesOptions {
                secret_version: Some(key.version.to_string()),
                ..SecretClientUpdateSecretPropertiesOptions::default()
            };
            self.client.update_secret_properties(key.id.as_str(), parameters.try_into()?, Some(options)).await
        };
        let updated = self.within(update).await;
        self.told(if enabled { "enable" } else { "disable" }, &key.id, Some(&key.version), updated.as_ref().err());
        updated.map(|_| ()).map_err(|(refusal, _)| refusal)
    }

    /// One call, repetitions and credential included, within the time limit; not at all while the vault wants to be left alone
    /// for longer than that. The operator's story of an error comes with it.
    async fn within<T>(
        &self,
        call: impl Future<Output = azure_core::Result<T>>,
    ) -> Result<T, (Refusal, Option<String>)> {
        let end = Instant::now() + self.limit;
        let call = async {
            if let Some(left) = self.paced.quiet() {
                sleep(left).await;
            }
            call.await
        };
        let ended = tokio::select! {
            biased;
            left = self.paced.quiet_beyond(end) => return Err((Refusal::Throttled(left), None)),
            ended = timeout(self.limit, call) => ended,
        };
        match ended {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => {
                let (refusal, cause) = refusal::read(error, self.paced.quiet());
                Err((refusal, Some(cause)))
            }
            Err(_) => {
                let reason = format!("no answer within {} s", self.limit.as_secs());
                Err((Refusal::Unavailable(reason), None))
            }
        }
    }

    fn told(
        &self,
        doing: &'static str,
        id: &KeyId,
        version: Option<&KeyVersion>,
        failed: Option<&(Refusal, Option<String>)>,
    ) {
        let (vault, version) = (&self.name, version.map_or("latest", KeyVersion::as_str));
        match failed {
            None => {
                tracing::info!(%vault, secret.name = %id, secret.version = version, doing, outcome = "ok", "key vault");
            }
            Some((refusal, cause)) => {
                let (outcome, cause) = (refusal.label(), cause.as_deref().unwrap_or_default());
                tracing::warn!(
                    %vault, secret.name = %id, secret.version = version, doing, outcome, cause, "key vault"
                );
            }
        }
    }
}

/// A few within the time limit: what lasts longer is tried again by whoever needs the key.
fn retries(limit: Duration) -> RetryOptions {
    RetryOptions::exponential(ExponentialRetryOptions {
        max_retries: 2,
        initial_delay: SdkDuration::milliseconds(100),
        max_delay: SdkDuration::seconds(1),
        max_total_elapsed: SdkDuration::try_from(limit).unwrap_or(SdkDuration::seconds(10)),
    })
}

/// The value, which must be 32 bytes of base64; its text is wiped.
fn value_of(mut secret: Secret) -> Result<Value, Refusal> {
    let version = version_of(&secret)?;
    let text = Zeroizing::new(secret.value.take().unwrap_or_default());
    let wrong = Refusal::NoKey(
        "the secret's value is not 32 bytes in base64 (44 characters); sealpost keys rotate makes a good version",
    );
    value::read(&text).map(|bytes| (version, bytes)).ok_or(wrong)
}

/// The text of a secret that is no key.
fn text_of(mut secret: Secret) -> Result<(KeyVersion, SecretString), Refusal> {
    let version = version_of(&secret)?;
    let text = filled(secret.value.take().unwrap_or_default());
    if secret.content_type.as_deref() == Some(CONTENT_TYPE) {
        return Err(Refusal::NoKey("it is a key of Sealpost's, which nobody else must be sent"));
    }
    text.map(|text| (version, text)).ok_or(Refusal::NoKey("its value is empty, and should be a secret"))
}

/// The version in a secret's id, checked like any outside text.
fn version_of(resource: &impl ResourceExt) -> Result<KeyVersion, Refusal> {
    let version = resource.resource_id().ok().and_then(|id| id.version?.parse().ok());
    version.ok_or_else(|| Refusal::Unavailable("its answer names no version".into()))
}

fn info(listed: &SecretProperties) -> Result<VersionInfo, Refusal> {
    let attributes = listed.attributes.as_ref();
    let created = attributes.and_then(|attributes| attributes.created);
    Ok(VersionInfo {
        version: version_of(listed)?,
        created: created.and_then(|at| Timestamp::from_second(at.unix_timestamp()).ok()).unwrap_or_default(),
        enabled: attributes.and_then(|attributes| attributes.enabled).unwrap_or(true),
    })
}
