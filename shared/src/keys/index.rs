//! The key that hides names: what is looked up by name lies in the store under a keyed hash of it.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// Block length of SHA-256 in bytes, to which HMAC pads a shorter key with zeros (RFC 2104).
const BLOCK: usize = 64;

/// A 256-bit key for HMAC-SHA-256. Wiped when dropped; it cannot be printed, cloned or compared.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct IndexKey {
    // Boxed, so that moving a key moves a pointer and leaves no copy behind.
    bytes: Box<[u8; IndexKey::LEN]>,
}

impl IndexKey {
    /// Length of an index key in bytes.
    pub const LEN: usize = 32;

    /// Takes a key over. The caller wipes its own copy (`zeroize::Zeroizing`).
    #[must_use]
    pub fn from_bytes(bytes: &[u8; Self::LEN]) -> Self {
        let mut key = Self { bytes: Box::new([0; Self::LEN]) };
        key.bytes.copy_from_slice(bytes); // straight into the box, not through the stack
        key
    }

    /// A new key from the operating system's randomness; fails only where the system has none to give.
    pub fn random() -> Result<Self, getrandom::Error> {
        let mut key = Self { bytes: Box::new([0; Self::LEN]) };
        getrandom::fill(key.bytes.as_mut_slice())?;
        Ok(key)
    }

    pub(super) fn bytes(&self) -> &[u8; Self::LEN] {
        &self.bytes
    }

    /// The keyed hash of `parts` in `domain`: HMAC-SHA-256 over domain and parts, each after its length in bytes as
    /// 64 bits big-endian. So `["ab", "c"]` and `["a", "bc"]` differ, and so do equal parts in two domains.
    #[must_use]
    pub fn hash(&self, domain: &str, parts: &[&[u8]]) -> [u8; 32] {
        let mut padded = Zeroizing::new([0; BLOCK]);
        padded[..Self::LEN].copy_from_slice(self.bytes.as_slice());
        let mut mac = Hmac::<Sha256>::new((&*padded).into());
        for part in std::iter::once(&domain.as_bytes()).chain(parts) {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }

    /// 16 hex digits that tell this key from another and say nothing about it. A store remembers them, so that a
    /// process with the wrong index key stops at the start instead of finding nothing.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        hex::encode(&self.hash("sealpost index key fingerprint", &[])[..8])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> IndexKey {
        IndexKey::from_bytes(&[0x0b; 32])
    }

    #[test]
    fn the_hash_is_hmac_sha_256_over_length_prefixed_parts() {
        // Python: hmac.new(b"\x0b"*32, (1).to_bytes(8,"big")+b"d"+(2).to_bytes(8,"big")+b"ab", "sha256").hexdigest()
        let expected = "010fef1411b8d4afbd0feac60692121184982b00934f860b5c08f279fea819a0";
        assert_eq!(hex::encode(key().hash("d", &[b"ab"])), expected);
    }

    #[test]
    fn parts_cannot_run_into_each_other() {
        let hashes = [
            key().hash("d", &[b"ab", b"c"]),
            key().hash("d", &[b"a", b"bc"]),
            key().hash("d", &[b"abc"]),
            key().hash("d", &[b"abc", b""]),
            key().hash("da", &[b"bc"]),
            key().hash("", &[b"d", b"abc"]),
        ];
        for (i, one) in hashes.iter().enumerate() {
            assert!(hashes[i + 1..].iter().all(|other| other != one), "hash {i} is not alone");
        }
    }

    #[test]
    fn another_key_gives_another_hash_and_fingerprint() {
        let other = IndexKey::from_bytes(&[0x0c; 32]);
        assert_ne!(key().hash("d", &[b"x"]), other.hash("d", &[b"x"]));
        assert_ne!(key().fingerprint(), other.fingerprint());
        assert_eq!(key().fingerprint(), key().fingerprint());
        assert_eq!(key().fingerprint().len(), 16);
    }
}
