//! The known-answer vectors of `schemas/vectors/wire.json`, those of RFC 9180, and what an implementation of somebody else's made.
//!
//! After a wanted change: `SEALPOST_WRITE_VECTORS=1 cargo test -p sealpost-shared the_committed_vectors`.

use std::collections::BTreeSet;
use std::{env, fs};

use sealpost_schemas::{Connection, ExchangeRequest, PublishJob, Queued, SealedSecret};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::place::Bound;
use super::suite::Given;
use super::{OpenError, PrivateKey, PublicKey, ReplyPlace, RequestPlace, rest_digest};
use crate::seal::Key;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../schemas/vectors/wire.json");

/// Where secrets stand in the messages of a queue: the table of `schemas/wire.md`.
fn fields(queue: &str) -> &'static [&'static str] {
    let of = [(ExchangeRequest::QUEUE, ExchangeRequest::SECRETS), (PublishJob::QUEUE, PublishJob::SECRETS)];
    of.into_iter().find(|(name, _)| *name == queue).unwrap().1
}

#[derive(Serialize, Deserialize)]
struct File {
    about: String,
    vectors: Vec<Vector>,
}

/// What a reader is given, and what must come of it. `ikm`, `aad` and `plain` are in hex, `body` and `reply` as they travel.
#[derive(Clone, Serialize, Deserialize)]
struct Vector {
    name: String,
    ikm: String,
    kid: String,
    #[serde(flatten)]
    of: Of,
    field: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    aad: Option<String>,
    result: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    plain: Option<String>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(untagged)]
enum Of {
    Request { queue: String, body: String },
    Reply { request: Uuid, connection: Connection, reply: Value },
}

/// Bytes that look random and are the same in every run.
fn bytes(of: &str) -> [u8; 32] {
    Sha256::digest(format!("sealpost wire vector, {of}")).into()
}

fn private(ikm: &str) -> PrivateKey {
    let ikm: [u8; 32] = hex::decode(ikm).unwrap().try_into().unwrap();
    PrivateKey::of(&Key::from_bytes(&ikm))
}

fn as_sealed(value: &Value) -> Option<SealedSecret> {
    serde_json::from_value(value.clone()).ok()
}

impl Vector {
    /// The sealed field and the place that it is in.
    fn place(&self) -> Result<(SealedSecret, Bound), OpenError> {
        match &self.of {
            Of::Request { queue, body } => {
                let body: Value = serde_json::from_str(body).unwrap();
                let sealed = as_sealed(body.pointer(&self.field).unwrap()).unwrap();
                let id = body["id"].as_str().unwrap().parse().unwrap();
                let is_sealed = |field: &&str| body.pointer(field).and_then(as_sealed).is_some();
                let all: Vec<_> = fields(queue).iter().copied().filter(is_sealed).collect();
                let rest = rest_digest(body, all)?;
                Ok((sealed, RequestPlace { queue, id, field: &self.field, rest: &rest }.into()))
            }
            Of::Reply { request, connection, reply } => {
                let sealed = as_sealed(reply.pointer(&self.field).unwrap()).unwrap();
                Ok((sealed, ReplyPlace { request: *request, connection, field: &self.field }.into()))
            }
        }
    }

    fn opened(&self) -> (&'static str, Option<String>) {
        let key = private(&self.ikm);
        let opened = self.place().and_then(|(sealed, bound)| {
            if sealed.key == self.kid { key.open(&bound, &sealed.sealed).map(Some) } else { Ok(None) }
        });
        match opened {
            Ok(Some(text)) => ("opens", Some(hex::encode(text.expose_secret()))),
            Ok(None) => ("unknown-key", None),
            Err(OpenError::Digest(_)) => ("number", None),
            Err(OpenError::Base64) => ("not-base64url", None),
            Err(OpenError::Truncated { .. }) => ("truncated", None),
            Err(OpenError::Mismatch) => ("mismatch", None),
            Err(OpenError::NotText) => ("not-text", None),
        }
    }

    /// Seals `plain` into the field, and takes down what a reader computes.
    fn sealed(mut self, plain: &[u8]) -> Self {
        let (_, bound) = self.place().unwrap();
        let key = private(&self.ikm).public(&self.kid);
        let sealed = key.seal_given(&bound, plain, Given::new(bytes(&self.name))).unwrap();
        self.put(&json!(sealed));
        self.aad = Some(hex::encode(bound.aad));
        (self.plain, self.result) = (Some(hex::encode(plain)), "opens".into());
        self
    }

    fn put(&mut self, sealed: &Value) {
        match &mut self.of {
            Of::Request { body, .. } => {
                let mut tree: Value = serde_json::from_str(body).unwrap();
                *tree.pointer_mut(&self.field).unwrap() = sealed.clone();
                *body = tree.to_string();
            }
            Of::Reply { reply, .. } => *reply.pointer_mut(&self.field).unwrap() = sealed.clone(),
        }
    }

