//! The secrets of a message, all of them.

use std::collections::BTreeMap;

use sealpost_schemas::{Queued, SealedSecret, Secret};
use secrecy::SecretString;
use serde_json::{Value, json};
use uuid::Uuid;

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

/// Seals every secret of a message that is plain, for its first publication; `body`: the message as it is to be sent.
///
/// # Errors
/// If the operating system gives no randomness, or the body holds a number without a canonical form.
pub fn seal_body<M: Queued>(body: &mut Value, id: Uuid, key: &PublicKey) -> Result<(), SealError> {
    let (mut plain, mut sealed) = (Vec::new(), Vec::new());
    for field in M::SECRETS {
        match body.pointer_mut(field).map(Value::take) {
            Some(Value::String(text)) => plain.push((*field, SecretString::from(text))),
            Some(other) => {
                if other.is_object() {
                    sealed.push(*field);
                }
                if let Some(place) = body.pointer_mut(field) {
                    *place = other;
                }
            }
            None => {}
        }
    }
    if plain.is_empty() {
        return Ok(());
    }
    // no plain secret is in the body any more
    let rest = rest_digest(body.clone(), plain.iter().map(|(field, _)| *field).chain(sealed))?;
    for (field, text) in plain {
        let place = RequestPlace { queue: M::QUEUE, id, field, rest: &rest };
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
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use sealpost_schemas::codec::{Encoding, decode};
    use sealpost_schemas::{ExchangeRequest, PublishJob, Queued};
    use secrecy::ExposeSecret;
    use serde_json::{Value, json};
    use uuid::Uuid;

    use super::{OpenError, PrivateKey, PublicKey, RequestPlace, UnreadError, open_with, seal_body, unsealed};
    use crate::seal::Key;

    fn request() -> Value {
        json!({"id": "0199AB3C-7d00-7000-8000-000000000007", "owner": {"tenant": "acme", "user": "u-42"},
            "provider": "gitea", "grant": {"type": "authorization_code", "code": "hunter2", "code_verifier": "hunter3",
            "redirect_uri": "http://127.0.0.1:7777/", "nonce": "hunter4"}, "reply_key": {"kty": "OKP"}})
    }

    /// The request with its secrets sealed to this key.
    fn sealed(key: &PublicKey) -> Value {
        let mut body = request();
        let id = body["id"].as_str().unwrap().parse().unwrap();
        seal_body::<ExchangeRequest>(&mut body, id, key).unwrap();
        body
    }

    fn key() -> (PrivateKey, BTreeMap<String, PrivateKey>) {
        let key = Key::random().unwrap();
        (PrivateKey::of(&key), BTreeMap::from([("v1".to_owned(), PrivateKey::of(&key))]))
    }

    /// What a worker makes of this body, and the texts of its secrets.
    fn read<M: Queued>(body: &Value, keys: &BTreeMap<String, PrivateKey>) -> Result<Vec<String>, UnreadError> {
        // by MessagePack, so that both encodings are one
        let bytes = Encoding::MessagePack.encode(body).unwrap();
        let mut message: M = decode(Encoding::MessagePack, &bytes).unwrap().message;
        open_with(&mut message, Encoding::MessagePack.tree(&bytes).unwrap(), keys)?;
        let secrets = message.secrets().into_iter();
        Ok(secrets.map(|(_, secret)| secret.plain().unwrap().expose_secret().to_owned()).collect())
    }

    #[test]
    fn what_is_sealed_opens_as_it_was() {
        let (key, keys) = key();
        let mut plain: ExchangeRequest = serde_json::from_value(request()).unwrap();
        assert_eq!(unsealed(&mut plain), ["/grant/code", "/grant/code_verifier", "/grant/nonce"]);
        let body = sealed(&key.public("v1"));
        let mut message: ExchangeRequest = serde_json::from_value(body.clone()).unwrap();
        assert!(unsealed(&mut message).is_empty());
        assert!(!body.to_string().contains("hunter"));
        assert_eq!(read::<ExchangeRequest>(&body, &keys).unwrap(), ["hunter2", "hunter3", "hunter4"]);
    }

    #[test]
    fn one_that_is_sealed_already_stays_so_and_one_that_is_plain_counts_as_it_is() {
        let (key, keys) = key();
        let mut body = sealed(&key.public("v1"));
        let once = body.clone();
        seal_body::<ExchangeRequest>(&mut body, Uuid::nil(), &key.public("v2")).unwrap();
        assert_eq!(body, once);
        body["grant"]["nonce"] = json!("hunter4");
        let wrong = read::<ExchangeRequest>(&body, &keys).unwrap_err();
        assert_eq!(wrong, UnreadError::Sealed { field: "/grant/code", problem: OpenError::Mismatch });
    }

    #[test]
    fn secrets_are_where_the_contract_says_and_nowhere_else() {
        let mut found = BTreeSet::new();
        for grant in [
            json!({"type": "authorization_code", "code": "x", "code_verifier": "x", "redirect_uri": "x", "nonce": "x"}),
            json!({"type": "on_behalf_of", "assertion": "x"}),
            json!({"type": "refresh_token", "refresh_token": "x"}),
            json!({"type": "pickup", "refresh_token": "x"}),
        ] {
            let mut body = request();
            body["grant"] = grant;
            let mut message: ExchangeRequest = serde_json::from_value(body).unwrap();
            found.extend(unsealed(&mut message));
        }
        assert_eq!(found, ExchangeRequest::SECRETS.iter().copied().collect());
    }

    #[test]
    fn whatever_else_is_changed_nothing_of_it_opens() {
        let (key, keys) = key();
        let body = sealed(&key.public("v1"));
        let (code, verifier) = (body["grant"]["code"].clone(), body["grant"]["code_verifier"].clone());
        for (field, value) in [
            ("/id", json!("0199ab3c-7d00-7000-8000-000000000008")),
            ("/owner/user", json!("u-43")),
            ("/owner/tenant", json!("acm")),
            ("/reply_key/kty", json!("EC")),
            ("/reply_key", Value::Null),
            ("/grant/code", verifier),
            ("/grant/code_verifier", code.clone()),
            ("/grant/nonce", Value::Null),
            ("/grant/nonce", code),
            ("/grant/redirect_uri", json!("http://127.0.0.1:7778/")),
            ("/provider", json!("github")),
        ] {
            let mut changed = body.clone();
            *changed.pointer_mut(field).unwrap() = value;
            assert!(read::<ExchangeRequest>(&changed, &keys).is_err(), "{field}");
        }
        let mut more = body;
        more["unknown_to_us"] = json!(1);
        assert!(read::<ExchangeRequest>(&more, &keys).is_err());
    }

    #[test]
    fn a_key_of_another_id_is_not_tried() {
        let (key, keys) = key();
        let body = sealed(&key.public("v2"));
        assert_eq!(read::<ExchangeRequest>(&body, &keys), Err(UnreadError::NoKey { field: "/grant/code" }));
    }

    #[test]
    fn what_was_sealed_for_a_queue_opens_in_no_other() {
        let (key, keys) = key();
        let tokens = json!({"access_token": "hunter2", "refresh_token": "hunter3"});
        let job = json!({"id": "0199ab3c-7d00-7000-8000-000000000007", "owner": {"tenant": "acme", "user": "u-42"},
            "provider": "gitea", "label": "default", "content": {"type": "post", "text": "Hello"}, "device_tokens": tokens});
        let mut body = job;
        let id = body["id"].as_str().unwrap().parse().unwrap();
        seal_body::<PublishJob>(&mut body, id, &key.public("v1")).unwrap();
        let mut message: PublishJob = serde_json::from_value(body.clone()).unwrap();
        let fields: Vec<_> = message.secrets().into_iter().map(|(field, _)| field).collect();
        assert_eq!(fields, PublishJob::SECRETS);
        assert_eq!(read::<PublishJob>(&body, &keys).unwrap(), ["hunter2", "hunter3"]);
        // and nothing but the queue is another
        let place = RequestPlace { queue: PublishJob::QUEUE, id, field: "/x", rest: &[7; 32] };
        let sealed = key.public("v1").seal(&place.into(), &"hunter2".into()).unwrap().sealed;
        assert!(key.open(&place.into(), &sealed).is_ok());
        let other = RequestPlace { queue: ExchangeRequest::QUEUE, ..place };
        assert_eq!(key.open(&other.into(), &sealed).err(), Some(OpenError::Mismatch));
    }
}
