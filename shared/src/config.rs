//! The configuration file, and where its secrets are read from.

mod keys;
mod secret;
mod telemetry;
mod urls;
mod words;

use std::fs;
use std::net::SocketAddr;
use std::num::{NonZeroU16, NonZeroU32};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::de::Error;
use serde::{Deserialize, Deserializer};

pub use self::keys::{Azure, Credential, KeySettings, Keys};
pub use self::secret::SecretSource;
pub(crate) use self::secret::filled;
pub use self::telemetry::{LogFormat, Ratio, Telemetry};
pub use self::urls::Urls;
pub use self::words::read_toml;

use crate::broker::Users;
use crate::http::{self, Trust};
use crate::tokens::PARKED_FOR;

/// `sealpost.toml`. Paths in it are relative to its folder.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// RabbitMQ.
    pub broker: Broker,
    /// Redis.
    pub store: Store,
    /// The keys that seal.
    pub keys: Keys,
    /// The provider catalogue's file.
    pub providers: PathBuf,
    /// Calls to providers.
    #[serde(default)]
    pub http: Http,
    /// The operations port.
    #[serde(default)]
    pub ops: Ops,
    /// What the scheduler publishes.
    #[serde(default)]
    pub schedule: Schedule,
    /// Secrets in messages.
    #[serde(default)]
    pub wire: Wire,
    /// Tokens that rest with the user.
    #[serde(default)]
    pub device: Device,
    /// Logs and traces.
    #[serde(default)]
    pub telemetry: Telemetry,
    /// Text messages about how jobs ended; without this nobody is sent any, and a job that asks for one is refused.
    pub notify: Option<Notify>,
}

/// RabbitMQ.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Broker {
    /// `amqp://user:password@host:port/vhost`, or `amqps`; of several nodes the next is tried when one is lost or does not
    /// answer.
    pub url: Urls,
    /// How many messages of a queue one worker holds at a time.
    #[serde(default = "default_prefetch", deserialize_with = "at_least_one")]
    pub prefetch: u16,
    /// Users of the broker, and the tenants that each may act for; without this, everybody may act for everybody.
    pub users: Option<Users>,
    /// What `reply_to` of a producer's message must begin with; without any, every address will do. One of Direct Reply-to
    /// always does, and one of our own queues never.
    #[serde(default)]
    pub reply_prefixes: Vec<String>,
}

/// Redis.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Store {
    /// `redis://user:password@host:port`, or `rediss`; several only of a cluster.
    pub url: Urls,
    /// Whether that is a node of a Redis Cluster, or several. The others are found by one that answers.
    #[serde(default)]
    pub cluster: bool,
    /// How many logical shards; fixed when the first worker starts.
    #[serde(default = "default_shards", deserialize_with = "at_least_one")]
    pub shards: u16,
}

/// Calls to providers.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// How many seconds a call may take, answer included.
    #[serde(default = "default_limit")]
    pub limit_seconds: NonZeroU16,
    /// A PEM file with certificate authorities that providers' certificates may be under, beside those of this machine.
    pub ca: Option<PathBuf>,
}

impl Http {
    /// The client for calls to providers, each of which ends within `limit`.
    ///
    /// # Errors
    /// In words, if the file of `ca` is no good, or this machine's certificates cannot be read.
    pub fn client(&self, limit: Duration) -> Result<reqwest::Client, String> {
        let Some(ca) = &self.ca else {
            return http::client(limit).map_err(|error| format!("cannot make an HTTP client: {error}"));
        };
        let unusable = |why: String| format!("http.ca: {}: {why}", ca.display());
        let also = fs::read(ca).map_err(|error| unusable(error.to_string()))?;
        http::trusting_client(limit, &Trust { also: Some(also), ..Trust::default() }).map_err(unusable)
    }
}

/// Tokens that rest with the user.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Device {
    /// How many seconds tokens wait for the user's device that an exchange or a refresh brought; 604800, a week, if it is not
    /// said, and at the most. After that the user must give consent again.
    #[serde(default, deserialize_with = "parked_seconds")]
    pub parked_seconds: Option<NonZeroU32>,
}

