//! What a provider's entry says, in short, for people.

use sealpost_schemas::ProviderId;
use sealpost_shared::oauth::{ClientAuth, Credential};
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
    /// Until when the certificate is good that we prove ourselves with, or why we cannot with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_certificate: Option<String>,
    /// Why the secret cannot be read that we prove ourselves with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<String>,
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
    /// How often all workers together call it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limits: Option<String>,
}

impl Provider {
    /// The entry in short. `credential`: what our client proves itself with now, or why it cannot.
    #[must_use]
    pub fn summary(&self, id: &ProviderId, credential: Result<Credential, String>) -> Summary {
        let texts = [("post", &self.publish.post), ("message", &self.publish.message), ("email", &self.publish.email)];
        let named = |wanted: &dyn Fn(&Publishing) -> bool| -> Vec<_> {
            texts.iter().filter(|(_, how)| how.as_ref().is_some_and(wanted)).map(|(name, _)| *name).collect()
        };
        let mut content = named(&|_| true);
        content.extend(self.publish.raw.as_ref().map(|_| "raw"));
        let (certificate, secret) = match (self.oauth.client_auth, credential) {
            (ClientAuth::PrivateKeyJwt, credential) => {
                (Some(credential.map_or_else(|problem| problem, good_until)), None)
            }
            (_, credential) => (None, credential.err()),
        };
        Summary {
            provider: id.to_string(),
            content,
            client_auth: self.oauth.client_auth.as_str(),
            client_certificate: certificate,
            client_secret: secret,
            scopes: self.oauth.scopes.clone(),
            id_tokens: self.oauth.jwks_url.is_some(),
            idempotency_header: self.api.idempotency_header.clone(),
            idempotency_window: self.api.idempotency_window,
            find: named(&|how| how.find.is_some()),
            limits: self.limits.map(|limits| limits.to_string()),
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is what a result holds")]
fn good_until(credential: Credential) -> String {
    credential.ends().map_or_else(String::new, |ends| format!("certificate good until {ends}"))
}
