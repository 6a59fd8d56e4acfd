//! The suite: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM, base mode, one message a context. Its bytes are
//! enc ‖ ciphertext ‖ tag.

use std::convert::Infallible;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hpke::aead::{AeadTag, AesGcm256};
use hpke::inout::InOutBuf;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::rand_core::{TryCryptoRng, TryRng};
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};
use sealpost_schemas::SealedSecret;
use secrecy::{ExposeSecret, SecretString};
use zeroize::{Zeroize, Zeroizing};

use super::place::Bound;
use crate::seal::Key;

type Secret = <X25519HkdfSha256 as Kem>::PrivateKey;
type Public = <X25519HkdfSha256 as Kem>::PublicKey;
type Enc = <X25519HkdfSha256 as Kem>::EncappedKey;

const KEY_LEN: usize = 32;
const TAG_LEN: usize = 16;

/// How many bytes what is sealed is longer than the secret, before base64.
pub const OVERHEAD: usize = KEY_LEN + TAG_LEN;

/// A private key, wiped when dropped. It cannot be printed or compared.
pub struct PrivateKey(Secret);

/// A public key and the id that it goes by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    id: String,
    key: Public,
}

/// Why nothing was sealed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The operating system gave no randomness.
    #[error("cannot seal: the operating system gives no random bytes ({0})")]
    Randomness(#[from] getrandom::Error),
    /// A key of low order, with which every secret is shared with everybody.
    #[error("cannot seal to this public key: it is of low order")]
    LowOrder,
    /// The rest of the message has no canonical form.
    #[error("cannot seal: {0}")]
    Digest(#[from] super::DigestError),
    /// One secret is sealed already, and another is not.
    #[error(
        "{sealed} is sealed already, and would not open beside {plain}, which is not: seal all of them together, or none"
    )]
    Half {
        /// One that is plain, as a JSON pointer.
        plain: &'static str,
        /// One that is sealed, as a JSON pointer.
        sealed: &'static str,
    },
    /// Something that may be a secret stands where none is sealed.
    #[error(
        "in place of {field} or beside it is something that may be a secret and cannot be sealed: only a text in its own field can"
    )]
    Misplaced {
        /// The secret's place, or that of one beside it, as a JSON pointer.
        field: &'static str,
    },
}

/// Why a sealed secret does not open.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Not base64url without padding.
    #[error("it is not base64url without padding")]
    Base64,
    /// Shorter than the shortest one.
    #[error("it has {len} bytes, and at least {OVERHEAD} are needed")]
    Truncated {
        /// Length in bytes.
        len: usize,
    },
    /// Changed, sealed to another key, or sealed for another place. These cannot be told apart.
    #[error("it was altered, or sealed to another key or for another queue, message, field or content")]
    Mismatch,
    /// It opens, and is empty or not UTF-8.
    #[error("what it holds is not a text, or an empty one")]
    NotText,
    /// The rest of the message has no canonical form.
    #[error("{0}")]
    Digest(#[from] super::DigestError),
}

impl PrivateKey {
    /// The private key that comes of these 32 bytes: `DeriveKeyPair` of RFC 9180 §7.1.3.
    #[must_use]
    pub fn of(key: &Key) -> Self {
        Self(X25519HkdfSha256::derive_keypair(key.bytes()).0)
    }

    /// The public half, under this id.
    #[must_use]
    pub fn public(&self, id: &str) -> PublicKey {
        PublicKey { id: id.to_owned(), key: X25519HkdfSha256::sk_to_pk(&self.0) }
    }

