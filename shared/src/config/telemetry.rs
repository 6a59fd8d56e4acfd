//! What a process tells of its work.

use serde::de::Error;
use serde::{Deserialize, Deserializer};
use url::Url;

/// Logs and traces.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Telemetry {
    /// How log lines are written.
    #[serde(default)]
    pub logs: LogFormat,
    /// Where spans are sent, by OTLP over HTTP in protobuf, as in `http://127.0.0.1:4318/v1/traces`; without it none are
    /// made. Headers for it are in the environment variable `OTEL_EXPORTER_OTLP_HEADERS`.
    #[serde(default, deserialize_with = "collector")]
    pub traces: Option<Url>,
    /// Which part of the traces that begin here is sent, from 0 to 1. One that a producer began is sent if he says so.
    #[serde(default, deserialize_with = "ratio")]
    pub ratio: Ratio,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// For programs: one JSON object a line.
    Json,
}

/// A part of a whole, from 0 to 1; all of it where nothing is said.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ratio(pub f64);

impl Default for Ratio {
    fn default() -> Self {
        Self(1.0)
    }
}

fn ratio<'de, D: Deserializer<'de>>(value: D) -> Result<Ratio, D::Error> {
    let ratio = f64::deserialize(value)?;
    if (0.0..=1.0).contains(&ratio) { Ok(Ratio(ratio)) } else { Err(D::Error::custom("must be a number from 0 to 1")) }
}

/// An address with a password in it would be in errors; headers have their own place.
fn collector<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Url>, D::Error> {
    let url = Url::deserialize(value).ok().filter(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
    });
    let wrong = "must be an address as in \"http://127.0.0.1:4318/v1/traces\", without user, password and query";
    url.map(Some).ok_or_else(|| D::Error::custom(wrong))
}
