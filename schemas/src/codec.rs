//! JSON and MessagePack bodies, in and out.
//!
//! What is not read straight away is read into a tree, so that both encodings give the same errors with the field's path.
//! No error quotes a value: it may be a secret in the wrong place.

use std::io::Cursor;

use serde::Serialize;
use serde_json::Value;
use serde_path_to_error::Track;

use crate::Message;

mod words;

pub use words::{UNKNOWN_VALUE, without_value};

/// The largest body that is read, in bytes.
pub const MAX_BODY: usize = 1 << 20;

/// Nesting beyond this is refused.
const MAX_DEPTH: usize = 64;

/// How a body is written; the reply to a message uses the message's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// `application/json`, also when nothing is said.
    Json,
    /// `application/msgpack`, with names and human-readable ids and times.
    MessagePack,
}

/// A message, and how many of its fields are not known here (a newer producer may send them).
#[derive(Debug)]
pub struct Decoded<M> {
    /// The message.
    pub message: M,
    /// How many fields were ignored.
    pub unknown_fields: usize,
    /// Whether the body is known to hold nothing but the message: no unknown field, and no name twice.
    pub is_all: bool,
}

/// Why a body is not the message that it should be.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum DecodeError {
    /// The `content_type` property names something else.
    #[error("content type is neither application/json nor application/msgpack")]
    ContentType,
    /// More than [`MAX_BODY`].
    #[error("the body has {0} bytes; at most {MAX_BODY} are read")]
    TooLarge(usize),
    /// Not JSON, or not MessagePack.
    #[error("the body is not {encoding}: {problem}")]
    Syntax {
        /// What it should be.
        encoding: &'static str,
        /// What is wrong, without the content.
        problem: String,
    },
    /// A field is missing, or is not what it should be.
    #[error("{path}: {problem}")]
    Field {
        /// The field's full path, as in `content.text`.
        path: String,
        /// What is wrong, without the value.
        problem: String,
    },
}

impl Encoding {
    /// Reads the `content_type` property.
    pub fn of(content_type: Option<&str>) -> Result<Self, DecodeError> {
        let essence = content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
        match essence.to_ascii_lowercase().as_str() {
            "" | "application/json" => Ok(Self::Json),
            "application/msgpack" | "application/x-msgpack" | "application/vnd.msgpack" => Ok(Self::MessagePack),
            _ => Err(DecodeError::ContentType),
        }
    }

    /// The `content_type` property.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::MessagePack => "application/msgpack",
        }
    }

    /// Writes a message or a tree.
    ///
    /// # Errors
    /// In the words of the encoder; the messages of this crate all encode.
    pub fn encode<T: Serialize>(self, value: &T) -> Result<Vec<u8>, String> {
        match self {
            Self::Json => serde_json::to_vec(value).map_err(|e| e.to_string()),
            Self::MessagePack => {
                let mut body = Vec::with_capacity(256);
                let mut writer = rmp_serde::Serializer::new(&mut body).with_struct_map().with_human_readable();
                value.serialize(&mut writer).map_err(|e| e.to_string())?;
                Ok(body)
            }
        }
    }

    /// Reads a body as it is, whatever it says.
    ///
    /// # Errors
    /// If it is not in this encoding, or nested too deeply.
    pub fn tree(self, body: &[u8]) -> Result<Value, DecodeError> {
        let value = match self {
            Self::Json => serde_json::from_slice(body).map_err(|e| DecodeError::Syntax {
                encoding: "JSON",
                problem: format!("at line {}, column {}", e.line(), e.column()),
            })?,
            Self::MessagePack => {
                let mut reader = rmp_serde::Deserializer::new(Cursor::new(body));
                reader.set_max_depth(MAX_DEPTH);
                let syntax = |problem: &str| DecodeError::Syntax { encoding: "MessagePack", problem: problem.into() };
                let value: Value = serde::Deserialize::deserialize(&mut reader).map_err(|_| {
                    syntax("it ends early, or holds what has no JSON form (maps have text keys, no binary)")
                })?;
                if reader.get_ref().position() < body.len() as u64 {
                    return Err(syntax("bytes follow the value"));
                }
                value
            }
        };
        if depth(&value) > MAX_DEPTH {
            return Err(DecodeError::Syntax { encoding: "a message", problem: "it is nested too deeply".into() });
        }
        Ok(value)
    }
}

/// Reads a message.
///
/// # Errors
/// Names the field's path and what is wrong with it, never its value.
pub fn decode<M: Message>(encoding: Encoding, body: &[u8]) -> Result<Decoded<M>, DecodeError> {
    if body.len() > MAX_BODY {
        return Err(DecodeError::TooLarge(body.len()));
    }
    if let Some(message) = straight(encoding, body) {
        return Ok(Decoded { message, unknown_fields: 0, is_all: true });
    }
    from_tree(encoding, body)
}

/// Most messages are as they should be, and need no tree. `None` also for one whose tree would be read as well: unknown fields
/// are checked there, and a `type` need not be the first.
fn straight<M: Message>(encoding: Encoding, body: &[u8]) -> Option<M> {
    // what opens no more brackets than this cannot be nested too deeply
    let shallow = body.iter().filter(|byte| matches!(byte, b'{' | b'[')).count() < MAX_DEPTH;
    if encoding != Encoding::Json || !shallow || !body.trim_ascii_start().starts_with(b"{") {
        return None;
    }
    let (mut known, mut reader) = (true, serde_json::Deserializer::from_slice(body));
    let message = serde_ignored::deserialize(&mut reader, |_| known = false).ok()?;
    reader.end().ok()?;
    known.then_some(message)
}

fn from_tree<M: Message>(encoding: Encoding, body: &[u8]) -> Result<Decoded<M>, DecodeError> {
    let mut tree = encoding.tree(body)?;
    if !tree.is_object() {
        return Err(DecodeError::Field { path: "the body".into(), problem: "must be an object".into() });
    }
    tags_first(&mut tree);
    let (mut unknown_fields, mut track) = (0, Track::new());
    let reader = serde_path_to_error::Deserializer::new(tree, &mut track);
    match serde_ignored::deserialize(reader, |_| unknown_fields += 1) {
        Ok(message) => Ok(Decoded { message, unknown_fields, is_all: false }),
        Err(error) => {
            let path = track.path().to_string();
            let path = if path == "." { "the body".into() } else { path };
            Err(DecodeError::Field { path, problem: without_value(&error.to_string()) })
        }
    }
}

/// Puts `type` first in every object: tagged values are decoded by their tag first.
fn tags_first(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            if let Some(tag) = fields.shift_remove("type") {
                fields.shift_insert(0, "type".into(), tag);
            }
            fields.values_mut().for_each(tags_first);
        }
        Value::Array(items) => items.iter_mut().for_each(tags_first),
        _ => {}
    }
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or(0),
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        _ => 1,
    }
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;
