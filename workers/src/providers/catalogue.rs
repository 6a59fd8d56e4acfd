//! `providers.toml`: one table a provider.

use std::collections::BTreeMap;
use std::path::Path;

use reqwest::header::HeaderName;
use schemars::{JsonSchema, schema_for};
use sealpost_schemas::ProviderId;
use sealpost_shared::config::read_toml;
use sealpost_shared::oauth::OAuthProvider;
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::errors::ErrorRule;
use super::find::Find;
use super::raw::RawAccess;
use super::template;

/// Every provider, by name.
#[derive(Debug, Default)]
pub struct Catalogue(BTreeMap<ProviderId, Provider>);

/// One provider.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Provider {
    /// Where tokens are had.
    pub oauth: OAuthProvider,
    /// How its publishing API answers.
    #[serde(default)]
    pub(super) api: Api,
    /// How content is published, by its type.
    #[serde(default)]
    pub(super) publish: Publish,
}

/// What all calls of a provider's publishing API have in common.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Api {
    /// The header that takes an idempotency key: a second request of the user under the same key makes no second post.
    pub idempotency_header: Option<String>,
    /// For how many seconds after the first request the provider remembers its key.
    pub idempotency_window: Option<u64>,
    /// What its answers mean where they do not mean what HTTP says.
    #[serde(default)]
    pub errors: Vec<ErrorRule>,
    /// JSON pointer to the code of a refusal in the answer.
    pub error: Option<String>,
    /// JSON pointer to the words of a refusal in the answer.
    pub error_description: Option<String>,
}

/// How each type of content is published that the provider takes.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Publish {
    /// Content of type `post`.
    pub(super) post: Option<Publishing>,
    /// Content of type `message`.
    pub(super) message: Option<Publishing>,
    /// Content of type `email`.
    pub(super) email: Option<Publishing>,
    /// Content of type `raw`.
    pub(super) raw: Option<RawAccess>,
}

/// How a text is published.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
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
    /// JSON pointers of the answer's fields that go into the result.
    #[serde(default)]
    pub response: Vec<String>,
    /// How a post is looked up whose answer was lost.
    pub find: Option<Find>,
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

    /// The JSON Schema (draft 2020-12) of the file, as of its TOML tables.
    #[must_use]
    pub fn schema() -> Value {
        let mut schema = schema_for!(BTreeMap<ProviderId, Provider>).to_value();
        schema["title"] = "providers.toml: every provider, one table each".into();
        schema
    }

    /// Every provider, by name.
    pub fn all(&self) -> impl Iterator<Item = (&ProviderId, &Provider)> {
        self.0.iter()
    }

    /// The provider of this name.
    #[must_use]
    pub fn get(&self, id: &ProviderId) -> Option<&Provider> {
        self.0.get(id)
    }
}

impl Provider {
    fn check(&self) -> Result<(), String> {
        self.oauth.check()?;
        let urls = [("authorize_url", &self.oauth.authorize_url), ("token_url", &self.oauth.token_url)];
        let keys = self.oauth.jwks_url.iter().map(|url| ("jwks_url", url));
        let publishing = self.publish.urls();
        for (field, url) in urls.into_iter().chain(keys).chain(publishing) {
            if url.scheme() != "https" && !is_loopback(url) {
                return Err(format!("{field} must be https (http only on loopback)"));
            }
        }
        let Api { errors, error, error_description, .. } = &self.api;
        let pointers = errors.iter().filter_map(|rule| rule.at.as_ref()).chain(error).chain(error_description);
        pointers.map(String::as_str).try_for_each(|at| is_pointer("api", at))?;
        let Publish { post, message, email, raw } = &self.publish;
        for (name, publishing) in [("post", post), ("message", message), ("email", email)] {
            let checked = publishing.as_ref().map_or(Ok(()), Publishing::check);
            checked.map_err(|problem| format!("publish.{name}: {problem}"))?;
        }
        let checked = raw.as_ref().map_or(Ok(()), RawAccess::check);
        checked.map_err(|problem| format!("publish.raw: {problem}"))?;
        if self.api.idempotency_header.as_ref().is_some_and(|name| name.parse::<HeaderName>().is_err()) {
            return Err("api.idempotency_header: not a header's name".into());
        }
        if self.api.idempotency_header.is_some() != self.api.idempotency_window.is_some() {
            return Err("api: idempotency_header and idempotency_window (seconds) go together".into());
        }
        Ok(())
    }
}

