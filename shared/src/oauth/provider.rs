//! The catalogue's OAuth half of one provider.

use std::borrow::Cow;

use schemars::JsonSchema;
use sealpost_schemas::{Name, ProviderError};
use serde::Deserialize;
use url::Url;

use super::entra;
use crate::config::SecretSource;

/// How the client proves who it is at the token endpoint (RFC 6749 §2.3.1, RFC 7523 §2.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ClientAuth {
    /// In the Authorization header.
    #[default]
    Basic,
    /// In the request's body.
    Post,
    /// Not at all: a public client, whose codes PKCE protects.
    None,
    /// By a JWT (PS256) that it signs for each request with the key of a certificate.
    #[serde(rename = "private_key_jwt")]
    PrivateKeyJwt,
}

impl ClientAuth {
    /// The word of the catalogue.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Basic => "basic",
            Self::Post => "post",
            Self::None => "none",
            Self::PrivateKeyJwt => "private_key_jwt",
        }
    }
}

/// Which claims of an ID token name the provider's account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AccountId {
    /// `sub`, as `OpenID` Connect has it.
    #[default]
    Sub,
    /// `oid` and `tid`, as the Microsoft identity platform has them: `sub` is another there for each application. The
    /// account's id is `oid.tid`. Needed for grant `on_behalf_of`.
    OidTid,
}

/// How a token request is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TokenRequest {
    /// As a form (RFC 6749 §4.1.3).
    #[default]
    Form,
    /// As a JSON object with the same names (Matrix).
    Json,
}

/// What ends when a token is revoked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Revokes {
    /// The token, and what came of the same consent.
    #[default]
    Token,
    /// Everything that the user ever granted to us.
    Grant,
}

/// How a request to the revocation endpoint is written.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RevocationRequest {
    /// Its method.
    pub method: RevocationMethod,
    /// Who asks: our client, or whoever has the token (in `Authorization: Bearer`).
    pub auth: RevocationAuth,
    /// How its fields are written; without any, the token is in `Authorization` or nowhere.
    pub body: RevocationBody,
    /// The field that the token is in.
    pub field: String,
    /// Which tokens are revoked.
    pub tokens: RevocationTokens,
}

impl Default for RevocationRequest {
    /// As RFC 7009 says.
    fn default() -> Self {
        Self {
            method: RevocationMethod::default(),
            auth: RevocationAuth::default(),
            body: RevocationBody::default(),
            field: "token".into(),
            tokens: RevocationTokens::default(),
        }
    }
}

/// The method of a request to the revocation endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum RevocationMethod {
    /// RFC 7009 §2.1.
    #[default]
    #[serde(rename = "POST")]
    Post,
    /// As of a resource that goes.
    #[serde(rename = "DELETE")]
    Delete,
}

/// Who asks the revocation endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RevocationAuth {
    /// Our client, as `client_auth` says.
    #[default]
    Client,
    /// Whoever has the token.
    Bearer,
}

/// How the fields of a request to the revocation endpoint are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RevocationBody {
    /// As a form, with `token_type_hint`.
    #[default]
    Form,
    /// As a JSON object.
    Json,
    /// Not at all.
    None,
}

/// Which tokens are revoked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RevocationTokens {
    /// The refresh token, and then the access token.
    #[default]
    Both,
    /// The refresh token only.
    Refresh,
    /// The access token only. Where none is kept that is still good, one is had with the refresh token first.
    Access,
}

