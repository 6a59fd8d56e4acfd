//! Sealed secrets and reply keys, spoilt: no secret opens but the one that was sealed, and no key is taken for another.

use sealpost_fuzz::{ITERATIONS, near, near_text};
use sealpost_schemas::{Connection, SealedSecret, Secret};
use secrecy::ExposeSecret;
use serde_json::Value;
use uuid::Uuid;

use super::{PrivateKey, ReplyKey, ReplyPlace, open_reply, rest_digest, seal_reply};
use crate::seal::Key;

#[test]
fn a_sealed_secret_that_is_altered_anywhere_does_not_open() {
    let key = PrivateKey::of(&Key::random().unwrap());
    let connection = r#"{"tenant":"t","user":"u","provider":"p","label":"l"}"#;
    let connection: Connection = serde_json::from_str(connection).unwrap();
    let place = ReplyPlace { request: Uuid::nil(), connection: &connection, field: "/tokens/access_token" };
    let texts = ["x", "hunter2", "Grüße", &"x".repeat(300)];
    let sealed = texts.map(|text| match seal_reply(&key.public("").reply_key(), place, &text.into()).unwrap() {
        Secret::Sealed(sealed) => sealed.sealed,
        Secret::Plain(_) => panic!("it is not sealed"),
    });
    bolero::check!().with_iterations(ITERATIONS).with_generator(near_text(sealed.to_vec())).for_each(|text| {
        let opened = open_reply(&key, place, &SealedSecret { sealed: text.clone(), key: String::new() });
        let expected = sealed.iter().position(|one| one == text).map(|at| texts[at]);
        assert_eq!(opened.ok().as_ref().map(ExposeSecret::expose_secret), expected);
    });
}

#[test]
fn a_spoilt_reply_key_is_refused_or_goes_by_the_thumbprint_of_its_own_x() {
    let key = PrivateKey::of(&Key::random().unwrap()).public("mine");
    let seeds = vec![key.jwk().to_string().into_bytes()];
    bolero::check!().with_iterations(ITERATIONS).with_generator(near(seeds)).for_each(|bytes| {
        let Ok(jwk) = serde_json::from_slice::<Value>(bytes) else { return };
        if let Ok(read) = ReplyKey::of(&jwk) {
            assert_eq!(read.thumbprint() == key.reply_key().thumbprint(), jwk["x"] == key.jwk()["x"]);
        }
    });
}

#[test]
fn a_body_that_was_written_anew_has_the_same_digest() {
    let seeds = vec![
        br#"{"n":[1.50,1e2,-0,9007199254740991,0.1,1e-7,9e15],"e\u0301":"\u20ac\ud83d\ude00\n","a":{"b":null}}"#
            .to_vec(),
    ];
    bolero::check!().with_iterations(ITERATIONS).with_generator(near(seeds)).for_each(|bytes| {
        let Ok(body) = serde_json::from_slice::<Value>(bytes) else { return };
        let again = serde_json::from_str(&serde_json::to_string_pretty(&body).unwrap()).unwrap();
        assert_eq!(rest_digest(body, []), rest_digest(again, []));
    });
}
