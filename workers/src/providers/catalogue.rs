//! `providers.toml`: one table a provider.

use std::collections::BTreeMap;
use std::path::Path;

use sealpost_schemas::{Content, ProviderId};
use sealpost_shared::config::read_toml;
use sealpost_shared::oauth::OAuthProvider;
use serde::Deserialize;
use serde_json::Value;
use url::Url;

/// Every provider, by name.
#[derive(Debug, Default)]
pub struct Catalogue(BTreeMap<ProviderId, Provider>);

/// One provider.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provider {
    /// Where tokens are had.
    pub oauth: OAuthProvider,
    /// How content is published, by its type.
    #[serde(default)]
    publish: BTreeMap<String, Publishing>,
}

/// How one type of content is published.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Publishing {
    /// Where the request goes: always POST.
    pub url: Url,
    /// The JSON body; its texts are templates such as `"{text}"`.
    pub body: Value,
    /// JSON pointer (RFC 6901) to the post's id in the answer.
    pub remote_id: String,
    /// JSON pointer to the post's address in the answer.
    pub remote_url: Option<String>,
}

impl Catalogue {
    /// Reads the file.
    ///
    /// # Errors
    /// In words that name file and line.
    pub fn read(file: &Path) -> Result<Self, String> {
        let mut providers: BTreeMap<ProviderId, Provider> = read_toml(file)?;
        let folder = file.parent().unwrap_or_else(|| Path::new("."));
        for (id, provider) in &mut providers {
            provider.oauth.resolve(folder);
            provider.check().map_err(|problem| format!("{}: provider {id}: {problem}", file.display()))?;
        }
        Ok(Self(providers))
    }

    /// The provider of this name.
    #[must_use]
    pub fn get(&self, id: &ProviderId) -> Option<&Provider> {
        self.0.get(id)
    }
}

impl Provider {
    /// How this content is published, if the provider takes it.
    #[must_use]
    pub fn publishing(&self, content: &Content) -> Option<&Publishing> {
        self.publish.get(content.type_name())
    }

    fn check(&self) -> Result<(), String> {
        let urls = [("authorize_url", &self.oauth.authorize_url), ("token_url", &self.oauth.token_url)];
        let publishing = self.publish.values().map(|publishing| ("publish url", &publishing.url));
        for (field, url) in urls.into_iter().chain(publishing) {
            if url.scheme() != "https" && !is_loopback(url) {
                return Err(format!("{field} must be https (http only on loopback)"));
            }
        }
        match self.publish.keys().find(|name| !Content::TYPE_NAMES.contains(&name.as_str())) {
            Some(name) => Err(format!("publish.{name}: unknown content, expected one of {:?}", Content::TYPE_NAMES)),
            None => Ok(()),
        }
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    }
}
