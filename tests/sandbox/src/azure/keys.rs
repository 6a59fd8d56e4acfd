//! RSA keys, which Microsoft's tokens are signed with, and the certificate of a client that proves itself with one.

use std::error::Error;

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use getrandom::SysRng;
use rcgen::{CertificateParams, DnType, KeyPair, PKCS_RSA_SHA256};
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use rsa::PrivateKey;
use rsa::pkcs8::EncodePrivateKey;
use rustls::pki_types::PrivatePkcs8KeyDer;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::jwt;

/// What may go wrong in the making of keys; text, so that it can cross threads.
type Made<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Length of a modulus, in bits, as Microsoft's.
const BITS: usize = 2048;

/// A key for RS256 (RFC 7518 §3.3).
pub(crate) struct Key {
    name: String,
    pair: RsaKeyPair,
}

/// A certificate and its key, each as PEM.
pub(crate) struct Certified {
    pub(crate) certificate_pem: String,
    pub(crate) key_pem: String,
    pub(crate) certificate_der: Vec<u8>,
}

impl Key {
    /// Takes a quarter of a second of a processor.
    pub(crate) fn new() -> Made<Self> {
        let pkcs8 = PrivateKey::new(&mut SysRng, BITS)?.to_pkcs8_der()?;
        let pair = RsaKeyPair::from_pkcs8(pkcs8.as_bytes()).map_err(|error| error.to_string())?;
        Ok(Self { name: Uuid::new_v4().simple().to_string(), pair })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// As a JWK (RFC 7517): like Microsoft's it names no `alg`.
    pub(crate) fn public(&self) -> Value {
        let PublicKeyComponents::<Vec<u8>> { n, e } = self.pair.public().into();
        let encode = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        json!({"kty": "RSA", "use": "sig", "kid": self.name, "x5t": self.name, "n": encode(&n), "e": encode(&e)})
    }

    /// As DER (`RSAPublicKey` of RFC 8017).
    pub(crate) fn public_der(&self) -> &[u8] {
        self.pair.public_key().as_ref()
    }

    /// A signed token with these claims.
    pub(crate) fn sign(&self, claims: &Map<String, Value>) -> Result<String, ring::error::Unspecified> {
        let text = jwt::unsigned(&json!({"typ": "JWT", "alg": "RS256", "kid": self.name}), claims);
        let mut signature = vec![0; self.pair.public().modulus_len()];
        self.pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature)?;
        Ok(format!("{text}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature)))
    }
}

impl Certified {
    /// One that signs itself, as most that are uploaded to a tenant.
    pub(crate) fn new(name: &str) -> Made<Self> {
        let pkcs8 = PrivateKey::new(&mut SysRng, BITS)?.to_pkcs8_der()?;
        let key = PrivatePkcs8KeyDer::from(pkcs8.as_bytes());
        let key = KeyPair::from_pkcs8_der_and_sign_algo(&key, &PKCS_RSA_SHA256)?;
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        let certificate = params.self_signed(&key)?;
        let certificate_der = certificate.der().to_vec();
        Ok(Self { certificate_pem: certificate.pem(), key_pem: key.serialize_pem(), certificate_der })
    }
}
