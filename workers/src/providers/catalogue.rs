//! `providers.toml`: one table a provider.

use std::collections::BTreeMap;
use std::path::Path;

use futures_util::future::join_all;
use jiff::Timestamp;
use reqwest::header::HeaderName;
use schemars::{JsonSchema, schema_for};
use sealpost_schemas::ProviderId;
use sealpost_shared::config::{Config, read_toml};
use sealpost_shared::oauth::OAuthProvider;
use sealpost_shared::pace::Limits;
use sealpost_shared::secrets::Secrets;
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::errors::ErrorRule;
use super::publishing::Publishing;
use super::raw::RawAccess;

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
    /// How often it may be called by all workers together. Without limits it is called as often as there is something to do.
    pub limits: Option<Limits>,
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

    /// Reads the file of this configuration, whose secrets may be in its vault.
    ///
    /// # Errors
    /// In words that name file and line, or provider and field.
    pub fn of(config: &Config) -> Result<Self, String> {
        let all = Self::read(&config.providers)?;
        for (id, provider) in all.all() {
            for (field, source) in provider.oauth.secrets() {
                let checked = config.keys.check_secret(source);
                checked
                    .map_err(|problem| format!("{}: provider {id}: {field}: {problem}", config.providers.display()))?;
            }
        }
        Ok(all)
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

    /// The providers for which our client cannot prove itself now, and why: the problem names the field.
    pub async fn unreadable_secrets(&self, secrets: &Secrets, now: Timestamp) -> Vec<(&ProviderId, String)> {
        let all = self.all().map(async |(id, provider)| {
            let failure = provider.oauth.credential(secrets, now).await.err()?;
            Some((id, failure.message))
        });
        join_all(all).await.into_iter().flatten().collect()
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
        let revocation = self.oauth.revocation_url.iter().map(|url| ("revocation_url", url));
        let publishing = self.publish.urls();
        for (field, url) in urls.into_iter().chain(keys).chain(revocation).chain(publishing) {
            is_called(field, url)?;
        }
        let Api { errors, error, error_description, .. } = &self.api;
        let pointers = errors.iter().filter_map(|rule| rule.at.as_ref()).chain(error).chain(error_description);
        pointers.map(String::as_str).try_for_each(|at| is_pointer("api", at))?;
        let header = self.api.idempotency_header.as_ref().map(|name| name.parse::<HeaderName>()).transpose();
        let header = header.map_err(|_| "api.idempotency_header: not a header's name")?;
        for (name, publishing) in self.publish.texts() {
            publishing.check(header.as_ref()).map_err(|problem| format!("publish.{name}: {problem}"))?;
        }
        let checked = self.publish.raw.as_ref().map_or(Ok(()), RawAccess::check);
        checked.map_err(|problem| format!("publish.raw: {problem}"))?;
        let sends_key = header.is_some() || self.publish.texts().any(|(_, publishing)| publishing.names_key());
        match self.api.idempotency_window {
            None if header.is_some() => Err("api.idempotency_header needs idempotency_window (seconds)".into()),
            Some(_) if !sends_key => {
                Err("api.idempotency_window needs idempotency_header, or {key} in a request".into())
            }
            _ => Ok(()),
        }
    }
}

impl Publish {
    /// How texts are published, by the type of content.
    fn texts(&self) -> impl Iterator<Item = (&'static str, &Publishing)> {
        let texts = [("post", &self.post), ("message", &self.message), ("email", &self.email)];
        texts.into_iter().filter_map(|(name, publishing)| Some((name, publishing.as_ref()?)))
    }

    /// Every address that it calls.
    fn urls(&self) -> Vec<(&'static str, &Url)> {
        let mut urls: Vec<_> = self.raw.iter().map(|raw| ("publish.raw base", &raw.base)).collect();
        for (_, text) in self.texts() {
            urls.push(("publish url", text.url.sample()));
            urls.extend(text.find.iter().map(|find| ("find url", &find.url)));
        }
        urls
    }
}

/// RFC 6901; a pointer that is none finds nothing, and every post would count as unknown.
pub(super) fn is_pointer(field: &str, at: &str) -> Result<(), String> {
    if at.starts_with('/') { Ok(()) } else { Err(format!("{field} must be a JSON pointer, as in \"/id\"")) }
}

