//! The sealed part of a record: whose it is, and the tokens.

use sealpost_schemas::{Code, Connection, Name, ProviderId};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::fields::read_hash;
use crate::failure::Failure;
use crate::seal::{OpenError, SealError};
use crate::wiped;

/// What is inside a record's ciphertext.
#[derive(Clone, Debug)]
pub struct Content {
    /// Whose record it is.
    pub connection: Connection,
    /// The provider's account, where the provider tells.
    pub subject: Option<Subject>,
    /// The tokens; none where they rest with the user.
    pub tokens: TokenSet,
    /// What is known of tokens that rest with the user.
    pub device: Device,
}

/// What a record knows of tokens that rest with the user, beside what is in clear. No token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Device {
    /// The public key (JWK, as JSON) that the client gave at the exchange.
    pub reply_key: Option<String>,
    /// Keyed hashes of the access tokens that the connection had and, last, has.
    pub access: Vec<[u8; 32]>,
}

/// The provider's account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// The provider's id of the account.
    pub id: String,
    /// Its name, where the provider tells one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether its consent replaced another account.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub replaced: bool,
}

/// What a provider gave at one time. Its `Debug` prints no token.
#[derive(Clone, Debug, Default)]
pub struct TokenSet {
    /// The access token; none where the provider's entry says not to keep it.
    pub access_token: Option<SecretString>,
    /// The refresh token, where the provider gives one.
    pub refresh_token: Option<SecretString>,
    /// The type of the access token, as the provider writes it.
    pub token_type: Option<String>,
    /// The ID token that came with a refresh, until it is judged: no token is used before. It outlives the process that
    /// was to judge it.
    pub id_token: Option<SecretString>,
}

/// Why the sealed part was not made or not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContentError {
    /// It was not sealed.
    #[error(transparent)]
    Sealing(#[from] SealError),
    /// It does not open.
    #[error(transparent)]
    Opening(#[from] OpenError),
    /// It opens, so the key's holder made it, and is not what this version knows.
    #[error("the sealed part opens but cannot be read: was it written by a newer Sealpost? then run that one here")]
    Form,
}

impl ContentError {
    /// The failure code of results, metrics and events.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::Opening(OpenError::TagMismatch | OpenError::Truncated { .. }) => Code::Quarantined,
            Self::Opening(OpenError::UnknownFormat(_)) | Self::Form => Code::RecordUnreadable,
            Self::Sealing(_) => Code::StoreUnavailable,
        }
    }
}

/// What was altered stays so; what a newer version wrote, a newer worker can read.
impl From<ContentError> for Failure {
    fn from(error: ContentError) -> Self {
        match error.code() {
            code @ Code::Quarantined => Self::reject(code, error.to_string()),
            code => Self::retry(code, error.to_string()),
        }
    }
}

/// The content as MessagePack has it, borrowed, so that a token is copied only into memory that is wiped. Fields that it
/// does not know are ignored.
#[derive(Serialize, Deserialize)]
struct Form<'a> {
    tenant: Name,
    user: Name,
    provider: ProviderId,
    label: Name,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    subject: Option<Subject>,
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    access_token: Option<&'a str>,
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    refresh_token: Option<&'a str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    token_type: Option<String>,
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    id_token: Option<&'a str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reply_key: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    access_hashes: Vec<String>,
}

impl Content {
    /// The same where the tokens rest with the user.
    pub(super) fn without_tokens(&self) -> Self {
        Self { tokens: TokenSet::default(), ..self.clone() }
    }

    /// As MessagePack, in memory that is wiped and never grew.
    pub(super) fn to_bytes(&self) -> Result<Zeroizing<Vec<u8>>, ContentError> {
        let connection = self.connection.clone();
        let form = Form {
            tenant: connection.tenant,
            user: connection.user,
            provider: connection.provider,
            label: connection.label,
            subject: self.subject.clone(),
            access_token: self.tokens.access_token.as_ref().map(ExposeSecret::expose_secret),
            refresh_token: self.tokens.refresh_token.as_ref().map(ExposeSecret::expose_secret),
            token_type: self.tokens.token_type.clone(),
            id_token: self.tokens.id_token.as_ref().map(ExposeSecret::expose_secret),
            reply_key: self.device.reply_key.clone(),
            access_hashes: self.device.access.iter().map(hex::encode).collect(),
        };
        wiped::to_bytes(&form).map_err(|_| ContentError::Form)
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self, ContentError> {
        let form: Form<'_> = rmp_serde::from_slice(bytes).map_err(|_| ContentError::Form)?;
        let access = form.access_hashes.iter().map(|text| read_hash(text)).collect::<Option<_>>();
        Ok(Self {
            connection: Connection { tenant: form.tenant, user: form.user, provider: form.provider, label: form.label },
            subject: form.subject,
            tokens: TokenSet {
                access_token: form.access_token.map(SecretString::from),
                refresh_token: form.refresh_token.map(SecretString::from),
                token_type: form.token_type,
                id_token: form.id_token.map(SecretString::from),
            },
            device: Device { reply_key: form.reply_key, access: access.ok_or(ContentError::Form)? },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(token: &str) -> Content {
        let name = |text| Name::new(text).unwrap();
        let provider = ProviderId::new("gitea").unwrap();
        Content {
            connection: Connection { tenant: name("acme"), user: name("u-42"), provider, label: name("default") },
            subject: None,
            tokens: TokenSet { access_token: Some(token.into()), ..TokenSet::default() },
            device: Device::default(),
        }
    }

    #[test]
    fn the_plain_bytes_are_made_without_growing() {
        // Growing would leave a copy of the token behind, in memory that nobody wipes.
        for length in [1, 40, 300, 70_000] {
            let bytes = content(&"x".repeat(length)).to_bytes().unwrap();
            assert_eq!(bytes.capacity(), bytes.len());
        }
    }

    #[test]
    fn a_field_of_a_newer_version_is_passed_over() {
        let mut map: std::collections::BTreeMap<String, serde_json::Value> =
            rmp_serde::from_slice(&content("t").to_bytes().unwrap()).unwrap();
        map.insert("colour".into(), "blue".into());
        let read = Content::from_bytes(&rmp_serde::to_vec_named(&map).unwrap()).unwrap();
        assert_eq!(read.tokens.access_token.unwrap().expose_secret(), "t");
        map.remove("tenant");
        assert_eq!(Content::from_bytes(&rmp_serde::to_vec_named(&map).unwrap()).unwrap_err(), ContentError::Form);
    }
}