    /// The same, changed so that it does not open. `aad` is what a reader of the changed one computes.
    fn spoilt(&self, name: &str, result: &str, spoil: impl FnOnce(&mut Self)) -> Self {
        let mut vector = Self { name: name.to_owned(), result: result.to_owned(), plain: None, ..self.clone() };
        spoil(&mut vector);
        vector.aad = vector.place().ok().map(|(_, bound)| hex::encode(bound.aad));
        vector
    }

    fn with_body(&self, name: &str, result: &str, change: impl FnOnce(&mut Value)) -> Self {
        self.spoilt(name, result, |vector| {
            let Of::Request { body, .. } = &mut vector.of else { panic!() };
            let mut tree = serde_json::from_str(body).unwrap();
            change(&mut tree);
            *body = tree.to_string();
        })
    }

    fn with_sealed(&self, name: &str, result: &str, change: impl FnOnce(String) -> String) -> Self {
        self.spoilt(name, result, |vector| {
            let (sealed, _) = vector.place().unwrap();
            vector.put(&json!({"sealed": change(sealed.sealed), "key": sealed.key}));
        })
    }

    fn with_bytes(&self, name: &str, result: &str, change: impl FnOnce(&mut Vec<u8>)) -> Self {
        use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
        self.with_sealed(name, result, |sealed| {
            let mut bytes = URL_SAFE_NO_PAD.decode(sealed).unwrap();
            change(&mut bytes);
            URL_SAFE_NO_PAD.encode(bytes)
        })
    }
}

fn request(name: &str, queue: &str, field: &str, body: &Value) -> Vector {
    let of = Of::Request { queue: queue.into(), body: body.to_string() };
    let kid = "4387e9f3d6e14c459867679a90fd0f79".to_owned();
    let (ikm, field) = (hex::encode(bytes("key")), field.to_owned());
    Vector { name: name.into(), ikm, kid, of, field, aad: None, result: String::new(), plain: None }
}