/// Longer than its request is remembered, a request that comes again would be made again, and its code is spent.
fn parked_seconds<'de, D: serde::Deserializer<'de>>(value: D) -> Result<Option<NonZeroU32>, D::Error> {
    let seconds = NonZeroU32::deserialize(value)?;
    if u64::from(seconds.get()) > PARKED_FOR.as_secs() {
        return Err(serde::de::Error::custom("must be 604800 (a week) at most: so long a request is remembered"));
    }
    Ok(Some(seconds))
}

impl Device {
    /// How long tokens wait for the user's device.
    #[must_use]
    pub fn parked(&self) -> Duration {
        self.parked_seconds.map_or(PARKED_FOR, |seconds| Duration::from_secs(seconds.get().into()))
    }
}

/// The operations port.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ops {
    /// Address of `/metrics`, `/livez` and `/readyz`; port 0 takes a free one.
    #[serde(default = "default_listen")]
    pub listen: SocketAddr,
    /// How many seconds work in flight may take after SIGTERM.
    #[serde(default = "default_grace")]
    pub grace_seconds: u64,
}

/// What the scheduler publishes.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// A cron expression (UTC) for rotation ticks of mode `rewrap`; without one no tick is published.
    pub rewrap: Option<String>,
    /// The same of mode `refresh`, for connections whose access tokens have expired by then.
    pub refresh: Option<String>,
}

/// Secrets in messages.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wire {
    /// Whether a message is refused that brings a secret which is not sealed to our public key. Without that, codes and
    /// tokens lie in the broker's files.
    #[serde(default = "default_require_sealed")]
    pub require_sealed: bool,
}

/// Text messages about how jobs ended.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notify {
    /// The name of the gateway that sends them.
    pub gateway: String,
    /// The gateways' file.
    #[serde(default = "default_gateways")]
    pub gateways: PathBuf,
    /// The texts' file; without one they are as built in.
    pub texts: Option<PathBuf>,
    /// The language of those in whose own there are no texts.
    #[serde(default = "default_language")]
    pub language: String,
}

impl Default for Wire {
    fn default() -> Self {
        Self { require_sealed: default_require_sealed() }
    }
}

impl Default for Http {
    fn default() -> Self {
        Self { limit_seconds: default_limit(), ca: None }
    }
}

impl Http {
    /// How long a call may take.
    #[must_use]
    pub fn limit(&self) -> Duration {
        Duration::from_secs(self.limit_seconds.get().into())
    }
}

impl Default for Ops {
    fn default() -> Self {
        Self { listen: default_listen(), grace_seconds: default_grace() }
    }
}

impl Ops {
    /// How long work in flight may take after SIGTERM.
    #[must_use]
    pub fn grace(&self) -> Duration {
        Duration::from_secs(self.grace_seconds)
    }
}

impl Config {
    /// Reads the file.
    ///
    /// # Errors
    /// In words that name file and line.
    pub fn read(file: &Path) -> Result<Self, String> {
        let mut config: Self = read_toml(file).map_err(|problem| {
            let hint = if file.exists() { "" } else { "; name the configuration by --config or SEALPOST_CONFIG" };
            problem + hint
        })?;
        let wrong = |key, problem| format!("{}: {key}: {problem}", file.display());
        for (key, urls) in [("broker.url", &config.broker.url), ("store.url", &config.store.url)] {
            for url in urls.all() {
                config.keys.check_secret(url).map_err(|problem| wrong(key, problem))?;
            }
        }
        if config.store.url.all().len() > 1 && !config.store.cluster {
            let problem = "has several addresses; write cluster = true if they are nodes of a Redis Cluster";
            return Err(wrong("store.url", problem.into()));
        }
        let folder = file.parent().unwrap_or_else(|| Path::new("."));
        config.broker.url.resolve(folder);
        config.store.url.resolve(folder);
        config.keys.resolve(folder);
        let notify = config.notify.as_mut().map(|notify| [Some(&mut notify.gateways), notify.texts.as_mut()]);
        let notify = notify.into_iter().flatten().flatten();
        for path in std::iter::once(&mut config.providers).chain(&mut config.http.ca).chain(notify) {
            *path = folder.join(&*path);
        }
        Ok(config)
    }
}

