//! The catalogue's OAuth half of one provider.

use secrecy::SecretString;
use serde::Deserialize;
use url::Url;

use crate::config::SecretSource;

/// How the client proves who it is at the token endpoint (RFC 6749 §2.3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClientAuth {
    /// In the Authorization header.
    #[default]
    Basic,
    /// In the form.
    Post,
}

/// Where and how tokens are had from one provider.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OAuthProvider {
    /// The issuer's name, to be compared with the `iss` of a code (RFC 9207).
    pub issuer: Option<String>,
    /// The authorization endpoint.
    pub authorize_url: Url,
    /// The token endpoint.
    pub token_url: Url,
    /// Our name at the provider.
    pub client_id: String,
    /// Where our secret at the provider is read from.
    client_secret: SecretSource,
    /// How the client proves who it is.
    #[serde(default)]
    pub client_auth: ClientAuth,
    /// The scopes that are asked for.
    #[serde(default)]
    pub scopes: Vec<String>,
}

impl OAuthProvider {
    /// Our secret at the provider.
    ///
    /// # Errors
    /// In words, if its variable or file cannot be read.
    pub fn client_secret(&self) -> Result<SecretString, String> {
        self.client_secret.read()
    }

    /// Secrets are read from files beside `folder`.
    pub fn resolve(&mut self, folder: &std::path::Path) {
        self.client_secret.resolve(folder);
    }
}
