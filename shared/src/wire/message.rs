//! The secrets of a message, all of them.

use std::collections::BTreeMap;

use sealpost_schemas::{Queued, SealedSecret, Secret, secrets_of};
use secrecy::SecretString;
use serde_json::{Value, json};
use uuid::Uuid;

use super::unsealed::{is_sealed, take_unsealed};
use super::{OpenError, PrivateKey, PublicKey, RequestPlace, SealError, rest_digest};

/// Why the secrets of a message cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnreadError {
    /// One does not open.
    #[error("{field}: {problem}")]
    Sealed {
        /// Its place in the body, as a JSON pointer.
        field: &'static str,
        /// What is wrong.
        problem: OpenError,
    },
    /// There is no key of this id at hand.
    #[error("{field}: no key of this id is at hand")]
    NoKey {
        /// The place in the body, as a JSON pointer.
        field: &'static str,
    },
}

/// Seals the secrets of a message, for its first publication; `body`: the message as it is to be sent. One whose secrets are sealed
/// already stays as it is.
///
/// # Errors
/// If some are sealed already and others not (what is sealed is bound to what it was sealed with), something that may be a secret
/// is not in its place, the body holds a number without a canonical form, or the operating system gives no randomness. The body is
/// without its secrets then.
pub fn seal_body(queue: &str, body: &mut Value, id: Uuid, key: &PublicKey) -> Result<(), SealError> {
    let (mut plain, mut sealed) = (Vec::new(), None);
    let fields = secrets_of(queue);
    for field in fields {
        let Some(place) = body.pointer_mut(field) else { continue };
        if place.is_string() {
            if let Value::String(text) = place.take() {
                plain.push((*field, SecretString::from(text)));
            }
        } else if is_sealed(place) {
            sealed = Some(*field);
        }
    }
    // no plain secret is in the body any more
    if let Some(field) = take_unsealed(&mut body.clone(), fields) {
        return Err(SealError::Misplaced { field });
    }
    match (plain.first(), sealed) {
        (None, _) => return Ok(()),
        (Some((plain, _)), Some(sealed)) => return Err(SealError::Half { plain, sealed }),
        (Some(_), None) => {}
    }
    let rest = rest_digest(body.clone(), plain.iter().map(|(field, _)| *field))?;
    for (field, text) in plain {
        let place = RequestPlace { queue, id, field, rest: &rest };
        let sealed = key.seal(&place.into(), &text)?;
        if let Some(place) = body.pointer_mut(field) {
            *place = json!(sealed);
        }
    }
    Ok(())
}

/// The fields of the secrets that came plain.
pub fn unsealed<M: Queued>(message: &mut M) -> Vec<&'static str> {
    let plain = message.secrets().into_iter().filter(|(_, secret)| secret.plain().is_some());
    plain.map(|(field, _)| field).collect()
}

/// Opens every sealed secret of a message. `body`: the message as it came, since what a newer producer says in it counts too.
///
/// # Errors
/// Names the first field that does not open; the message is as it was then.
pub fn open_with<M: Queued>(
    message: &mut M,
    body: Value,
    keys: &BTreeMap<String, PrivateKey>,
) -> Result<(), UnreadError> {
    let sealed: Vec<(&'static str, SealedSecret)> = sealed(message);
    if sealed.is_empty() {
        return Ok(());
    }
    let first = sealed[0].0;
    // as the sealer did, who need not know which of them this kind of message reads
    let all: Vec<_> =
        M::SECRETS.iter().copied().filter(|field| body.pointer(field).is_some_and(Value::is_object)).collect();
    let rest =
        rest_digest(body, all).map_err(|problem| UnreadError::Sealed { field: first, problem: problem.into() })?;
    let opened = sealed.into_iter().map(|(field, sealed)| {
        let key = keys.get(&sealed.key).ok_or(UnreadError::NoKey { field })?;
        let place = RequestPlace { queue: M::QUEUE, id: message.id(), field, rest: &rest };
        let text = key.open(&place.into(), &sealed.sealed);
        text.map(|text| (field, text)).map_err(|problem| UnreadError::Sealed { field, problem })
    });
    let mut opened: BTreeMap<_, _> = opened.collect::<Result<_, _>>()?;
    for (field, secret) in message.secrets() {
        if let Some(text) = opened.remove(field) {
            *secret = Secret::Plain(text);
        }
    }
    Ok(())
}

/// The sealed secrets, each with its field.
pub(super) fn sealed<M: Queued>(message: &mut M) -> Vec<(&'static str, SealedSecret)> {
    let all = message.secrets().into_iter();
    all.filter_map(|(field, secret)| match secret {
        Secret::Sealed(sealed) => Some((field, sealed.clone())),
        Secret::Plain(_) => None,
    })
    .collect()
}

#[cfg(test)]
mod tests;
