//! `providers.toml`: one table a provider.

use std::collections::BTreeMap;
use std::path::Path;

use sealpost_schemas::{Content, ProviderId};
use sealpost_shared::config::read_toml;
use sealpost_shared::oauth::OAuthProvider;
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::template;

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
        for (name, publishing) in &self.publish {
            publishing.check(name).map_err(|problem| format!("publish.{name}: {problem}"))?;
        }
        Ok(())
    }
}

impl Publishing {
    fn check(&self, content: &str) -> Result<(), String> {
        match content {
            "raw" => return Err("raw content is not done by this version".into()),
            known if Content::TYPE_NAMES.contains(&known) => {}
            _ => return Err(format!("unknown content, expected one of {:?}", Content::TYPE_NAMES)),
        }
        for (field, pointer) in [("remote_id", Some(&self.remote_id)), ("remote_url", self.remote_url.as_ref())] {
            // RFC 6901; where nothing is found every post would count as unknown
            if pointer.is_some_and(|pointer| !pointer.starts_with('/')) {
                return Err(format!("{field} must be a JSON pointer, as in \"/id\""));
            }
        }
        template::check(&self.body).map_err(|problem| format!("body: {problem}"))
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

#[cfg(test)]
mod tests {
    use super::Provider;

    const GOOD: &str = "oauth = { authorize_url = 'https://p.example/a', token_url = 'https://p.example/t', \
                        client_id = 'c', client_secret = { env = 'S' } }\n\
                        publish.post = { url = 'http://127.0.0.1/p', body = { t = '{text}' }, remote_id = '/id' }\n";

    fn check(old: &str, new: &str) -> Result<(), String> {
        assert!(GOOD.contains(old));
        let provider: Provider = toml::from_str(&GOOD.replace(old, new)).map_err(|error| error.to_string())?;
        provider.check()
    }

    #[test]
    fn an_entry_that_cannot_work_is_refused_where_it_is_wrong() {
        assert_eq!(check("", ""), Ok(()));
        for (old, new, names) in [
            ("https://p.example/t", "http://p.example/t", "token_url must be https"),
            ("http://127.0.0.1/p", "http://127.0.0.1.example/p", "publish url must be https"),
            ("publish.post", "publish.poem", "publish.poem: unknown content"),
            ("publish.post", "publish.raw", "publish.raw: raw content is not done"),
            ("'/id'", "'id'", "publish.post: remote_id must be a JSON pointer"),
            ("{text}", "{txt}", "publish.post: body: \"{txt}\""),
            ("client_id", "client", "unknown field `client`"),
        ] {
            let error = check(old, new).unwrap_err();
            assert!(error.contains(names), "{error}");
        }
    }
}