/// Where and how tokens are had from one provider.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OAuthProvider {
    /// The issuer's name, to be compared with the `iss` of a code (RFC 9207) and of an ID token. `{tenantid}` in it stands
    /// for the `tid` of the ID token, a GUID.
    pub issuer: Option<String>,
    /// Where the keys are had that ID tokens are signed with (a JWK set, RFC 7517). Without it no ID token is looked at.
    /// Nothing is discovered: no other address is asked for keys, whatever a token or an answer says.
    pub jwks_url: Option<Url>,
    /// The authorization endpoint.
    pub authorize_url: Url,
    /// The token endpoint. `{tenantid}` in its path stands for the owner's tenant, which must be a GUID then.
    #[schemars(extend("format" = "uri-template"))]
    pub token_url: Url,
    /// The revocation endpoint (RFC 7009), where there is one.
    pub revocation_url: Option<Url>,
    /// What ends when a token is revoked: the token (and what came of it), or all that this user ever granted to us. With
    /// `grant`, an old token is not revoked any more once the user gave a newer consent for the same connection; another
    /// connection (another label) of the same account ends with it. With `token`, the tokens that a newer consent replaces
    /// are revoked.
    #[serde(default)]
    pub revoke: Revokes,
    /// How a request to `revocation_url` is written, where it is not as RFC 7009 says.
    #[serde(default)]
    pub revocation: RevocationRequest,
    /// Our name at the provider.
    pub client_id: String,
    /// Where our secret at the provider is read from; only where `client_auth` is `basic` or `post`.
    pub(super) client_secret: Option<SecretSource>,
    /// Where our private key is read from, only where `client_auth` is `private_key_jwt`: RSA of at least 2048 bits, as
    /// unencrypted PEM (PKCS#8 or PKCS#1). It may lie in one file with the certificate.
    pub(super) client_key: Option<SecretSource>,
    /// Where the certificate of `client_key` is read from that is registered at the provider, as PEM.
    pub(super) client_certificate: Option<SecretSource>,
    /// How the client proves who it is.
    #[serde(default)]
    pub client_auth: ClientAuth,
    /// How requests to the token endpoint are written.
    #[serde(default)]
    pub token_request: TokenRequest,
    /// Which claims of an ID token name the account.
    #[serde(default)]
    pub account: AccountId,
    /// Whether connections are kept for their account's own owner only: `tenant` its `tid` and `user` its `oid`. An ID token must
    /// come then, and one that says otherwise is refused (`owner-mismatch`). Of grant `on_behalf_of` that holds always.
    #[serde(default)]
    pub owner_is_account: bool,
    /// The scopes that are asked for.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// Whether access tokens are stored beside the refresh token. Without, none is, and every use costs a refresh.
    #[serde(default = "yes")]
    pub keep_access_token: bool,
    /// The answer's field that holds the access token's lifetime in milliseconds, where it is not the `expires_in` in
    /// seconds of RFC 6749 §5.1 (Matrix: `expires_in_ms`).
    pub expires_in_ms: Option<String>,
    /// How the token endpoint says that a refresh token is no good for ever, beside the words of the standards.
    #[serde(default)]
    pub dead_token: Vec<DeadToken>,
}

/// One way of saying that a refresh token is no good for ever. All that is given must be met.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeadToken {
    /// The HTTP status; some platforms answer errors with 200.
    pub status: Option<u16>,
    /// The `error` of the answer.
    pub error: String,
    /// A part of the `error_description`, where the same `error` also says something else.
    pub description: Option<String>,
}

impl DeadToken {
    fn is_said_by(&self, said: &ProviderError) -> bool {
        let described = |part: &String| said.description.as_ref().is_some_and(|description| description.contains(part));
        self.status.is_none_or(|status| said.status == Some(status))
            && said.error.as_ref() == Some(&self.error)
            && self.description.as_ref().is_none_or(described)
    }
}

fn yes() -> bool {
    true
}

impl OAuthProvider {
    /// Whether an answer says that the refresh token is no good for ever: with the words of RFC 6749 §5.2 (and of `OpenID`
    /// Connect Core §3.1.2.6, where the user must sign in again), or with those of the entry.
    pub(super) fn says_dead(&self, said: &ProviderError) -> bool {
        const WORDS: [&str; 4] = ["invalid_grant", "interaction_required", "login_required", "consent_required"];
        let refused = said.status.is_some_and(|status| (400..=499).contains(&status));
        refused && said.error.as_deref().is_some_and(|error| WORDS.contains(&error))
            || self.dead_token.iter().any(|dead| dead.is_said_by(said))
    }

    /// Whether a token can be revoked, and ends nothing but what came of its own consent.
    #[must_use]
    pub fn revokes_apart(&self) -> bool {
        self.revocation_url.is_some() && self.revoke == Revokes::Token
    }

    /// Whether this is the issuer that speaks for the provider, or one of the kind that does.
    #[must_use]
    pub fn is_issuer(&self, name: &str) -> bool {
        self.issuer.as_deref().is_some_and(|entry| entra::is_issuer(entry, name))
    }

