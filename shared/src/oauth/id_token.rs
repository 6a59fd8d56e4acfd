//! ID tokens (`OpenID` Connect Core): whose consent it was that brought the tokens.
//!
//! A token is believed only after its signature, issuer, audience, times and nonce were checked, with keys that were
//! fetched from the address that the provider's entry names. An error says which check failed, and quotes nothing.

mod claims;
mod keys;
mod signature;

#[cfg(test)]
mod fuzz;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::Client;
use secrecy::{ExposeSecret, SecretString};
use tokio::time::sleep;

pub use self::keys::JwksError;
use self::keys::{KeySet, KeySets};
use self::signature::Unsigned;
use super::{AccountId, OAuthProvider};
use crate::clock::Clock;

/// How often newer keys are asked for when the code is spent already, with a pause between.
const TRIES: usize = 3;
const PAUSE: Duration = Duration::from_secs(1);

/// The provider's account that an ID token speaks of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The provider's id of the account: `sub`, or `oid.tid` where the entry says so.
    pub id: String,
    /// Its name, where the token tells one; bounded, for people only.
    pub name: Option<String>,
}

/// The check that an ID token did not pass.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdTokenError {
    /// There is none.
    #[error("there is none, although one was asked for")]
    Missing,
    /// No JWS with claims (RFC 7515), or one with extensions that are not known here.
    #[error("it is no signed JWT that can be read here")]
    Malformed,
    /// `none`, a shared secret, or an algorithm that is not known here.
    #[error("its algorithm is not one of RS, PS or ES with 256 or 384 bits, RS512, PS512 and EdDSA")]
    Algorithm,
    /// Also after a second look.
    #[error("the key that it names is not among the provider's keys")]
    UnknownKey,
    /// It was altered, or signed with another key than it says.
    #[error("its signature is wrong")]
    Signature,
    /// `iss`
    #[error("its issuer (iss) is not the one of the provider's entry")]
    Issuer,
    /// `aud` and `azp`
    #[error("it was made for another client (aud, azp)")]
    Audience,
    /// `exp`
    #[error("it has expired (exp)")]
    Expired,
    /// `iat` and `nbf`
    #[error("it is not valid yet, or does not say when it was issued (iat, nbf)")]
    NotYetValid,
    /// `nonce`
    #[error("its nonce is not that of the request")]
    Nonce,
    /// `sub`
    #[error("its subject (sub) is not 1 to 255 printable ASCII characters")]
    Subject,
    /// `oid` and `tid`
    #[error("it does not name its user and tenant by GUIDs (oid, tid)")]
    Account,
    /// The key's own issuer, where the provider tells one beside its keys.
    #[error("its key signs for another issuer")]
    KeyIssuer,
    /// It could not be checked.
    #[error("it could not be checked: {0}")]
    Keys(#[from] JwksError),
}

/// Checks ID tokens, with keys that are kept for a while.
pub struct IdTokens {
    sets: KeySets,
    clock: Arc<dyn Clock>,
}

impl IdTokens {
    /// Fetches keys with this client, which must follow no redirects.
    #[must_use]
    pub fn new(http: Client, clock: Arc<dyn Clock>) -> Self {
        Self { sets: KeySets::new(http, clock.clone()), clock }
    }

    /// Fetches what a check will need, where the provider's entry says where: to be done before a code is spent.
    ///
    /// # Errors
    /// [`JwksError`] if the keys could not be had.
    pub async fn prepare(&self, provider: &OAuthProvider) -> Result<(), JwksError> {
        match &provider.jwks_url {
            Some(url) => self.sets.get(url, false).await.map(drop),
            None => Ok(()),
        }
    }

    /// Whose tokens came with this ID token; `None` where the provider's entry has no `jwks_url`, or there is no ID token
    /// and need not be one: it must, if the request carried a nonce, the scope `openid` was granted, or the entry keeps
    /// connections for their account's own owner.
    ///
    /// # Errors
    /// [`IdTokenError`] names the check that failed.
    pub async fn account(
        &self,
        provider: &OAuthProvider,
        token: Option<&SecretString>,
        nonce: Option<&SecretString>,
        granted: &[String],
    ) -> Result<Option<Account>, IdTokenError> {
        match token {
            _ if provider.jwks_url.is_none() => Ok(None),
            Some(token) => self.verify(provider, (token, self.clock.now()), nonce).await,
            None => {
                let asked = nonce.is_some() || granted.iter().any(|scope| scope == "openid");
                if asked || provider.owner_is_account { Err(IdTokenError::Missing) } else { Ok(None) }
            }
        }
    }

    /// The same of what came with a refresh at that time: the token carries no nonce that anybody knows, and may be judged
    /// long after it has expired.
    ///
    /// # Errors
    /// [`IdTokenError`] names the check that failed.
    pub async fn account_of_refresh(
        &self,
        provider: &OAuthProvider,
        token: &SecretString,
        came: Timestamp,
    ) -> Result<Option<Account>, IdTokenError> {
        self.verify(provider, (token, came), None).await
    }

    async fn verify(
        &self,
        provider: &OAuthProvider,
        (token, now): (&SecretString, Timestamp),
        nonce: Option<&SecretString>,
    ) -> Result<Option<Account>, IdTokenError> {
        let Some(url) = &provider.jwks_url else { return Ok(None) };
        let set = self.sets.get(url, true).await?;
        match check(provider, token, nonce, (&set, now)) {
            // the provider may have new keys
            Err(IdTokenError::UnknownKey) => {
                let newer = self.newer(url, &set).await?;
                check(provider, token, nonce, (&newer, now)).map(Some)
            }
            checked => checked.map(Some),
        }
    }

    /// One newer set of keys. What it is for is spent, so that this does not give up at the first trouble.
    async fn newer(&self, url: &url::Url, set: &KeySet) -> Result<Arc<KeySet>, JwksError> {
        for _ in 1..TRIES {
            match self.sets.newer_than(url, set).await {
                Ok(newer) => return Ok(newer),
                Err(_) => sleep(PAUSE).await,
            }
        }
        self.sets.newer_than(url, set).await
    }
}

fn check(
    provider: &OAuthProvider,
    token: &SecretString,
    nonce: Option<&SecretString>,
    (set, now): (&KeySet, Timestamp),
) -> Result<Account, IdTokenError> {
    let claims = signature::verified(token.expose_secret(), &set.keys).map_err(|why| match why {
        Unsigned::Malformed => IdTokenError::Malformed,
        Unsigned::Algorithm => IdTokenError::Algorithm,
        Unsigned::UnknownKey => IdTokenError::UnknownKey,
        Unsigned::Wrong => IdTokenError::Signature,
    })?;
    let account = claims::check(&claims, provider, nonce.map(ExposeSecret::expose_secret), now)?;
    if provider.account == AccountId::OidTid && !set.signs(token.expose_secret(), &claims) {
        return Err(IdTokenError::KeyIssuer);
    }
    Ok(account)
}
