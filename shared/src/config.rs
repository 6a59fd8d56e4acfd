//! The configuration file, and where its secrets are read from.

use std::fs;
use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::path::{Path, PathBuf};
use std::time::Duration;

use schemars::JsonSchema;
use sealpost_schemas::codec::without_value;
use secrecy::{SecretBox, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::broker::Users;

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
}

/// RabbitMQ.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Broker {
    /// `amqp://user:password@host:port/vhost`, or `amqps`.
    pub url: SecretSource,
    /// How many messages of a queue one worker holds at a time.
    #[serde(default = "default_prefetch")]
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
    /// `redis://user:password@host:port`, or `rediss`.
    pub url: SecretSource,
    /// Whether the URL is a node of a Redis Cluster.
    #[serde(default)]
    pub cluster: bool,
    /// How many logical shards; fixed when the first worker starts.
    #[serde(default = "default_shards")]
    pub shards: u16,
}

/// The keys that seal.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keys {
    /// The local keyring's file, mode 0600.
    pub file: PathBuf,
    /// The id of the key that seals records.
    #[serde(default = "default_key")]
    pub key: String,
}

/// Calls to providers.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// How many seconds a call may take, answer included.
    #[serde(default = "default_limit")]
    pub limit_seconds: NonZeroU16,
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

/// A secret: `{ env = "VARIABLE" }` or `{ file = "path" }`, never in the file itself.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SecretSource {
    /// An environment variable.
    Env(String),
    /// A file; one line break at its end is not part of it.
    File(PathBuf),
}

impl Default for Http {
    fn default() -> Self {
        Self { limit_seconds: default_limit() }
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
        let mut config: Self = read_toml(file)?;
        let folder = file.parent().unwrap_or_else(|| Path::new("."));
        config.broker.url.resolve(folder);
        config.store.url.resolve(folder);
        for path in [&mut config.keys.file, &mut config.providers] {
            *path = folder.join(&*path);
        }
        Ok(config)
    }
}

/// Reads a TOML file.
///
/// # Errors
/// In words that name file and line.
pub fn read_toml<T: DeserializeOwned>(file: &Path) -> Result<T, String> {
    let text = fs::read_to_string(file).map_err(|e| format!("cannot read {}: {e}", file.display()))?;
    parse_toml(&text).map_err(|problem| format!("{}, {problem}", file.display()))
}

/// toml's own errors show the line itself, and with it a secret that stands in the wrong place.
fn parse_toml<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    toml::from_str(text).map_err(|error: toml::de::Error| {
        let line = error.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1);
        let problem = match error.message() {
            known if known.starts_with("invalid") || known.starts_with("unknown variant") => without_value(known),
            other => other.lines().next().unwrap_or_default().into(),
        };
        format!("line {line}: {problem}")
    })
}

impl SecretSource {
    /// Makes a relative file relative to this folder.
    pub fn resolve(&mut self, folder: &Path) {
        if let Self::File(path) = self {
            *path = folder.join(&*path);
        }
    }

    /// The secret, as it is now.
    ///
    /// # Errors
    /// In words that name the variable or file.
    pub fn read(&self) -> Result<SecretString, String> {
        match self {
            Self::Env(name) => std::env::var(name)
                .map(SecretString::from)
                .map_err(|_| format!("the environment variable {name} is not set, or is not text")),
            Self::File(path) => {
                let text = fs::read_to_string(path).map_err(|e| format!("cannot read {}: {e}", path.display()))?;
                let text = SecretBox::new(Box::new(text));
                Ok(trimmed(&text))
            }
        }
    }
}

fn trimmed(text: &SecretBox<String>) -> SecretString {
    use secrecy::ExposeSecret;
    let text = text.expose_secret();
    text.strip_suffix('\n').unwrap_or(text).into()
}

fn default_prefetch() -> u16 {
    64
}

fn default_shards() -> u16 {
    256
}

fn default_key() -> String {
    "tokens".into()
}

fn default_limit() -> NonZeroU16 {
    NonZeroU16::MIN.saturating_add(19)
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
    use super::{Config, parse_toml};

    const GOOD: &str = "providers = 'p.toml'\n[broker]\nurl = { env = 'A' }\nprefetch = 5\n[store]\n\
                        url = { env = 'B' }\n[keys]\nfile = 'k'\n";

    #[test]
    fn an_unknown_key_is_refused_with_its_line() {
        let error = parse_toml::<Config>(&GOOD.replace("prefetch", "prefech")).unwrap_err();
        assert!(error.starts_with("line 4: unknown field `prefech`"), "{error}");
        let error = parse_toml::<Config>(&format!("{GOOD}[http]\nlimit_seconds = 0\n")).unwrap_err();
        assert_eq!(error, "line 10: expected a nonzero u16");
        // a claim of twice its length must be a time
        let error = parse_toml::<Config>(&format!("{GOOD}[http]\nlimit_seconds = 9223372036854775807\n")).unwrap_err();
        assert_eq!(error, "line 10: expected a nonzero u16");
        let config = parse_toml::<Config>(GOOD).unwrap();
        assert_eq!((config.broker.prefetch, config.store.shards), (5, 256));
    }

    #[test]
    fn a_secret_in_the_file_itself_is_refused_and_not_repeated() {
        let error = parse_toml::<Config>(&GOOD.replace("{ env = 'A' }", "'amqp://u:hunter2@h'")).unwrap_err();
        assert!(error.starts_with("line 3: ") && !error.contains("hunter2"), "{error}");
        let error = parse_toml::<Config>(&GOOD.replace("= { env = 'A' }", "= amqp://u:hunter2@h")).unwrap_err();
        assert!(error.starts_with("line 3: ") && !error.contains("hunter2"), "{error}");
    }
}