fn made() -> Vec<Vector> {
    // what is in the place of a secret does not count, but that it is sealed
    let later = json!({"sealed": "", "key": "4387e9f3d6e14c459867679a90fd0f79"});
    let exchange = json!({"id": "0199ab3c-7d00-7000-8000-000000000007", "owner": {"tenant": "acme", "user": "u-42"},
        "provider": "gitea", "label": "default", "store_on_device": true, "grant": {"type": "authorization_code",
        "code": later, "redirect_uri": "http://127.0.0.1:7777/callback", "code_verifier": later, "nonce": later},
        "reply_key": {"kty": "OKP", "crv": "X25519", "x": "3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08"}});
    let job = json!({"id": "0199AB3C-7D00-7000-8000-000000000008", "owner": {"tenant": "Ünï \"{}\"", "user": "u\\/:7"},
        "provider": "mastodon", "content": {"type": "raw", "method": "POST", "path": "/x", "body": {"b": [1.50, 1e21, -0.0,
        0.1, 1e-7, 9_007_199_254_740_991_u64, true, null], "\u{e9}": "\u{1f44b}\u{7f}\u{2028}\u{1}", "a": {}, "": "€",
        "\u{1f600}": 1, "\u{fb33}": 2}}, "device_tokens": {"access_token": later, "refresh_token": "plain"}});
    let code = request("a code", "exchange-requests", "/grant/code", &exchange).sealed(b"a code would stand here");
    let Of::Request { body, .. } = &code.of else { panic!() };
    let once: Value = serde_json::from_str(body).unwrap();
    let both = request("its verifier", "exchange-requests", "/grant/code_verifier", &once).sealed(b"a verifier");
    let token =
        request("a device's token, and a body of all kinds", "publish-jobs", "/device_tokens/access_token", &job)
            .sealed("Grüße, 你好, 👋🏽".as_bytes());
    let connection: Connection =
        serde_json::from_value(json!({"tenant": "acme", "user": "ü-42", "provider": "gitea", "label": "default"}))
            .unwrap();
    let ikm = hex::encode(bytes("client"));
    let kid = private(&ikm).public("").reply_key().thumbprint().to_owned();
    let reply = json!({"tokens": {"access_token": later}});
    let of = Of::Reply { request: Uuid::from_u128(7), connection, reply };
    let field = "/tokens/access_token".to_owned();
    let reply = Vector { name: "a reply".into(), ikm, kid, of, field, aad: None, result: String::new(), plain: None }
        .sealed(b"an access token");
    let swap = |body: &mut Value| {
        let other = body["grant"]["code_verifier"].clone();
        body["grant"]["code"] = other;
    };
    vec![
        both.with_body("the verifier in the place of the code", "mismatch", swap).spoilt_field("/grant/code"),
        both.with_body("another user", "mismatch", |body| body["owner"]["user"] = json!("u-43")),
        both.with_body("another tenant", "mismatch", |body| body["owner"]["tenant"] = json!("acm")),
        both.with_body("another provider", "mismatch", |body| body["provider"] = json!("github")),
        both.with_body("another reply key", "mismatch", |body| body["reply_key"]["x"] = json!("AAAA")),
        both.with_body("without a reply key", "mismatch", |body| {
            drop(body.as_object_mut().unwrap().remove("reply_key"));
        }),
        both.with_body("another id", "mismatch", |body| body["id"] = json!("0199ab3c-7d00-7000-8000-000000000009")),
        both.with_body("a field more", "mismatch", |body| body["unknown"] = json!(false)),
        both.with_body("the nonce is nothing", "mismatch", |body| body["grant"]["nonce"] = Value::Null),
        both.with_body("the nonce is plain", "mismatch", |body| body["grant"]["nonce"] = json!("plain")),
        both.spoilt("another queue", "mismatch", |vector| {
            let Of::Request { queue, .. } = &mut vector.of else { panic!() };
            *queue = "publish-jobs".into();
        }),
        token.with_body("another content", "mismatch", |body| body["content"]["path"] = json!("/y")),
        token.with_body("another number", "mismatch", |body| body["content"]["body"]["b"][3] = json!(0.2)),
        token.with_body("another plain secret", "mismatch", |body| body["device_tokens"]["refresh_token"] = json!("p")),
        token.with_body("a number that not all read as the same", "number", |body| {
            body["content"]["body"]["b"][5] = json!(9_007_199_254_740_992_u64);
        }),
        code.spoilt("another key", "mismatch", |vector| vector.ikm = hex::encode(bytes("another key"))),
        code.spoilt("a key of another id", "unknown-key", |vector| vector.kid = "4387e9f3d6e14c45".into()),
        code.with_bytes("enc flipped", "mismatch", |sealed| sealed[0] ^= 1),
        code.with_bytes("enc of low order", "mismatch", |sealed| sealed[..32].fill(0)),
        code.with_bytes("ciphertext flipped", "mismatch", |sealed| sealed[32] ^= 1),
        code.with_bytes("tag flipped", "mismatch", |sealed| *sealed.last_mut().unwrap() ^= 0x80),
        code.with_bytes("one byte more", "mismatch", |sealed| sealed.push(0)),
        code.with_bytes("cut to an empty ciphertext", "mismatch", |sealed| sealed.truncate(48)),
        code.with_bytes("cut in the tag", "truncated", |sealed| sealed.truncate(47)),
        code.with_bytes("no bytes", "truncated", Vec::clear),
        code.with_sealed("padding", "not-base64url", |sealed| sealed + "="),
        code.with_sealed("standard base64", "not-base64url", |sealed| format!("+/{}", &sealed[2..])),
        code.with_sealed("bits after the last byte", "not-base64url", |sealed| format!("{}B", &sealed[..65])),
        code.clone().sealed(b"").spoilt("an empty text", "not-text", |_| {}),
        code.clone().sealed(b"\xff\xfe").spoilt("no UTF-8", "not-text", |_| {}),
        reply.spoilt("a reply to another request", "mismatch", |vector| {
            let Of::Reply { request, .. } = &mut vector.of else { panic!() };
            *request = Uuid::from_u128(8);
        }),
        reply.spoilt("a reply of another connection", "mismatch", |vector| {
            let Of::Reply { connection, .. } = &mut vector.of else { panic!() };
            std::mem::swap(&mut connection.tenant, &mut connection.user);
        }),
        reply.spoilt("a reply in another field", "mismatch", |vector| {
            let Of::Reply { reply, .. } = &mut vector.of else { panic!() };
            *reply = json!({"tokens": {"refresh_token": reply["tokens"]["access_token"]}});
            vector.field = "/tokens/refresh_token".into();
        }),
        reply.spoilt("a reply to another key", "unknown-key", |vector| vector.kid = "thumbprint".into()),
        code,
        both,
        token,
        reply,
    ]
    .into_iter()
    .rev()
    .collect()
}

impl Vector {
    fn spoilt_field(&self, field: &str) -> Self {
        self.spoilt(&self.name, &self.result, |vector| vector.field = field.to_owned())
    }
}

fn committed() -> File {
    serde_json::from_str(&fs::read_to_string(FILE).unwrap()).unwrap()
}

#[test]
fn the_committed_vectors_are_what_the_code_makes() {
    let about =
        "Known answers for wire.md. Made by the code; ikm, aad and plain in hex; every vector must give its result.";
    let mut text = serde_json::to_string_pretty(&File { about: about.to_owned(), vectors: made() }).unwrap();
    text.push('\n');
    if env::var_os("SEALPOST_WRITE_VECTORS").is_some() {
        fs::write(FILE, &text).unwrap();
    }
    assert!(
        fs::read_to_string(FILE).unwrap() == text,
        "{FILE} is not what the code makes; if the change is wanted: SEALPOST_WRITE_VECTORS=1"
    );
}

#[test]
fn every_committed_vector_gives_its_result() {
    for vector in committed().vectors {
        let (result, plain) = vector.opened();
        let expected = (vector.result.as_str(), vector.plain.filter(|_| vector.result == "opens"));
        assert_eq!((result, plain), expected, "{}", vector.name);
    }
}

#[test]
fn no_name_is_there_twice() {
    let vectors = committed().vectors;
    assert_eq!(vectors.iter().map(|v| &v.name).collect::<BTreeSet<_>>().len(), vectors.len());
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
