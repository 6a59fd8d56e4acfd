//! A client that proves itself with a certificate's key: `private_key_jwt` (RFC 7523 §2.2), as the Microsoft identity platform
//! wants it (its page "Certificate credentials").

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use jiff::Timestamp;
use jsonwebtoken::{EncodingKey, Header, encode};
use ring::signature::KeyPair;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use sha2::{Digest, Sha256};
use url::Url;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::by_ring;
use crate::ids;

/// How long an assertion is good, in seconds: the longest that the platform's page recommends, for clocks that differ.
const LIFE: i64 = 600;

/// A key, and the certificate that the provider knows it by.
pub(super) struct Certified {
    key: EncodingKey,
    /// `x5t#S256` of RFC 7515 §4.1.8.
    thumbprint: String,
    /// When the certificate ends.
    pub(super) ends: Timestamp,
}

impl Certified {
    /// Reads both from PEM; each is the first of its kind in its text, so that both may be in one file.
    ///
    /// # Errors
    /// In words that name the field and quote nothing.
    pub(super) fn read(key: &SecretString, certificate: &SecretString, now: Timestamp) -> Result<Self, String> {
        let pem = key.expose_secret();
        let der = PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| {
            let why = if pem.contains("ENCRYPTED") { "it is encrypted" } else { "it has no private key as PEM" };
            format!("oauth.client_key: {why}; an RSA key is needed, unencrypted, as PKCS#8 or PKCS#1 PEM")
        })?;
        let pair = by_ring::rsa_key(der.secret_der());
        let pair = pair.ok_or("oauth.client_key: it is no RSA key of 2048 bits or more")?;
        let unreadable = "oauth.client_certificate: it is no X.509 certificate as PEM";
        let der_of_certificate =
            CertificateDer::from_pem_slice(certificate.expose_secret().as_bytes()).map_err(|_| unreadable)?;
        let (_, parsed) = X509Certificate::from_der(&der_of_certificate).map_err(|_| unreadable)?;
        if *parsed.public_key().subject_public_key.data != *pair.public_key().as_ref() {
            return Err("oauth.client_certificate: it is not of client_key: their public keys differ".into());
        }
        let time = |seconds| Timestamp::from_second(seconds).map_err(|_| unreadable);
        let validity = parsed.validity();
        let (begins, ends) = (time(validity.not_before.timestamp())?, time(validity.not_after.timestamp())?);
        if ends < now {
            return Err(format!("oauth.client_certificate: it expired at {ends}; register a new one at the provider"));
        }
        if begins > now {
            return Err(format!("oauth.client_certificate: it is not valid before {begins}"));
        }
        let thumbprint = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(&der_of_certificate));
        Ok(Self { key: EncodingKey::from_rsa_der(der.secret_der()), thumbprint, ends })
    }

    /// A new assertion for the authorization server with this token endpoint (RFC 7523 §3), good once and for minutes.
    pub(super) fn assertion(&self, client_id: &str, token_url: &Url, now: Timestamp) -> Option<SecretString> {
        by_ring::install();
        let header = Header { x5t_s256: Some(self.thumbprint.clone()), ..Header::new(by_ring::OURS) };
        let at = now.as_second();
        let claims = json!({
            "aud": token_url, "iss": client_id, "sub": client_id, "jti": ids::fresh(), "iat": at, "nbf": at,
            "exp": at + LIFE,
        });
        encode(&header, &claims, &self.key).ok().map(Into::into)
    }
}

#[cfg(test)]
mod tests;