    /// Opens what was sealed for this place.
    pub(super) fn open(&self, bound: &Bound, sealed: &str) -> Result<SecretString, OpenError> {
        let sealed = URL_SAFE_NO_PAD.decode(sealed).map_err(|_| OpenError::Base64)?;
        let truncated = OpenError::Truncated { len: sealed.len() };
        let (enc, rest) = sealed.split_first_chunk::<KEY_LEN>().ok_or(truncated.clone())?;
        let (ciphertext, tag) = rest.split_last_chunk::<TAG_LEN>().ok_or(truncated)?;
        let mut plain = Zeroizing::new(ciphertext.to_vec());
        let enc = Enc::from_bytes(enc).map_err(|_| OpenError::Mismatch)?;
        let tag = AeadTag::<AesGcm256>::from_bytes(tag).map_err(|_| OpenError::Mismatch)?;
        hpke::single_shot_open_inout_detached::<AesGcm256, HkdfSha256, X25519HkdfSha256>(
            &OpModeR::Base,
            &self.0,
            &enc,
            bound.info,
            InOutBuf::from(plain.as_mut_slice()),
            &bound.aad,
            &tag,
        )
        .map_err(|_| OpenError::Mismatch)?;
        match std::str::from_utf8(&plain) {
            Ok(text) if !text.is_empty() => Ok(SecretString::from(text)),
            _ => Err(OpenError::NotText),
        }
    }
}

impl PublicKey {
    /// Takes 32 bytes as an X25519 public key. `None`: it is of low order.
    pub(super) fn from_bytes(id: &str, bytes: &[u8; KEY_LEN]) -> Option<Self> {
        let key = Self { id: id.to_owned(), key: Public::from_bytes(bytes).ok()? };
        // with a key of low order the shared secret is zero, whatever the other half is
        key.encrypt(&Bound { info: b"", aad: Vec::new() }, b"", Given::new([0; KEY_LEN])).is_ok().then_some(key)
    }

    /// The id that it goes by.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The same under another id.
    pub(super) fn named(&self, id: &str) -> Self {
        Self { id: id.to_owned(), key: self.key.clone() }
    }

    pub(super) fn bytes(&self) -> [u8; KEY_LEN] {
        self.key.to_bytes().into()
    }

    /// Seals a secret for this place.
    pub(super) fn seal(&self, bound: &Bound, plain: &SecretString) -> Result<SealedSecret, SealError> {
        let mut random = [0; KEY_LEN];
        getrandom::fill(&mut random)?;
        let given = Given::new(random);
        random.zeroize();
        self.seal_given(bound, plain.expose_secret().as_bytes(), given)
    }

    /// The same from given randomness: outside [`Self::seal`], for vectors only.
    pub(super) fn seal_given(&self, bound: &Bound, plain: &[u8], given: Given) -> Result<SealedSecret, SealError> {
        let sealed = self.encrypt(bound, plain, given).map_err(|_| SealError::LowOrder)?;
        Ok(SealedSecret { sealed: URL_SAFE_NO_PAD.encode(sealed), key: self.id.clone() })
    }

    fn encrypt(&self, bound: &Bound, plain: &[u8], mut given: Given) -> Result<Vec<u8>, hpke::HpkeError> {
        // encrypted in place, in a buffer that never grows: no copy of the secret stays behind
        let mut sealed = Vec::with_capacity(OVERHEAD + plain.len());
        sealed.extend_from_slice(&[0; KEY_LEN]);
        sealed.extend_from_slice(plain);
        let (enc, tag) = hpke::single_shot_seal_inout_detached_with_rng::<AesGcm256, HkdfSha256, X25519HkdfSha256>(
            &OpModeS::Base,
            &self.key,
            bound.info,
            InOutBuf::from(&mut sealed[KEY_LEN..]),
            &bound.aad,
            &mut given,
        )
        .inspect_err(|_| sealed.zeroize())?;
        enc.write_exact(&mut sealed[..KEY_LEN]);
        sealed.extend_from_slice(&tag.to_bytes());
        Ok(sealed)
    }
}

/// Randomness that is at hand, so that the want of it is an error and no panic. It is taken once, as `ikmE` of RFC 9180 §7.1.3.
pub(super) struct Given(Zeroizing<[u8; KEY_LEN]>);

impl Given {
    pub(super) fn new(bytes: [u8; KEY_LEN]) -> Self {
        Self(Zeroizing::new(bytes))
    }
}

impl TryRng for Given {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, room: &mut [u8]) -> Result<(), Infallible> {
        for (to, from) in room.iter_mut().zip(self.0.iter().cycle()) {
            *to = *from;
        }
        Ok(())
    }
}

impl TryCryptoRng for Given {}
