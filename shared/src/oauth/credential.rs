//! What our client proves itself with at one provider, read anew for every use, so that a new secret or certificate is taken up
//! without a restart.

use jiff::Timestamp;
use secrecy::SecretString;

use super::certificate::Certified;
use super::{ClientAuth, OAuthProvider};
use crate::config::SecretSource;

/// What our client proves itself with. It does not print.
pub struct Credential(pub(super) Proof);

pub(super) enum Proof {
    Nothing,
    Secret(SecretString),
    Certificate(Box<Certified>),
}

impl Credential {
    /// When its certificate ends, if it has one.
    #[must_use]
    pub fn ends(&self) -> Option<Timestamp> {
        match &self.0 {
            Proof::Certificate(certified) => Some(certified.ends),
            Proof::Nothing | Proof::Secret(_) => None,
        }
    }
}

impl OAuthProvider {
    /// What our client proves itself with, as it is now.
    ///
    /// # Errors
    /// In words that name the field, if its variable or file cannot be read, or key and certificate are no good.
    pub fn credential(&self, now: Timestamp) -> Result<Credential, String> {
        let read = |field: &str, source: &Option<SecretSource>| {
            let source = source.as_ref().ok_or_else(|| format!("oauth.{field} is missing"))?;
            source.read().map_err(|problem| format!("oauth.{field}: {problem}"))
        };
        Ok(Credential(match self.client_auth {
            ClientAuth::None => Proof::Nothing,
            ClientAuth::Basic | ClientAuth::Post => Proof::Secret(read("client_secret", &self.client_secret)?),
            ClientAuth::PrivateKeyJwt => {
                let key = read("client_key", &self.client_key)?;
                let certificate = read("client_certificate", &self.client_certificate)?;
                Proof::Certificate(Box::new(Certified::read(&key, &certificate, now)?))
            }
        }))
    }
}
