//! How a text is published: the request as templates, and where the answer says what became of it.

use reqwest::Method;
use reqwest::header::HeaderName;
use schemars::JsonSchema;
use serde::Deserialize;

use super::catalogue::is_pointer;
use super::find::Find;
use super::template::{Address, Form, Headers, Json, Word};

/// How a text is published.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Publishing {
    /// The method of the request.
    #[serde(default)]
    pub(super) method: PublishMethod,
    /// Where the request goes. A segment of its path and the value of a parameter may name fields, as in
    /// `https://api.example/rooms/{recipient}/messages?re={in_reply_to}`; its scheme, host and port may not.
    #[schemars(with = "String", extend("format" = "uri-template"))]
    pub(super) url: Address,
    /// Headers, whose values may name fields.
    #[serde(default)]
    #[schemars(with = "std::collections::BTreeMap<String, String>")]
    pub(super) headers: Headers,
    /// The JSON body; its texts may name fields, as in `"Hello {text}"`.
    #[schemars(with = "Option<serde_json::Value>")]
    pub(super) body: Option<Json>,
    /// The fields of a form body (`application/x-www-form-urlencoded`), in the place of `body`; their values may name
    /// fields.
    #[schemars(with = "Option<std::collections::BTreeMap<String, String>>")]
    pub(super) form: Option<Form>,
    /// JSON pointer (RFC 6901) to the post's id in the answer.
    pub(super) remote_id: String,
    /// JSON pointer to the post's address in the answer.
    pub(super) remote_url: Option<String>,
    /// JSON pointers of the answer's fields that go into the result.
    #[serde(default)]
    pub(super) response: Vec<String>,
    /// How a post is looked up whose answer was lost.
    pub(super) find: Option<Find>,
}

/// The methods that publish.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum PublishMethod {
    /// Makes something new.
    #[default]
    Post,
    /// Puts something in a place that the address names.
    Put,
    /// Changes something.
    Patch,
}

impl From<PublishMethod> for Method {
    fn from(method: PublishMethod) -> Self {
        match method {
            PublishMethod::Post => Self::POST,
            PublishMethod::Put => Self::PUT,
            PublishMethod::Patch => Self::PATCH,
        }
    }
}

impl Publishing {
    /// Whether it can work, with this header for idempotency keys.
    pub(super) fn check(&self, key_header: Option<&HeaderName>) -> Result<(), String> {
        is_pointer("remote_id", &self.remote_id)?;
        self.remote_url.iter().try_for_each(|at| is_pointer("remote_url", at))?;
        self.response.iter().try_for_each(|at| is_pointer("response", at))?;
        self.find.iter().try_for_each(|find| is_pointer("find.list", &find.list))?;
        if self.body.is_some() && self.form.is_some() {
            return Err("a request has one body: either body (JSON) or form".into());
        }
        if let Some(name) = key_header.filter(|name| self.headers.has(name)) {
            return Err(format!("headers: {name} is api.idempotency_header already"));
        }
        // it would find nothing, and what was posted would be posted again
        if self.find.is_some() && key_header.is_none() && !self.names_key() {
            return Err("find looks for an idempotency key, which the request does not carry: name {key} in it, or \
                        api.idempotency_header"
                .into());
        }
        Ok(())
    }

    /// Whether the request carries the idempotency key where its templates say so.
    pub(super) fn names_key(&self) -> bool {
        self.url.names(Word::Key)
            || self.headers.names(Word::Key)
            || self.body.as_ref().is_some_and(|body| body.names(Word::Key))
            || self.form.as_ref().is_some_and(|form| form.names(Word::Key))
    }
}
