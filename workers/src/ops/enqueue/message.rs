//! A message from its parts or from a file, checked as a worker would.

use std::io::Read;
use std::path::Path;

use sealpost_schemas::Queued;
use sealpost_schemas::codec::{Encoding, decode};
use sealpost_shared::ids;
use serde_json::{Map, Value};

use super::Sending;
use super::asked::Asked;
use crate::ops::progress::say;
use crate::step::FollowUp;

/// The message of `--file`, or of these parts; parts that are null are left out.
pub(super) fn made<M: Queued>(
    sending: &Sending,
    parts: impl FnOnce() -> Result<Value, String>,
) -> Result<(FollowUp, M), String> {
    let (mut tree, name) = match &sending.file {
        Some(file) => (read(file)?, file.display().to_string()),
        None => (without_null(parts()?), "the message".into()),
    };
    let fields = tree.as_object_mut().ok_or_else(|| format!("{name}: must be a JSON object"))?;
    if sending.id.is_some() || !fields.contains_key("id") {
        let id = sending.id.unwrap_or_else(ids::fresh).to_string();
        fields.shift_insert(0, "id".into(), id.into());
    }
    let body = serde_json::to_vec(&tree).map_err(|error| error.to_string())?;
    let decoded = decode::<M>(Encoding::Json, &body).map_err(|error| format!("{name}: {error}"))?;
    if decoded.unknown_fields > 0 {
        say(&format!("{name}: {} field(s) of it are not known, and workers pass over them", decoded.unknown_fields));
    }
    let message =
        FollowUp { queue: M::QUEUE, type_name: M::type_name(), id: decoded.message.id(), body, answers: false };
    Ok((message, decoded.message))
}

fn read(file: &Path) -> Result<Value, String> {
    let stdin = file.as_os_str() == "-";
    let name = if stdin { "stdin".into() } else { file.display().to_string() };
    let mut text = String::new();
    let read = if stdin {
        std::io::stdin().read_to_string(&mut text)
    } else {
        std::fs::File::open(file).and_then(|mut file| file.read_to_string(&mut text))
    };
    read.map_err(|error| format!("reading {name}: {error}"))?;
    // not serde's words, which may quote what stands there
    serde_json::from_str(&text)
        .map_err(|error| format!("{name}: not JSON, at line {}, column {}", error.line(), error.column()))
}

fn without_null(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let kept = fields.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(kept.map(|(name, value)| (name, without_null(value))).collect::<Map<_, _>>())
        }
        other => other,
    }
}

impl Asked {
    /// A message and the connection that it is about.
    pub(super) fn new<M>(
        (message, decoded): (FollowUp, M),
        connection: impl FnOnce(&M) -> Option<sealpost_schemas::Connection>,
    ) -> Self {
        Self { message, connection: connection(&decoded) }
    }
}
