//! Content as a provider takes it: the request that an entry makes of it.

use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder};
use sealpost_schemas::{Content, Raw, TextContent};
use serde_json::Value;
use url::Url;
use uuid::Uuid;

use super::find::Find;
use super::raw::RawAccess;
use super::template::{Form, Json, Words};
use super::{Api, Provider, Publishing};

/// Why content is no request.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// The provider takes no such content.
    #[error("{0}")]
    NotAllowed(String),
    /// The content is wrong in itself.
    #[error("{0}")]
    Malformed(String),
}

impl RequestError {
    fn untaken(content: &Content) -> Self {
        Self::NotAllowed(format!("the provider takes no content of type {}", content.type_name()))
    }
}

/// Content as a provider takes it.
pub struct Request<'a> {
    pub(super) api: &'a Api,
    /// The entry of texts; none for `raw`.
    pub(super) publishing: Option<&'a Publishing>,
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Body,
    /// JSON pointers of the answer's fields that go into the result.
    pub(super) response: Vec<String>,
    pub(super) key: Uuid,
    /// Every text of the content: what a provider says in refusing is told without them.
    pub(super) sent: Vec<String>,
}

/// The body of a request.
pub(super) enum Body {
    None,
    Json(Value),
    Form(Vec<(String, String)>),
}

impl Body {
    /// As these templates make it.
    pub(super) fn of(form: Option<&Form>, json: Option<&Json>, words: &Words<'_>) -> Result<Self, RequestError> {
        Ok(match (form, json) {
            (Some(form), _) => Self::Form(form.fill(words)?),
            (None, Some(json)) => json.fill(words)?.map_or(Self::None, Self::Json),
            (None, None) => Self::None,
        })
    }

    /// The request with this body.
    pub(super) fn on(&self, call: RequestBuilder) -> RequestBuilder {
        match self {
            Self::None => call,
            Self::Json(body) => call.json(body),
            Self::Form(fields) => call.form(fields),
        }
    }
}

impl Provider {
    /// The request that content makes; `key` is the same for every attempt at it.
    ///
    /// # Errors
    /// If the provider does not take it.
    pub fn request(&self, content: &Content, key: Uuid) -> Result<Request<'_>, RequestError> {
        let publish = &self.publish;
        let (publishing, text) = match content {
            Content::Raw(raw) => {
                let access = publish.raw.as_ref().ok_or_else(|| RequestError::untaken(content))?;
                return Request::raw((&self.api, access), raw, key);
            }
            Content::Post(text) => (&publish.post, text),
            Content::Message(text) => (&publish.message, text),
            Content::Email(text) => (&publish.email, text),
        };
        let publishing = publishing.as_ref().ok_or_else(|| RequestError::untaken(content))?;
        Request::text((&self.api, publishing), text, key)
    }
}

impl<'a> Request<'a> {
    fn text(
        (api, publishing): (&'a Api, &'a Publishing),
        content: &TextContent,
        key: Uuid,
    ) -> Result<Self, RequestError> {
        let words = Words { content, key };
        let body = Body::of(publishing.form.as_ref(), publishing.body.as_ref(), &words)?;
        let fields = [Some(&content.text), content.title.as_ref(), content.in_reply_to.as_ref()];
        let recipients = content.to.iter().flatten();
        Ok(Self {
            api,
            publishing: Some(publishing),
            method: publishing.method.into(),
            url: publishing.url.fill(&words)?,
            headers: publishing.headers.fill(&words)?,
            body,
            response: publishing.response.clone(),
            key,
            sent: fields.into_iter().flatten().chain(recipients).cloned().collect(),
        })
    }

    fn raw((api, access): (&'a Api, &'a RawAccess), raw: &Raw, key: Uuid) -> Result<Self, RequestError> {
        let method = Method::from_bytes(raw.method.as_bytes());
        let mut sent = Vec::new();
        texts(raw.body.as_ref().unwrap_or(&Value::Null), &mut sent);
        Ok(Self {
            api,
            publishing: None,
            method: method.map_err(|_| RequestError::Malformed("content.method: no HTTP method".into()))?,
            url: access.url(&raw.method, &raw.path)?,
            headers: HeaderMap::new(),
            body: raw.body.clone().map_or(Body::None, Body::Json),
            response: access.asked_for(raw.accept.as_deref().unwrap_or_default()),
            key,
            sent,
        })
    }

    /// How long after the first request a repeat under the same key makes no second post; `None`: never.
    #[must_use]
    pub fn repeatable_for(&self) -> Option<Duration> {
        let carries_key = self.api.idempotency_header.is_some() || self.publishing.is_some_and(Publishing::names_key);
        self.api.idempotency_window.filter(|_| carries_key).map(Duration::from_secs)
    }

    /// Whether a lost post can be looked up.
    #[must_use]
    pub fn can_be_found(&self) -> bool {
        self.find().is_some()
    }

    pub(super) fn find(&self) -> Option<(&Find, &Publishing)> {
        let publishing = self.publishing?;
        Some((publishing.find.as_ref()?, publishing))
    }
}

fn texts(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| texts(item, found)),
        Value::Object(fields) => fields.values().for_each(|value| texts(value, found)),
        _ => {}
    }
}
