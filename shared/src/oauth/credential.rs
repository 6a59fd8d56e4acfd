//! What our client proves itself with at one provider, read anew for every use, so that a new secret or certificate is taken up
//! without a restart.

use jiff::Timestamp;
use sealpost_schemas::Code;
use secrecy::SecretString;

use super::certificate::Certified;
use super::{ClientAuth, OAuthProvider};
use crate::config::SecretSource;
use crate::failure::Failure;
use crate::seal::{KeyId, KeyVersion};
use crate::secrets::Secrets;

/// What our client proves itself with. It does not print.
pub struct Credential {
    pub(super) proof: Proof,
    /// What of it came from a vault.
    of_vault: Vec<(KeyId, KeyVersion)>,
    /// What read it.
    secrets: Secrets,
}

pub(super) enum Proof {
    Nothing,
    Secret(SecretString),
    Certificate(Box<Certified>),
}

impl Credential {
    /// When its certificate ends, if it has one.
    #[must_use]
    pub fn ends(&self) -> Option<Timestamp> {
        match &self.proof {
            Proof::Certificate(certified) => Some(certified.ends),
            Proof::Nothing | Proof::Secret(_) => None,
        }
    }

    /// What takes its place, if the vault has something newer than what the provider just refused.
    pub(super) async fn renewed(&self, provider: &OAuthProvider, now: Timestamp) -> Option<Self> {
        if self.of_vault.is_empty() {
            return None;
        }
        self.of_vault.iter().for_each(|version| self.secrets.doubt(version));
        let read = provider.credential(&self.secrets, now).await.ok()?;
        (read.of_vault != self.of_vault).then_some(read)
    }
}

#[cfg(test)]
impl From<Proof> for Credential {
    fn from(proof: Proof) -> Self {
        Self { proof, of_vault: Vec::new(), secrets: Secrets::default() }
    }
}

impl OAuthProvider {
    /// What our client proves itself with, as it is now.
    ///
    /// # Errors
    /// A failure of who needs it; its message names the field, if its variable, file or vault cannot be read, or key and
    /// certificate are no good.
    pub async fn credential(&self, secrets: &Secrets, now: Timestamp) -> Result<Credential, Failure> {
        let mut of_vault = Vec::new();
        let mut read = async |field: &str, source: &Option<SecretSource>| -> Result<SecretString, Failure> {
            let missing = || Failure::retry(Code::InvalidClient, format!("oauth.{field} is missing"));
            let read = secrets.read(source.as_ref().ok_or_else(missing)?).await;
            let read = read.map_err(|error| error.of_client(&format!("oauth.{field}")))?;
            of_vault.extend(read.version);
            Ok(read.text)
        };
        let proof = match self.client_auth {
            ClientAuth::None => Proof::Nothing,
            ClientAuth::Basic | ClientAuth::Post => Proof::Secret(read("client_secret", &self.client_secret).await?),
            ClientAuth::PrivateKeyJwt => {
                let key = read("client_key", &self.client_key).await?;
                let certificate = read("client_certificate", &self.client_certificate).await?;
                let certified = Certified::read(&key, &certificate, now);
                Proof::Certificate(Box::new(certified.map_err(|why| Failure::retry(Code::InvalidClient, why))?))
            }
        };
        Ok(Credential { proof, of_vault, secrets: secrets.clone() })
    }
}
