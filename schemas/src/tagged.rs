//! A tagged value is decoded by its tag first, so that an error inside it names its full path (serde's own internally
//! tagged enums buffer the value and lose the path). The codec puts `type` first in every object.

/// Implements `Deserialize` for an enum of newtype variants, told apart by the field `type`.
macro_rules! tagged {
    ($enum:ident, $expecting:literal, { $($tag:literal => $variant:ident,)+ }) => {
        impl<'de> serde::Deserialize<'de> for $enum {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Visitor;

                impl<'de> serde::de::Visitor<'de> for Visitor {
                    type Value = $enum;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str($expecting)
                    }

                    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<$enum, A::Error> {
                        use serde::de::{Error, value::MapAccessDeserializer};
                        if map.next_key::<String>()?.as_deref() != Some("type") {
                            return Err(A::Error::missing_field("type"));
                        }
                        let tag: String = map.next_value()?;
                        match tag.as_str() {
                            $($tag => serde::Deserialize::deserialize(MapAccessDeserializer::new(map)).map($enum::$variant),)+
                            other => Err(A::Error::unknown_variant(other, &[$($tag),+])),
                        }
                    }
                }

                deserializer.deserialize_map(Visitor)
            }
        }
    };
}

pub(crate) use tagged;
