//! `gateways.toml`: one table a gateway for text messages. Its requests are templates as those of providers are, of which a
//! message is content with a text and one recipient.

mod auth;
mod call;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use reqwest::header::HeaderName;
use schemars::{JsonSchema, schema_for};
use sealpost_schemas::{ProviderId, TextContent};
use sealpost_shared::config::Keys;
use sealpost_shared::config::read_toml;
use sealpost_shared::secrets::Secrets;
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use self::auth::Auth;
pub use self::call::GatewayError;
use super::catalogue::{is_called, is_pointer};
use super::errors::{ErrorRule, stands};
use super::publishing::PublishMethod;
use super::template::{Address, Form, Headers, Json, Word, Words};

/// Every gateway, by name.
#[derive(Debug, Default)]
pub struct Gateways(BTreeMap<ProviderId, Gateway>);

/// One gateway.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Gateway {
    /// How we prove who we are; without it, not at all.
    auth: Option<Auth>,
    /// The method of the request.
    #[serde(default)]
    method: PublishMethod,
    /// Where the request goes. A segment of its path and the value of a parameter may name {text}, {recipient} and {key}.
    #[schemars(with = "String", extend("format" = "uri-template"))]
    url: Address,
    /// Headers, whose values may name {recipient} and {key}.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, String>")]
    headers: Headers,
    /// The JSON body; its texts may name {text}, {recipient}, {to} (a list of one) and {key}.
    #[schemars(with = "Option<Value>")]
    body: Option<Json>,
    /// The fields of a form body (`application/x-www-form-urlencoded`), in the place of `body`.
    #[schemars(with = "Option<BTreeMap<String, String>>")]
    form: Option<Form>,
    /// JSON pointer (RFC 6901) to the message's id in the answer. A 2xx without it counts as `unknown`.
    message_id: String,
    /// What stands in the answer of a success, where a 2xx alone does not say so; a 2xx without it is a refusal.
    success: Option<Success>,
    /// What its answers mean where they do not mean what HTTP says; `posted`: it has the message, `token-expired`: it does not
    /// take our credentials.
    #[serde(default)]
    errors: Vec<ErrorRule>,
    /// JSON pointer to the code of a refusal in the answer.
    error: Option<String>,
    /// The header that takes an idempotency key: a second request under the same key sends no second message.
    idempotency_header: Option<String>,
    /// For how many seconds after the first request the gateway remembers its key.
    idempotency_window: Option<u64>,
}

/// What stands in the answer of a success.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Success {
    /// JSON pointer; something is there that is neither null nor false.
    at: String,
    /// What stands there, as text.
    is: Option<String>,
}

impl Gateways {
    /// Reads the file.
    ///
    /// # Errors
    /// In words that name file and line.
    pub fn read(file: &Path) -> Result<Self, String> {
        let mut gateways: BTreeMap<ProviderId, Gateway> = read_toml(file)?;
        let folder = file.parent().unwrap_or_else(|| Path::new("."));
        for (id, gateway) in &mut gateways {
            if let Some(auth) = &mut gateway.auth {
                auth.resolve(folder);
            }
            gateway.check().map_err(|problem| format!("{}: gateway {id}: {problem}", file.display()))?;
        }
        Ok(Self(gateways))
    }

    /// The JSON Schema (draft 2020-12) of the file, as of its TOML tables.
    #[must_use]
    pub fn schema() -> Value {
        let mut schema = schema_for!(BTreeMap<ProviderId, Gateway>).to_value();
        schema["title"] = "gateways.toml: every gateway for text messages, one table each".into();
        schema
    }

    /// The names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(ProviderId::as_str)
    }

    /// The gateway of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Gateway> {
        self.0.get(&ProviderId::new(name)?)
    }
}

impl Gateway {
    fn check(&self) -> Result<(), String> {
        is_called("url", self.url.sample())?;
        is_pointer("message_id", &self.message_id)?;
        let success = self.success.iter().map(|success| ("success", &success.at));
        let rules = self.errors.iter().filter_map(|rule| Some(("errors", rule.at.as_ref()?)));
        let pointers = success.chain(rules).chain(self.error.iter().map(|at| ("error", at)));
        pointers.into_iter().try_for_each(|(field, at)| is_pointer(field, at))?;
        if self.body.is_some() && self.form.is_some() {
            return Err("a request has one body: either body (JSON) or form".into());
        }
        if self.names(Word::Title) || self.names(Word::InReplyTo) {
            return Err("a text message has no {title} and no {in_reply_to}".into());
        }
        if !self.names(Word::Text) || !(self.names(Word::Recipient) || self.names(Word::To)) {
            return Err("the request must name {text} and {recipient}, or nobody is told anything".into());
        }
        let ours = self.auth.as_ref().and_then(Auth::header).map(str::parse::<HeaderName>);
        let ours = ours.transpose().map_err(|_| "auth.header.name: not a header's name")?;
        let key = self.idempotency_header.as_ref().map(|name| name.parse::<HeaderName>()).transpose();
        let key = key.map_err(|_| "idempotency_header: not a header's name")?;
        if let Some(name) = ours.iter().chain(&key).find(|name| self.headers.has(name)) {
            return Err(format!("headers: {name} is set already, by auth or idempotency_header"));
        }
        match (self.idempotency_window, key.is_some() || self.names(Word::Key)) {
            (None, _) if key.is_some() => Err("idempotency_header needs idempotency_window (seconds)"),
            (Some(_), false) => Err("idempotency_window needs idempotency_header, or {key} in the request"),
            _ => Ok(()),
        }?;
        // a text may have each of these, and stands where it can
        let sample = message("é {}[]€\n", "+15005550006");
        let sample = self.request(&Words { content: &sample, key: Uuid::nil() });
        sample.map(drop).map_err(|error| format!("a text message cannot be put into the request: {error}"))
    }

    /// Whether its secret can be where it is said to be.
    ///
    /// # Errors
    /// In words, if not.
    pub fn check_secret(&self, keys: &Keys) -> Result<(), String> {
        self.auth.as_ref().map_or(Ok(()), |auth| keys.check_secret(auth.source()))
    }

    /// Why we cannot prove who we are, if so.
    pub async fn unreadable_secret(&self, secrets: &Secrets) -> Option<String> {
        self.auth.as_ref()?.secret(secrets).await.err()
    }

    /// How long after the first request a repeat under the same key sends no second message; `None`: never.
    #[must_use]
    pub fn repeatable_for(&self) -> Option<Duration> {
        self.idempotency_window.map(Duration::from_secs)
    }

    fn names(&self, word: Word) -> bool {
        self.url.names(word)
            || self.headers.names(word)
            || self.body.as_ref().is_some_and(|body| body.names(word))
            || self.form.as_ref().is_some_and(|form| form.names(word))
    }

    fn succeeded(&self, body: &Value) -> bool {
        self.success.as_ref().is_none_or(|Success { at, is }| stands(body, at, is.as_deref()))
    }
}

/// A text message as the content that templates are filled with.
fn message(text: &str, phone: &str) -> TextContent {
    TextContent { text: text.into(), title: None, to: Some(vec![phone.into()]), in_reply_to: None }
}

#[cfg(test)]
mod tests;