fn at_least_one<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u16, D::Error> {
    match u16::deserialize(deserializer)? {
        0 => Err(D::Error::custom("must be at least 1")),
        number => Ok(number),
    }
}

fn default_require_sealed() -> bool {
    true
}

fn default_prefetch() -> u16 {
    64
}

fn default_shards() -> u16 {
    256
}

fn default_limit() -> NonZeroU16 {
    NonZeroU16::MIN.saturating_add(19)
}

fn default_gateways() -> PathBuf {
    "gateways.toml".into()
}

fn default_language() -> String {
    "en".into()
}

fn default_listen() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 9464))
}

fn default_grace() -> u64 {
    25
}

#[cfg(test)]
mod fuzz;

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::{Config, SecretSource, Wire};

    const AZURE: &str = "source = 'azure'\n[keys.azure]\nvault = 'https://v.vault.azure.net'\nindex_key = 'index'\n";

    /// Why this `[keys]` does not go with this `broker.url`.
    fn problem(keys: &str, url: &str) -> Option<String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("sealpost.toml");
        let text = format!("providers = 'p'\n[broker]\nurl = {url}\n[store]\nurl = {{ env = 'B' }}\n[keys]\n{keys}\n");
        std::fs::write(&file, text).unwrap();
        Config::read(&file).err()
    }

    #[test]
    fn a_secret_may_be_in_the_vault_where_keys_are_and_must_be_no_key() {
        assert_eq!(problem(AZURE, "{ vault = 'broker-url' }"), None);
        for (keys, url, told) in [
            ("file = 'k'", "{ vault = 'broker-url' }", "broker.url: { vault = … } needs source = \"azure\""),
            (AZURE, "{ vault = 'Index' }", "broker.url: Index is a key"),
            (AZURE, "{ vault = 'tokens' }", "broker.url: tokens is a key"),
            (AZURE, "{ vault = 'hunter2/../x' }", "line 3: url: must be a secret's name in the vault"),
            (AZURE, "{ vault = '' }", "line 3: url: must be a secret's name"),
        ] {
            let problem = problem(keys, url).unwrap();
            assert!(problem.contains(told) && !problem.contains("hunter2"), "{url}: {problem}");
        }
    }

    #[test]
    fn sealed_secrets_are_required_unless_somebody_writes_that_they_are_not() {
        let required = |text: &str| toml::from_str::<Wire>(text).unwrap().require_sealed;
        assert!(Wire::default().require_sealed && required("") && required("require_sealed = true"));
        assert!(!required("require_sealed = false"));
        assert!(toml::from_str::<Wire>("require_seal = false").is_err());
    }

    #[test]
    fn what_opens_the_vault_cannot_be_in_it() {
        let credential = "credential = { kind = 'client-secret', tenant_id = 't', client_id = 'c', \
                          client_secret = { vault = 'hunter2' } }";
        let problem = problem(&format!("{AZURE}{credential}"), "{ env = 'A' }").unwrap();
        assert!(problem.contains("line 11: client_secret: what opens the vault cannot be in it"), "{problem}");
        assert!(!problem.contains("hunter2"), "{problem}");
    }

    #[test]
    fn a_secret_ends_before_its_line_break_and_an_empty_one_is_none() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for (text, secret) in [("x", Some("x")), ("x\n", Some("x")), ("x \r\n", Some("x ")), ("", None), ("\r\n", None)]
        {
            std::fs::write(file.path(), text).unwrap();
            let read = SecretSource::File(file.path().into()).read();
            let name = file.path().display().to_string();
            assert_eq!(read.as_ref().ok().map(ExposeSecret::expose_secret), secret, "{text:?}");
            assert!(read.err().is_none_or(|problem| problem.contains(&name)));
        }
    }

    #[test]
    fn tokens_wait_for_a_device_no_longer_than_its_request_is_remembered() {
        let device = |seconds: u32| format!("file = 'k'\nkey = 'tokens'\n[device]\nparked_seconds = {seconds}");
        assert_eq!(problem(&device(604_800), "{ env = 'A' }"), None);
        let why = problem(&device(604_801), "{ env = 'A' }").unwrap();
        assert!(why.contains("604800 (a week) at most"), "{why}");
        assert_eq!(crate::tokens::PARKED_FOR, crate::ledger::KEPT);
    }
}
