//! One known answer: how it is made, spoilt and read.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sealpost_schemas::{Connection, SealedSecret, secrets_of};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::seal::Key;
use crate::wire::place::Bound;
use crate::wire::suite::Given;
use crate::wire::{OpenError, PrivateKey, ReplyPlace, RequestPlace, rest_digest};

/// What a reader is given, and what must come of it. `ikm`, `aad` and `plain` are in hex, `body` and `reply` as they travel.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Vector {
    pub(super) name: String,
    pub(super) ikm: String,
    pub(super) kid: String,
    #[serde(flatten)]
    pub(super) of: Of,
    pub(super) field: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) aad: Option<String>,
    pub(super) result: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) plain: Option<String>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Of {
    Request { queue: String, body: String },
    Reply { request: Uuid, connection: Connection, reply: Value },
}

/// Bytes that look random and are the same in every run.
pub(super) fn bytes(of: &str) -> [u8; 32] {
    Sha256::digest(format!("sealpost wire vector, {of}")).into()
}

pub(super) fn private(ikm: &str) -> PrivateKey {
    let ikm: [u8; 32] = hex::decode(ikm).unwrap().try_into().unwrap();
    PrivateKey::of(&Key::from_bytes(&ikm))
}

pub(super) fn as_sealed(value: &Value) -> Option<SealedSecret> {
    serde_json::from_value(value.clone()).ok()
}

impl Vector {
    /// The sealed field and the place that it is in.
    pub(super) fn place(&self) -> Result<(SealedSecret, Bound), OpenError> {
        match &self.of {
            Of::Request { queue, body } => {
                let body: Value = serde_json::from_str(body).unwrap();
                let sealed = as_sealed(body.pointer(&self.field).unwrap()).unwrap();
                let id = body["id"].as_str().unwrap().parse().unwrap();
                let is_sealed = |field: &&str| body.pointer(field).and_then(as_sealed).is_some();
                let all: Vec<_> = secrets_of(queue).iter().copied().filter(is_sealed).collect();
                let rest = rest_digest(body, all)?;
                Ok((sealed, RequestPlace { queue, id, field: &self.field, rest: &rest }.into()))
            }
            Of::Reply { request, connection, reply } => {
                let sealed = as_sealed(reply.pointer(&self.field).unwrap()).unwrap();
                Ok((sealed, ReplyPlace { request: *request, connection, field: &self.field }.into()))
            }
        }
    }

    pub(super) fn opened(&self) -> (&'static str, Option<String>) {
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
    pub(super) fn sealed(mut self, plain: &[u8]) -> Self {
        let (_, bound) = self.place().unwrap();
        let key = private(&self.ikm).public(&self.kid);
        let sealed = key.seal_given(&bound, plain, Given::new(bytes(&self.name))).unwrap();
        self.put(&json!(sealed));
        self.aad = Some(hex::encode(bound.aad));
        (self.plain, self.result) = (Some(hex::encode(plain)), "opens".into());
        self
    }

    pub(super) fn put(&mut self, sealed: &Value) {
        match &mut self.of {
            Of::Request { body, .. } => {
                let mut tree: Value = serde_json::from_str(body).unwrap();
                *tree.pointer_mut(&self.field).unwrap() = sealed.clone();
                *body = tree.to_string();
            }
            Of::Reply { reply, .. } => *reply.pointer_mut(&self.field).unwrap() = sealed.clone(),
        }
    }

    /// The same, changed, most often so that it does not open. `aad` is what a reader of the changed one computes.
    pub(super) fn spoilt(&self, name: &str, result: &str, spoil: impl FnOnce(&mut Self)) -> Self {
        let plain = self.plain.clone().filter(|_| result == "opens");
        let mut vector = Self { name: name.to_owned(), result: result.to_owned(), plain, ..self.clone() };
        spoil(&mut vector);
        vector.aad = vector.place().ok().map(|(_, bound)| hex::encode(bound.aad));
        vector
    }

    pub(super) fn with_body(&self, name: &str, result: &str, change: impl FnOnce(&mut Value)) -> Self {
        self.spoilt(name, result, |vector| {
            let Of::Request { body, .. } = &mut vector.of else { panic!() };
            let mut tree = serde_json::from_str(body).unwrap();
            change(&mut tree);
            *body = tree.to_string();
        })
    }

    pub(super) fn with_sealed(&self, name: &str, result: &str, change: impl FnOnce(String) -> String) -> Self {
        self.spoilt(name, result, |vector| {
            let (sealed, _) = vector.place().unwrap();
            vector.put(&json!({"sealed": change(sealed.sealed), "key": sealed.key}));
        })
    }

    pub(super) fn with_bytes(&self, name: &str, result: &str, change: impl FnOnce(&mut Vec<u8>)) -> Self {
        self.with_sealed(name, result, |sealed| {
            let mut bytes = URL_SAFE_NO_PAD.decode(sealed).unwrap();
            change(&mut bytes);
            URL_SAFE_NO_PAD.encode(bytes)
        })
    }

    /// The text of the body with something else in the place of a part of it.
    pub(super) fn with_text(&self, name: &str, result: &str, (from, to): (&str, &str)) -> Self {
        self.spoilt(name, result, |vector| {
            let Of::Request { body, .. } = &mut vector.of else { panic!() };
            assert!(body.contains(from), "{name}: no {from}");
            *body = body.replacen(from, to, 1);
        })
    }

    pub(super) fn spoilt_field(&self, field: &str) -> Self {
        self.spoilt(&self.name, &self.result, |vector| vector.field = field.to_owned())
    }
}
