//! The cipher alone against the vectors that its specification publishes (<https://c2sp.org/XAES-256-GCM>).

use shake::Shake128;
use shake::digest::{ExtendableOutput, Update, XofReader};

use super::Key;
use super::aead::{FORMAT, NONCE_LEN, open_with, seal_with};

/// Seals, checks that it opens again, and gives ciphertext and tag without our head.
fn xaes(key: [u8; 32], nonce: [u8; NONCE_LEN], plain: &[u8], bound: &[u8]) -> Vec<u8> {
    let key = Key::from_bytes(&key);
    let sealed = seal_with(&key, &nonce, bound, plain).unwrap();
    assert_eq!(open_with(&key, bound, &sealed).unwrap().as_slice(), plain);
    let (head, rest) = sealed.split_at(1 + NONCE_LEN);
    assert_eq!(head, [&[FORMAT], nonce.as_slice()].concat());
    rest.to_vec()
}

#[test]
fn the_cipher_is_xaes_256_gcm_as_published() {
    let nonce = *b"ABCDEFGHIJKLMNOPQRSTUVWX";
    let first = xaes([1; 32], nonce, b"XAES-256-GCM", b"");
    assert_eq!(hex::encode(first), "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271");
    let second = xaes([3; 32], nonce, b"XAES-256-GCM", b"c2sp.org/XAES-256-GCM");
    assert_eq!(hex::encode(second), "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d");
}

#[test]
fn ten_thousand_random_inputs_give_the_published_hash() {
    let mut random = Shake128::default().finalize_xof();
    let mut all = Shake128::default();
    for _ in 0..10_000 {
        let (mut key, mut nonce) = ([0; 32], [0; NONCE_LEN]);
        random.read(&mut key);
        random.read(&mut nonce);
        let plain = short_text(&mut random);
        let bound = short_text(&mut random);
        all.update(&xaes(key, nonce, &plain, &bound));
    }
    let mut hash = [0; 32];
    all.finalize_xof().read(&mut hash);
    assert_eq!(hex::encode(hash), "e6b9edf2df6cec60c8cbd864e2211b597fb69a529160cd040d56c0c210081939");
}

/// `opaque text<0..255>` in the notation of RFC 8446: one byte of length, then as many.
fn short_text(random: &mut impl XofReader) -> Vec<u8> {
    let mut len = [0];
    random.read(&mut len);
    let mut text = vec![0; len[0].into()];
    random.read(&mut text);
    text
}
