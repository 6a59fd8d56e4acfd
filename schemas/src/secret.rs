//! A secret field of a message: plain, or sealed to the pipeline's public key.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A code, an assertion or a token in a message. Its `Debug` prints nothing of it; it is serialized only where a
/// message that must carry it is encoded.
#[derive(Clone, Debug)]
pub enum Secret {
    /// As it is.
    Plain(SecretString),
    /// Encrypted to a public key of the pipeline.
    Sealed(SealedSecret),
}

/// A secret that only a worker with the named key can read.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SealedSecret {
    /// base64url(enc ‖ ciphertext).
    pub sealed: String,
    /// The id of the public key.
    pub key: String,
}

impl Secret {
    /// The plain text, if it came plain.
    #[must_use]
    pub fn plain(&self) -> Option<&SecretString> {
        match self {
            Self::Plain(text) => Some(text),
            Self::Sealed(_) => None,
        }
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self::Plain(text.into())
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Plain(text) => serializer.serialize_str(text.expose_secret()),
            Self::Sealed(sealed) => sealed.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Secret;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a secret: a string, or an object with `sealed` and `key`")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Secret, E> {
                self.visit_string(text.to_owned())
            }

            fn visit_string<E: de::Error>(self, text: String) -> Result<Secret, E> {
                if text.is_empty() { Err(E::custom("must not be empty")) } else { Ok(Secret::from(text)) }
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Secret, A::Error> {
                SealedSecret::deserialize(de::value::MapAccessDeserializer::new(map)).map(Secret::Sealed)
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

impl JsonSchema for Secret {
    fn schema_name() -> Cow<'static, str> {
        "Secret".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let sealed = generator.subschema_for::<SealedSecret>();
        json_schema!({
            "description": "A secret: plain, or sealed to the pipeline's public key.",
            "anyOf": [{"type": "string", "minLength": 1}, sealed]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn a_secret_is_not_in_its_debug_output() {
        let secret: Secret = serde_json::from_str("\"hunter2\"").unwrap();
        assert!(!format!("{secret:?}").contains("hunter2"));
        assert_eq!(serde_json::to_string(&secret).unwrap(), "\"hunter2\"");
    }

    #[test]
    fn a_sealed_secret_is_told_from_a_plain_one() {
        let secret: Secret = serde_json::from_str(r#"{"sealed":"AAAA","key":"k1"}"#).unwrap();
        assert!(secret.plain().is_none());
        assert!(serde_json::from_str::<Secret>("5").is_err());
        assert!(serde_json::from_str::<Secret>("\"\"").is_err());
    }
}