impl Publish {
    /// Every address that it calls.
    fn urls(&self) -> Vec<(&'static str, &Url)> {
        let texts = [&self.post, &self.message, &self.email].into_iter().flatten();
        let mut urls: Vec<_> = self.raw.iter().map(|raw| ("publish.raw base", &raw.base)).collect();
        for text in texts {
            urls.push(("publish url", &text.url));
            urls.extend(text.find.iter().map(|find| ("find url", &find.url)));
        }
        urls
    }
}

impl Publishing {
    fn check(&self) -> Result<(), String> {
        is_pointer("remote_id", &self.remote_id)?;
        self.remote_url.iter().try_for_each(|at| is_pointer("remote_url", at))?;
        self.response.iter().try_for_each(|at| is_pointer("response", at))?;
        self.find.iter().try_for_each(|find| is_pointer("find.list", &find.list))?;
        template::check(&self.body).map_err(|problem| format!("body: {problem}"))
    }
}

/// RFC 6901; a pointer that is none finds nothing, and every post would count as unknown.
pub(super) fn is_pointer(field: &str, at: &str) -> Result<(), String> {
    if at.starts_with('/') { Ok(()) } else { Err(format!("{field} must be a JSON pointer, as in \"/id\"")) }
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
    fn http_is_refused_in_every_address_but_on_loopback() {
        let all = "oauth = { authorize_url = 'https://a.example', token_url = 'https://t.example', client_id = 'c', \
                   client_secret = { env = 'S' }, issuer = 'i', jwks_url = 'https://j.example' }\n\
                   publish.post = { url = 'https://p.example', body = {}, remote_id = '/id', \
                   find = { url = 'https://f.example', parameter = 'key', list = '/items' } }\n\
                   publish.raw = { base = 'https://r.example', allow = [] }\n";
        for place in ["a", "t", "j", "p", "f", "r"] {
            let on = |host: &str| {
                let text = all.replace(&format!("https://{place}.example"), &format!("http://{host}"));
                toml::from_str::<Provider>(&text).unwrap().check()
            };
            for host in ["p.example", "10.0.0.1", "127.0.0.1.example", "localhost.example", "0.0.0.0", "[::2]"] {
                assert!(on(host).is_err_and(|error| error.contains("must be https")), "{place} on {host}");
            }
            for host in ["127.0.0.1:8080", "127.1.2.3", "localhost", "[::1]:8080"] {
                assert_eq!(on(host), Ok(()), "{place} on {host}");
            }
        }
    }

    #[test]
    fn an_entry_that_cannot_work_is_refused_where_it_is_wrong() {
        assert_eq!(check("", ""), Ok(()));
        for (old, new, names) in [
            ("https://p.example/t", "http://p.example/t", "token_url must be https"),
            ("http://127.0.0.1/p", "http://127.0.0.1.example/p", "publish url must be https"),
            ("client_id", "jwks_url = 'https://p.example/k', client_id", "jwks_url needs issuer"),
            ("publish.post", "publish.poem", "unknown field `poem`"),
            ("publish.post", "publish.raw", "unknown field `body`, expected one of `base`"),
            ("'/id'", "'id'", "publish.post: remote_id must be a JSON pointer"),
            ("{text}", "{txt}", "publish.post: body: \"{txt}\""),
            ("client_id", "client", "unknown field `client`"),
            ("publish.post", "api.idempotency_header = 'Key'\npublish.post", "idempotency_window"),
            (
                "publish.post",
                "api.errors = [{ status = 400, at = 'code', means = 'rejected' }]\npublish.post",
                "api must be",
            ),
            (
                "publish.post",
                "publish.raw = { base = 'https://p.example', allow = [{ method = 'GET', path = '//evil' }] }\npublish.post",
                "publish.raw: allow",
            ),
        ] {
            let error = check(old, new).unwrap_err();
            assert!(error.contains(names), "{error}");
        }
    }
}