/// What is called is https, and has no secrets in it.
pub(super) fn is_called(field: &str, url: &Url) -> Result<(), String> {
    if url.scheme() != "https" && !is_loopback(url) {
        return Err(format!("{field} must be https (http only on loopback)"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(format!("{field} must have no user or password in it"));
    }
    Ok(())
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
    fn http_is_refused_in_every_address_but_on_loopback_and_so_is_a_password() {
        let all = "oauth = { authorize_url = 'https://a.example', token_url = 'https://t.example', client_id = 'c', \
                   client_secret = { env = 'S' }, issuer = 'i', jwks_url = 'https://j.example', \
                   revocation_url = 'https://v.example' }\n\
                   publish.post = { url = 'https://p.example/{key}', remote_id = '/id', \
                   find = { url = 'https://f.example', parameter = 'key', list = '/items' } }\n\
                   publish.raw = { base = 'https://r.example', allow = [] }\n";
        for place in ["a", "t", "j", "v", "p", "f", "r"] {
            let on = |host: &str| {
                let text = all.replace(&format!("https://{place}.example"), &format!("http://{host}"));
                toml::from_str::<Provider>(&text).unwrap().check()
            };
            for host in ["p.example", "10.0.0.1", "127.0.0.1.example", "localhost.example", "0.0.0.0", "[::2]"] {
                assert!(on(host).is_err_and(|error| error.contains("must be https")), "{place} on {host}");
            }
            for user in ["user@127.0.0.1", "user:hunter2@127.0.0.1", ":hunter2@127.0.0.1"] {
                let refused = |error: String| error.contains("no user or password") && !error.contains("hunter2");
                assert!(on(user).is_err_and(refused), "{place} on {user}");
            }
            for host in ["127.0.0.1:8080", "127.1.2.3", "localhost", "[::1]:8080"] {
                assert_eq!(on(host), Ok(()), "{place} on {host}");
            }
        }
    }

    #[test]
    fn an_entry_that_cannot_work_is_refused_where_it_is_wrong() {
        assert_eq!(check("", ""), Ok(()));
        let own = "revocation = { auth = 'bearer', body = 'none', tokens = 'access' }, client_id";
        assert_eq!(check("client_id", own), Ok(()));
        for (old, new, names) in [
            ("https://p.example/t", "http://p.example/t", "token_url must be https"),
            ("http://127.0.0.1/p", "http://127.0.0.1.example/p", "publish url must be https"),
            ("client_id", "jwks_url = 'https://p.example/k', client_id", "jwks_url needs issuer"),
            ("client_id", "revocation = { auth = 'bearer', body = 'none' }, client_id", "needs tokens = \"access\""),
            ("client_id", "revocation = { body = 'none' }, client_id", "needs auth = \"bearer\""),
            ("publish.post", "publish.poem", "unknown field `poem`"),
            ("publish.post", "publish.raw", "unknown field `body`, expected one of `base`"),
            ("'/id'", "'id'", "publish.post: remote_id must be a JSON pointer"),
            ("{text}", "{txt}", "\"{txt}\": {txt} is none of {text}, "),
            ("127.0.0.1/p", "{recipient}/p", "only its path and query may name fields"),
            ("http://127.0.0.1/p", "http://p.example/{key}", "publish url must be https"),
            ("{ t =", "'x', form = { t =", "publish.post: a request has one body"),
            ("remote_id", "method = 'GET', remote_id", "unknown variant `GET`, expected one of `POST`"),
            ("remote_id", "headers = { Host = 'x' }, remote_id", "Host is set by the call itself"),
            (
                "remote_id",
                "find = { url = 'https://p.example', parameter = 'k', list = '/l' }, remote_id",
                "name {key}",
            ),
            ("client_id", "client", "unknown field `client`"),
            ("publish.post", "api.idempotency_header = 'Key'\npublish.post", "needs idempotency_window"),
            ("publish.post", "api.idempotency_header = 'K K'\npublish.post", "not a header's name"),
            ("publish.post", "api.idempotency_window = 5\npublish.post", "or {key} in a request"),
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
