//! The signatures of the `jsonwebtoken` crate, by ring, which is here already for TLS: all that it checks, and the one that
//! we make.

use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{ErrorKind, new_error};
use jsonwebtoken::signature::{Error, Signer, Verifier};
use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind};
use ring::rand::SystemRandom;
use ring::signature::{
    self as schemes, RsaKeyPair, RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm,
};

/// The algorithm of what we sign: RSASSA-PSS with SHA-256.
pub(super) const OURS: Algorithm = Algorithm::PS256;

/// Makes the library use it, in the whole process.
pub(super) fn install() {
    let _ = RING.install_default();
}

/// An RSA key of at least 2048 bits, as PKCS#8 or PKCS#1 (DER).
pub(super) fn rsa_key(der: &[u8]) -> Option<RsaKeyPair> {
    RsaKeyPair::from_pkcs8(der).or_else(|_| RsaKeyPair::from_der(der)).ok()
}

static RING: CryptoProvider = CryptoProvider {
    signer_factory: |algorithm, key| match rsa_key(key.as_bytes()) {
        Some(key) if *algorithm == OURS => Ok(Box::new(SignsByRing(key))),
        _ => Err(new_error(ErrorKind::UnsupportedAlgorithm)),
    },
    verifier_factory: |algorithm, key| {
        let how = method(*algorithm).ok_or_else(|| new_error(ErrorKind::UnsupportedAlgorithm))?;
        Ok(Box::new(ByRing { algorithm: *algorithm, how, key: key.clone() }))
    },
    // for making keys' names, which nobody does here
    key_utils: KeyUtils::new_unimplemented(),
};

struct SignsByRing(RsaKeyPair);

impl Signer<Vec<u8>> for SignsByRing {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let mut signature = vec![0; self.0.public().modulus_len()];
        let signed = self.0.sign(&schemes::RSA_PSS_SHA256, &SystemRandom::new(), message, &mut signature);
        signed.map_err(|_| Error::new())?;
        Ok(signature)
    }
}

impl JwtSigner for SignsByRing {
    fn algorithm(&self) -> Algorithm {
        OURS
    }
}

struct ByRing {
    algorithm: Algorithm,
    how: How,
    key: DecodingKey,
}

#[derive(Clone, Copy)]
enum How {
    Rsa(&'static RsaParameters),
    Curve(&'static dyn VerificationAlgorithm),
}

fn method(algorithm: Algorithm) -> Option<How> {
    Some(match algorithm {
        Algorithm::RS256 => How::Rsa(&schemes::RSA_PKCS1_2048_8192_SHA256),
        Algorithm::RS384 => How::Rsa(&schemes::RSA_PKCS1_2048_8192_SHA384),
        Algorithm::RS512 => How::Rsa(&schemes::RSA_PKCS1_2048_8192_SHA512),
        Algorithm::PS256 => How::Rsa(&schemes::RSA_PSS_2048_8192_SHA256),
        Algorithm::PS384 => How::Rsa(&schemes::RSA_PSS_2048_8192_SHA384),
        Algorithm::PS512 => How::Rsa(&schemes::RSA_PSS_2048_8192_SHA512),
        Algorithm::ES256 => How::Curve(&schemes::ECDSA_P256_SHA256_FIXED),
        Algorithm::ES384 => How::Curve(&schemes::ECDSA_P384_SHA384_FIXED),
        Algorithm::EdDSA => How::Curve(&schemes::ED25519),
        _ => return None,
    })
}

impl Verifier<Vec<u8>> for ByRing {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), Error> {
        let checked = match (self.how, self.key.kind()) {
            (How::Rsa(parameters), DecodingKeyKind::RsaModulusExponent { n, e }) => {
                // RFC 7518 §6.3.1.1: no leading zeros, which some write all the same
                let n: Vec<u8> = n.iter().copied().skip_while(|byte| *byte == 0).collect();
                RsaPublicKeyComponents { n: &n, e }.verify(parameters, message, signature)
            }
            (How::Curve(curve), DecodingKeyKind::SecretOrDer(key)) => {
                UnparsedPublicKey::new(curve, key).verify(message, signature)
            }
            _ => return Err(Error::new()),
        };
        checked.map_err(|_| Error::new())
    }
}

impl JwtVerifier for ByRing {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}
