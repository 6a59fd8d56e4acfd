//! What a provider's entry says, in short, for people.

use sealpost_schemas::ProviderId;
use sealpost_shared::oauth::ClientAuth;
use serde::Serialize;

use super::{Provider, Publishing};

/// An entry in short.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// Its name.
    pub provider: String,
    /// The types of content that it takes.
    pub content: Vec<&'static str>,
    /// How we prove who we are at its token endpoint.
    pub client_auth: &'static str,
    /// The scopes that are asked for.
    pub scopes: Vec<String>,
    /// Whether its ID tokens are verified, so that an account is known.
    pub id_tokens: bool,
    /// The header that takes an idempotency key.
    pub idempotency_header: Option<String>,
    /// For how many seconds the provider remembers such a key.
    pub idempotency_window: Option<u64>,
    /// The types of content whose posts can be looked up when an answer was lost.
    pub find: Vec<&'static str>,
}

impl Provider {
    /// The entry in short.
    #[must_use]
    pub fn summary(&self, id: &ProviderId) -> Summary {
        let texts = [("post", &self.publish.post), ("message", &self.publish.message), ("email", &self.publish.email)];
        let named = |wanted: &dyn Fn(&Publishing) -> bool| -> Vec<_> {
            texts.iter().filter(|(_, how)| how.as_ref().is_some_and(wanted)).map(|(name, _)| *name).collect()
        };
        let mut content = named(&|_| true);
        content.extend(self.publish.raw.as_ref().map(|_| "raw"));
        Summary {
            provider: id.to_string(),
            content,
            client_auth: match self.oauth.client_auth {
                ClientAuth::Basic => "basic",
                ClientAuth::Post => "post",
                ClientAuth::None => "none",
            },
            scopes: self.oauth.scopes.clone(),
            id_tokens: self.oauth.jwks_url.is_some(),
            idempotency_header: self.api.idempotency_header.clone(),
            idempotency_window: self.api.idempotency_window,
            find: named(&|how| how.find.is_some()),
        }
    }
}
