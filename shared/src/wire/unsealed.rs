//! What may be a secret and came without a seal. In the objects that have secrets every text is one that is not sealed and not known
//! to be none: a name may be misspelt, and a list have what an object should.

use sealpost_schemas::{BESIDE_SECRETS, name_of, secrets_of};
use serde_json::{Map, Value};

/// Whether a message of this queue has anything in it that may be a secret and is not sealed.
#[must_use]
pub fn is_unsealed(queue: &str, mut body: Value) -> bool {
    take_unsealed(&mut body, secrets_of(queue)).is_some()
}

/// Takes what may be a secret out of the objects that have these, as JSON pointers: `null` stands in its place. The place of the
/// first, as far as it is known by name.
pub fn take_unsealed(body: &mut Value, secrets: &[&'static str]) -> Option<&'static str> {
    let mut found = None;
    for field in secrets {
        let Some((holder, _)) = field.rsplit_once('/') else { continue };
        let Some(value) = body.pointer_mut(holder) else { continue };
        let Value::Object(fields) = value else {
            if value.take() != Value::Null {
                found = found.or(Some(*field));
            }
            continue;
        };
        for (name, value) in fields {
            let is_none = value.is_boolean() || value.is_number() || value.is_null() || is_sealed(value);
            if is_none || (value.is_string() && BESIDE_SECRETS.contains(&name.as_str())) {
                continue;
            }
            value.take();
            let named = secrets.iter().find(|known| name_of(known) == name && known.starts_with(holder));
            found = found.or(Some(*named.unwrap_or(field)));
        }
    }
    found
}

/// Whether it has the form of a sealed secret.
#[must_use]
pub fn is_sealed(value: &Value) -> bool {
    let has = |fields: &Map<String, Value>, name| fields.get(name).is_some_and(Value::is_string);
    value.as_object().is_some_and(|fields| fields.len() == 2 && has(fields, "sealed") && has(fields, "key"))
}

#[cfg(test)]
mod tests {
    use sealpost_schemas::{ExchangeRequest, PublishJob, Queued};
    use serde_json::json;

    use super::{is_unsealed, take_unsealed};

    #[test]
    fn of_the_objects_that_have_secrets_nothing_stays_that_may_be_one() {
        let sealed = json!({"sealed": "x", "key": "k"});
        for (before, after, field) in [
            (
                json!({"grant": {"type": "t", "code": "s", "cod": "s", "iss": "i", "nonce": sealed}}),
                json!({"grant": {"type": "t", "code": null, "cod": null, "iss": "i", "nonce": sealed}}),
                "/grant/code",
            ),
            (
                json!({"grant": {"type": "t", "refresh_token": sealed, "nonce": "s"}}),
                json!({"grant": {"type": "t", "refresh_token": sealed, "nonce": null}}),
                "/grant/nonce",
            ),
            (
                json!({"grant": {"code": {"sealed": "x", "key": "k", "more": "s"}, "nonce": {"s": 5}, "iss": ["s"]}}),
                json!({"grant": {"code": null, "nonce": null, "iss": null}}),
                "/grant/code",
            ),
            (json!({"grant": "s", "id": "i"}), json!({"grant": null, "id": "i"}), "/grant/code"),
        ] {
            let mut body = before;
            assert_eq!(take_unsealed(&mut body, ExchangeRequest::SECRETS), Some(field), "{after}");
            assert_eq!(body, after);
        }
        let mut tokens = json!({"device_tokens": ["s", "s"], "content": {"text": "code"}});
        assert_eq!(take_unsealed(&mut tokens, PublishJob::SECRETS), Some("/device_tokens/access_token"));
        assert_eq!(tokens, json!({"device_tokens": null, "content": {"text": "code"}}));
    }

    #[test]
    fn what_has_no_plain_secret_stays_as_it_came() {
        let sealed = json!({"sealed": "x", "key": "k"});
        for fine in [json!({"grant": {"type": "t", "code": sealed}}), json!({}), json!({"grant": {"more": 1}})] {
            let mut body = fine.clone();
            assert_eq!(take_unsealed(&mut body, ExchangeRequest::SECRETS), None);
            assert_eq!(body, fine);
            assert!(!is_unsealed(ExchangeRequest::QUEUE, fine));
        }
        assert!(is_unsealed(PublishJob::QUEUE, json!({"device_tokens": ["s"]})));
    }
}
