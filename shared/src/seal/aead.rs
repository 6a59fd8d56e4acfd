//! The sealed bytes: format ‖ nonce ‖ ciphertext ‖ tag.

use xaes_256_gcm::aead::{AeadInOut, KeyInit};
use xaes_256_gcm::{Nonce, P_MAX, Xaes256Gcm};
use zeroize::Zeroizing;

use super::key::{Key, KeyRef};
use super::place::{Place, associated_data};

/// The first byte of a sealed value.
pub(super) const FORMAT: u8 = 0x01;
pub(super) const NONCE_LEN: usize = 24;
const TAG_LEN: usize = 16;
const HEAD: usize = 1 + NONCE_LEN;

/// How many bytes a sealed value is longer than what it seals.
pub const OVERHEAD: usize = HEAD + TAG_LEN;

/// Why nothing was sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The operating system gave no randomness for the nonce.
    #[error("cannot seal: the operating system gives no random bytes ({0})")]
    Randomness(#[from] getrandom::Error),
    /// Longer than the cipher allows, close to 64 GiB.
    #[error("cannot seal {len} bytes: the cipher takes at most {P_MAX} at once")]
    TooLong {
        /// Length of what was to be sealed, in bytes.
        len: usize,
    },
}

/// Why a sealed value does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Made by a newer Sealpost, or not a sealed value at all.
    #[error("cannot open: sealed in format {0}, this program knows format {FORMAT} only; is it older than the writer?")]
    UnknownFormat(u8),
    /// Shorter than the shortest sealed value.
    #[error("cannot open: {len} bytes are too few for a sealed value, which has at least {OVERHEAD}")]
    Truncated {
        /// Length in bytes.
        len: usize,
    },
    /// Changed, cut short, sealed with another key, or sealed for another place. These cannot be told apart.
    #[error("cannot open: the bytes were changed, or sealed with another key or for another record or purpose")]
    TagMismatch,
}

/// Seals `plain` for `place` with `key`, under a nonce of the operating system's randomness.
///
/// `name` must be the name `key` was found under: it is bound in, and the value opens only under the same.
pub fn seal(key: &Key, name: &KeyRef, place: &Place, plain: &[u8]) -> Result<Vec<u8>, SealError> {
    let mut nonce = [0; NONCE_LEN];
    getrandom::fill(&mut nonce)?;
    seal_with(key, &nonce, &associated_data(place.purpose.wire_name(), &place.record, name), plain)
}

/// Opens what [`seal`] made for the same key, name and place. The plaintext is wiped when dropped.
pub fn open(key: &Key, name: &KeyRef, place: &Place, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    open_with(key, &associated_data(place.purpose.wire_name(), &place.record, name), sealed)
}

/// Seals under a given nonce. A nonce used twice gives the plaintexts away: outside [`seal`], for vectors only.
pub(super) fn seal_with(key: &Key, nonce: &[u8; NONCE_LEN], bound: &[u8], plain: &[u8]) -> Result<Vec<u8>, SealError> {
    let too_long = SealError::TooLong { len: plain.len() };
    if plain.len() as u64 > P_MAX {
        return Err(too_long); // before the plaintext is copied
    }
    // Encrypted in place, in a buffer that never grows: no copy of the plaintext stays behind.
    let mut sealed = Vec::with_capacity(OVERHEAD + plain.len());
    sealed.push(FORMAT);
    sealed.extend_from_slice(nonce);
    sealed.extend_from_slice(plain);
    let tag = Xaes256Gcm::new(key.bytes().into())
        .encrypt_inout_detached(&Nonce::from(*nonce), bound, (&mut sealed[HEAD..]).into())
        .map_err(|_| too_long)?; // length is all the cipher refuses
    sealed.extend_from_slice(&tag);
    Ok(sealed)
}

pub(super) fn open_with(key: &Key, bound: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let truncated = OpenError::Truncated { len: sealed.len() };
    let (format, rest) = sealed.split_first().ok_or(truncated)?;
    if *format != FORMAT {
        return Err(OpenError::UnknownFormat(*format));
    }
    let (nonce, rest) = rest.split_first_chunk::<NONCE_LEN>().ok_or(truncated)?;
    let (ciphertext, tag) = rest.split_last_chunk::<TAG_LEN>().ok_or(truncated)?;
    let mut plain = Zeroizing::new(ciphertext.to_vec());
    Xaes256Gcm::new(key.bytes().into())
        .decrypt_inout_detached(&Nonce::from(*nonce), bound, plain.as_mut_slice().into(), &(*tag).into())
        .map_err(|_| OpenError::TagMismatch)?;
    Ok(plain)
}

#[cfg(test)]
mod fuzz;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::{Purpose, RecordKey};

    fn place(record: u8) -> Place {
        Place { purpose: Purpose::Record, record: RecordKey::from_bytes([record; 32]) }
    }

    fn name(version: &str) -> KeyRef {
        KeyRef { id: "records".parse().unwrap(), version: version.parse().unwrap() }
    }

    #[test]
    fn what_was_sealed_opens_in_its_place_and_in_no_other() {
        let key = Key::random().unwrap();
        for len in [0, 1, 15, 16, 17, 4096] {
            let plain = vec![0xa5; len];
            let sealed = seal(&key, &name("v1"), &place(1), &plain).unwrap();
            assert_eq!(sealed.len(), len + OVERHEAD);
            assert_eq!(*open(&key, &name("v1"), &place(1), &sealed).unwrap(), plain);
            assert_eq!(open(&key, &name("v1"), &place(2), &sealed), Err(OpenError::TagMismatch));
            assert_eq!(open(&key, &name("v2"), &place(1), &sealed), Err(OpenError::TagMismatch));
            let other = Key::random().unwrap();
            assert_eq!(open(&other, &name("v1"), &place(1), &sealed), Err(OpenError::TagMismatch));
        }
    }

    #[test]
    fn a_flipped_bit_does_not_open() {
        let key = Key::random().unwrap();
        let sealed = seal(&key, &name("v1"), &place(1), b"token").unwrap();
        for bit in 0..sealed.len() * 8 {
            let mut flipped = sealed.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let expected = if bit < 8 { OpenError::UnknownFormat(flipped[0]) } else { OpenError::TagMismatch };
            assert_eq!(open(&key, &name("v1"), &place(1), &flipped), Err(expected), "bit {bit}");
        }
    }

    #[test]
    fn a_shortened_one_does_not_open() {
        let key = Key::random().unwrap();
        let sealed = seal(&key, &name("v1"), &place(1), b"token").unwrap();
        for len in 0..sealed.len() {
            let expected = if len < OVERHEAD { OpenError::Truncated { len } } else { OpenError::TagMismatch };
            assert_eq!(open(&key, &name("v1"), &place(1), &sealed[..len]), Err(expected));
        }
    }

    #[test]
    fn no_nonce_comes_twice() {
        let key = Key::random().unwrap();
        let seal = || seal(&key, &name("v1"), &place(1), b"").unwrap()[1..HEAD].to_vec();
        let nonces: std::collections::BTreeSet<_> = (0..1000).map(|_| seal()).collect();
        assert_eq!(nonces.len(), 1000);
    }

    #[test]
    fn sealing_does_not_leave_the_plaintext_in_the_result() {
        let sealed = seal(&Key::random().unwrap(), &name("v1"), &place(1), b"canary-canary").unwrap();
        assert!(!sealed.windows(6).any(|part| part == b"canary"));
    }
}
