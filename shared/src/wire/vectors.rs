//! The known-answer vectors of `schemas/vectors/wire.json`, those of RFC 9180, and what an implementation of somebody else's made.

mod made;
mod vector;

use std::fs;

use secrecy::ExposeSecret;

use self::made::made;
use self::vector::{Vector, bytes, private};
use super::PublicKey;
use super::place::Bound;
use super::suite::Given;
use crate::known_answers::{assert_made, assert_once, committed};

const FILE: &str = "wire.json";

#[test]
fn the_committed_vectors_are_what_the_code_makes() {
    let about =
        "Known answers for wire.md. Made by the code; ikm, aad and plain in hex; every vector must give its result.";
    assert_made(FILE, about, &made());
}

#[test]
fn every_committed_vector_gives_its_result() {
    for vector in committed::<Vector>(FILE) {
        let (result, plain) = vector.opened();
        let expected = (vector.result.as_str(), vector.plain.filter(|_| vector.result == "opens"));
        assert_eq!((result, plain), expected, "{}", vector.name);
    }
}

#[test]
fn no_name_is_there_twice() {
    assert_once(committed::<Vector>(FILE).iter().map(|vector| &vector.name));
}

#[test]
fn keys_and_enc_are_those_of_rfc_9180() {
    // of its test vectors, mode 0, KEM 0x0020, KDF 0x0001, AEAD 0x0002
    let (info, ikm) = (
        "4f6465206f6e2061204772656369616e2055726e",
        "dac33b0e9db1b59dbbea58d59a14e7b5896e9bdf98fad6891e99d1686492b9ee",
    );
    let ikm_e = "2cd7c601cefb3d42a62b04b7a9041494c06c7843818e0ce28a8f704ae7ab20f9";
    let key = private(ikm).public("k");
    assert_eq!(hex::encode(key.bytes()), "430f4b9859665145a6b1ba274024487bd66f03a2dd577d7753c68d7d7d00c00c");
    let info: &'static [u8] = Vec::leak(hex::decode(info).unwrap());
    let bound = Bound { info, aad: b"Count-0".to_vec() };
    let given = Given::new(hex::decode(ikm_e).unwrap().try_into().unwrap());
    let sealed = key.seal_given(&bound, b"Beauty is truth, truth beauty", given).unwrap();
    assert_eq!(private(ikm).open(&bound, &sealed.sealed).unwrap().expose_secret(), "Beauty is truth, truth beauty");
    let sealed = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, sealed.sealed).unwrap();
    let (enc, ciphertext) = sealed.split_at(32);
    assert_eq!(hex::encode(enc), "6c93e09869df3402d7bf231bf540fadd35cd56be14f97178f0954db94b7fc256");
    // as pyhpke 0.6.5 makes it
    assert_eq!(
        hex::encode(ciphertext),
        "e5d84cd531cfb583096e7cfa9641bd3079cf3a91cda813c52deb5f512be9931980a41de125a925cdad859d5b7a"
    );
}

#[test]
fn a_public_key_of_the_committed_vectors_is_what_their_page_shows() {
    let shown = PublicKey::jwk(&private(&hex::encode(bytes("key"))).public("4387e9f3d6e14c459867679a90fd0f79"));
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../schemas/wire.md")).unwrap();
    assert!(page.contains(shown["x"].as_str().unwrap()), "{shown}");
}
