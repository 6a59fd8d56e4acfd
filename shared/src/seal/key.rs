//! The key that seals, and the name it is found under.

use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::{KeyId, KeyVersion};

/// A 256-bit sealing key. Wiped when dropped; it cannot be printed, cloned or compared.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Key {
    // Boxed, so that moving a key moves a pointer and leaves no copy behind.
    bytes: Box<[u8; Key::LEN]>,
}

impl Key {
    /// Length of a key in bytes.
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

    /// The bytes, for the cipher and for the keyring file.
    pub(crate) fn bytes(&self) -> &[u8; Self::LEN] {
        &self.bytes
    }
}

/// Which key something is sealed with: the name and the concrete version, as stored beside the ciphertext.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct KeyRef {
    /// Name of the key.
    pub id: KeyId,
    /// Concrete version, never "latest".
    pub version: KeyVersion,
}

impl fmt::Display for KeyRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "key {}, version {}", self.id, self.version)
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::{Debug, Display};
    use std::marker::PhantomData;

    use super::*;

    /// Says whether a type has a trait: an inherent constant wins over the trait's where its bound holds.
    struct Probe<T>(PhantomData<T>);
    trait Absent {
        const DEBUG: bool = false;
        const DISPLAY: bool = false;
        const CLONE: bool = false;
    }
    impl<T> Absent for Probe<T> {}
    impl<T: Debug> Probe<T> {
        const DEBUG: bool = true;
    }
    impl<T: Display> Probe<T> {
        const DISPLAY: bool = true;
    }
    impl<T: Clone> Probe<T> {
        const CLONE: bool = true;
    }

    #[test]
    fn a_key_cannot_be_printed_or_cloned() {
        let shown = [Probe::<Key>::DEBUG, Probe::<Key>::DISPLAY, Probe::<Key>::CLONE];
        assert_eq!(shown, [false; 3]);
        let of_a_name = [Probe::<KeyId>::DEBUG, Probe::<KeyId>::DISPLAY, Probe::<KeyId>::CLONE];
        assert_eq!(of_a_name, [true; 3], "the probe sees the traits that are there");
    }

    #[test]
    fn a_key_is_wiped_when_dropped() {
        fn wiped<T: ZeroizeOnDrop>() {}
        wiped::<Key>();
        let mut key = Key::from_bytes(&[7; Key::LEN]);
        key.zeroize();
        assert_eq!(key.bytes(), &[0; Key::LEN]);
    }

    #[test]
    fn two_random_keys_differ() {
        let (one, two) = (Key::random().unwrap(), Key::random().unwrap());
        assert_ne!(one.bytes(), two.bytes());
        assert_ne!(one.bytes(), &[0; Key::LEN]);
    }
}
