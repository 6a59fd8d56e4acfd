//! How we prove to a gateway who we are.

use std::path::Path;

use reqwest::RequestBuilder;
use reqwest::header::HeaderValue;
use schemars::JsonSchema;
use sealpost_shared::config::SecretSource;
use sealpost_shared::secrets::Secrets;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

/// One of three ways.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Auth {
    /// HTTP Basic (RFC 7617).
    Basic(Basic),
    /// A bearer token (RFC 6750).
    Bearer(SecretSource),
    /// A header of the gateway's own.
    Header(Header),
}

/// Name and password.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Basic {
    /// The name.
    user: String,
    /// The password.
    password: SecretSource,
}

/// A header, as in `X-Api-Key`, or `Authorization` with a scheme of the gateway's own in its value.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Header {
    /// Its name.
    name: String,
    /// All of its value.
    value: SecretSource,
}

impl Auth {
    pub(super) fn source(&self) -> &SecretSource {
        match self {
            Self::Basic(Basic { password, .. }) => password,
            Self::Bearer(token) => token,
            Self::Header(Header { value, .. }) => value,
        }
    }

    pub(super) fn resolve(&mut self, folder: &Path) {
        match self {
            Self::Basic(Basic { password, .. }) => password.resolve(folder),
            Self::Bearer(token) => token.resolve(folder),
            Self::Header(Header { value, .. }) => value.resolve(folder),
        }
    }

    /// The secret, as it is now.
    pub(super) async fn secret(&self, secrets: &Secrets) -> Result<SecretString, String> {
        secrets.read(self.source()).await.map(|read| read.text).map_err(|error| error.to_string())
    }

    /// The name of its own header.
    pub(super) fn header(&self) -> Option<&str> {
        match self {
            Self::Header(Header { name, .. }) => Some(name),
            Self::Basic(_) | Self::Bearer(_) => None,
        }
    }

    /// The request with the proof on it.
    pub(super) async fn on(&self, request: RequestBuilder, secrets: &Secrets) -> Result<RequestBuilder, String> {
        let secret = self.secret(secrets).await?;
        let secret = secret.expose_secret();
        Ok(match self {
            Self::Basic(Basic { user, .. }) => request.basic_auth(user, Some(secret)),
            Self::Bearer(_) => request.bearer_auth(secret),
            Self::Header(Header { name, .. }) => {
                let value = HeaderValue::from_str(secret);
                let mut value = value.map_err(|_| format!("{name}: the secret has what no header takes"))?;
                value.set_sensitive(true);
                request.header(name, value)
            }
        })
    }
}