    /// The entry as it is for owners of this tenant.
    ///
    /// # Errors
    /// In words, if its token endpoint is another one for each tenant, and this is no tenant of the provider's.
    pub fn of_tenant(&self, tenant: &Name) -> Result<Cow<'_, Self>, String> {
        if !entra::is_template(&self.token_url) {
            return Ok(Cow::Borrowed(self));
        }
        let problem = "the provider has a token endpoint for each of its tenants, so that the owner's tenant must be the id of \
                       one: a GUID in lower case";
        let token_url = entra::at(&self.token_url, tenant.as_str()).ok_or(problem)?;
        Ok(Cow::Owned(Self { token_url, ..self.clone() }))
    }

    /// Whether the entry can work.
    ///
    /// # Errors
    /// In words that name the field.
    pub fn check(&self) -> Result<(), String> {
        if self.jwks_url.is_some() && self.issuer.is_none() {
            return Err("oauth.jwks_url needs issuer: an ID token is believed only if it names that one".into());
        }
        let RevocationRequest { auth, body, tokens, .. } = &self.revocation;
        if *auth == RevocationAuth::Bearer && *tokens == RevocationTokens::Both {
            return Err(
                "oauth.revocation.auth \"bearer\" needs tokens = \"access\" (or \"refresh\"): a token of the other \
                        kind would be shown as what it is not"
                    .into(),
            );
        }
        if *auth == RevocationAuth::Client && *body == RevocationBody::None {
            return Err("oauth.revocation.body none needs auth = \"bearer\": the token must be somewhere".into());
        }
        let is_template = |issuer: &String| issuer.contains(entra::TEMPLATE);
        let has_template = self.issuer.as_ref().is_some_and(is_template) || entra::is_template(&self.token_url);
        if has_template && self.account != AccountId::OidTid {
            return Err("oauth: {tenantid} needs account = \"oid-tid\": sub is no account's id across tenants".into());
        }
        if self.account == AccountId::OidTid && self.jwks_url.is_none() {
            return Err("oauth.account = \"oid-tid\" needs jwks_url: without, no ID token is looked at".into());
        }
        if self.owner_is_account && self.account != AccountId::OidTid {
            return Err("oauth.owner_is_account needs account = \"oid-tid\"".into());
        }
        self.check_client()
    }

    /// Whether the client has what it proves itself with, and nothing else.
    fn check_client(&self) -> Result<(), String> {
        let auth = self.client_auth;
        let (by_secret, by_key) =
            (matches!(auth, ClientAuth::Basic | ClientAuth::Post), auth == ClientAuth::PrivateKeyJwt);
        for (field, source, is_needed) in [
            ("client_secret", &self.client_secret, by_secret),
            ("client_key", &self.client_key, by_key),
            ("client_certificate", &self.client_certificate, by_key),
        ] {
            match (source, is_needed) {
                (Some(_), false) => {
                    return Err(format!("oauth.{field}: a client with client_auth {:?} has none", auth.as_str()));
                }
                (None, true) if by_secret => {
                    return Err(format!("oauth.{field} is missing; a client without one says client_auth = \"none\""));
                }
                (None, true) => return Err(format!("oauth.{field} is missing; private_key_jwt needs it")),
                _ => {}
            }
        }
        Ok(())
    }

    /// Where its secrets are, by the names of their fields.
    pub fn secrets(&self) -> impl Iterator<Item = (&'static str, &SecretSource)> {
        let fields = [
            ("oauth.client_secret", &self.client_secret),
            ("oauth.client_key", &self.client_key),
            ("oauth.client_certificate", &self.client_certificate),
        ];
        fields.into_iter().filter_map(|(field, source)| Some((field, source.as_ref()?)))
    }

    /// Secrets are read from files beside `folder`.
    pub fn resolve(&mut self, folder: &std::path::Path) {
        let sources = [&mut self.client_secret, &mut self.client_key, &mut self.client_certificate];
        sources.into_iter().flatten().for_each(|source| source.resolve(folder));
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::OAuthProvider;

    /// A provider with these lines in its entry.
    pub(in super::super) fn provider(lines: &str) -> OAuthProvider {
        let entry = "authorize_url = 'https://p/authorize'\ntoken_url = 'https://p/token'\nclient_id = 'us'\n\
                     client_secret = { env = 'NONE' }\n";
        toml::from_str(&format!("{entry}{lines}")).unwrap()
    }
}
