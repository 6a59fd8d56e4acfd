//! Looking a post up whose answer was lost.

use schemars::JsonSchema;
use sealpost_shared::pace::Pass;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::answer;
use super::call::Publication;
use super::errors::{Meaning, meaning};
use super::request::Request;

/// How an entry says where its posts can be found again.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Find {
    /// Where a list of the user's posts under an idempotency key is had, by GET.
    pub url: Url,
    /// The name of the query parameter that takes the idempotency key.
    pub parameter: String,
    /// JSON pointer to the list in the answer. Only an empty list proves that there is no post.
    pub list: String,
}

/// What a look-up showed.
pub enum Found {
    /// The post is there.
    Post(Publication),
    /// It is not.
    Nothing,
    /// The answer proves neither.
    NoProof,
    /// It proves neither either: the access token is no good.
    TokenRefused,
}

impl Found {
    /// The label of the metric of calls.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Post(_) | Self::Nothing => "ok",
            Self::NoProof => "lost",
            Self::TokenRefused => "token-refused",
        }
    }
}

/// Looks for the post of a request; `None` where its entry knows no way to.
pub async fn find(pass: &Pass, request: &Request<'_>, access_token: &SecretString) -> Option<Found> {
    let (find, publishing) = request.find()?;
    let mut url = find.url.clone();
    url.query_pairs_mut().append_pair(&find.parameter, &request.key.to_string());
    let call = pass.client().get(url).bearer_auth(access_token.expose_secret());
    let Ok(answer) = pass.send(call).await else { return Some(Found::NoProof) };
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    if matches!(meaning(&request.api.errors, &answer, &body), Meaning::TokenExpired) {
        return Some(Found::TokenRefused);
    }
    let list = body.pointer(&find.list).and_then(Value::as_array).filter(|_| answer.status == 200);
    Some(match list.map(|list| list.first()) {
        None => Found::NoProof,
        Some(None) => Found::Nothing,
        Some(Some(post)) => {
            let places = (Some(publishing.remote_id.as_str()), publishing.remote_url.as_deref());
            let remote = answer::remote(post, places, publishing.response.iter().cloned(), access_token);
            if remote.id.is_some() { Found::Post(Publication(remote)) } else { Found::NoProof }
        }
    })
}
