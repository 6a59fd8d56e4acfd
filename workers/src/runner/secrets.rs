//! Secrets that come unsealed where they must be sealed: they go nowhere from here.

use sealpost_schemas::codec::{Encoding, MAX_BODY};
use sealpost_schemas::{Code, Queued, all_secrets, name_of};
use sealpost_shared::broker::Delivery;
use sealpost_shared::failure::Failure;
use sealpost_shared::wire::{is_sealed, take_unsealed};
use serde_json::Value;

use super::read::Input;

/// What the user wrote: whatever is in it is to be published.
const CONTENT: &str = "content";

/// What is added to the reason why a message is put aside without its body.
const NOT_KEPT: &str =
    "; nobody can see whether its body holds unsealed secrets, so that it was not kept: have it sent anew";

/// Takes unsealed secrets out of a delivery, so that whatever becomes of it is without them: `null` stands in their places. The
/// refusal, where a message that can be read has one.
///
/// In the objects that have secrets every text is one that is not sealed and not known to be none, since a name may be misspelt. A
/// message that cannot be read may have one elsewhere too, under one of their names; one that is for a newer worker may have new
/// fields. What is not even JSON or MessagePack, or too large to be looked at, goes whole.
pub(super) fn take_out<M: Queued>(read: &mut Result<Input<M>, Failure>, delivery: &mut Delivery) -> Option<Failure> {
    let is_of_newer = match read {
        Ok(_) if M::SECRETS.is_empty() => return None,
        Ok(input) => {
            if input.is_all && input.message.secrets().is_empty() {
                return None;
            }
            false
        }
        // a newer version of a message without secrets has other things under the names of other messages' secrets
        Err(failure) if failure.code == Code::UnknownVersion && M::SECRETS.is_empty() => return None,
        Err(failure) => failure.code == Code::UnknownVersion,
    };
    let encoding = Encoding::of(delivery.content_type.as_deref()).ok().filter(|_| delivery.body.len() <= MAX_BODY);
    let tree = encoding.and_then(|encoding| Some((encoding, encoding.tree(&delivery.body).ok()?)));
    let Some((encoding, mut tree)) = tree.filter(|(_, tree)| tree.is_object()) else {
        delivery.body = Vec::new().into();
        if let Err(failure) = read {
            failure.message += NOT_KEPT;
        }
        return None;
    };
    let all: Vec<_> = all_secrets().collect();
    let found = match read {
        Ok(_) => take_unsealed(&mut tree, M::SECRETS),
        Err(_) if is_of_newer => by_name(&mut tree, &all),
        Err(_) => take_unsealed(&mut tree, &all).or(by_name(&mut tree, &all)),
    };
    // written anew also where nothing was found: a name that stands twice has one value in the tree
    delivery.body = encoding.encode(&tree).unwrap_or_default().into();
    let field = found?;
    if let Err(failure) = read {
        // where `null` stands now, a replay would not bring back what was there
        failure.message =
            format!("{}; {field} came unsealed and was not kept: have it sent anew, sealed", failure.message);
        return None;
    }
    let message = format!(
        "{field}: the secret came unsealed, and was not kept; seal it to the key that sealpost keys jwks shows \
         (schemas/wire.md), and know that this one has been in the broker's files"
    );
    Some(Failure::reject(Code::SealedRequired, message))
}

/// Takes every text that is called like one of these secrets, wherever it is.
fn by_name(value: &mut Value, secrets: &[&'static str]) -> Option<&'static str> {
    let mut found = None;
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let called = secrets.iter().find(|field| name_of(field) == name);
                let taken = match called {
                    Some(field) if !is_sealed(value) && !value.is_null() => {
                        value.take();
                        Some(*field)
                    }
                    Some(_) => None,
                    None if name == CONTENT => None,
                    None => by_name(value, secrets),
                };
                found = found.or(taken);
            }
        }
        Value::Array(items) => {
            for item in items {
                found = found.or(by_name(item, secrets));
            }
        }
        _ => {}
    }
    found
}

#[cfg(test)]
mod tests {
    use sealpost_schemas::{ExchangeRequest, Queued, all_secrets};
    use serde_json::json;

    use super::by_name;

    #[test]
    fn of_a_message_that_cannot_be_read_nothing_stays_that_is_called_like_a_secret() {
        let sealed = json!({"sealed": "x", "key": "k"});
        let mut body = json!({
            "grnat": {"code": "s"}, "payload": [{"refresh_token": ["s"]}], "access_token": "s",
            "grant": {"code": sealed, "kind": "new"}, "content": {"code": "a post"},
        });
        assert!(by_name(&mut body, &all_secrets().collect::<Vec<_>>()).is_some());
        let after = json!({
            "grnat": {"code": null}, "payload": [{"refresh_token": null}], "access_token": null,
            "grant": {"code": sealed, "kind": "new"}, "content": {"code": "a post"},
        });
        assert_eq!(body, after);
    }

    #[test]
    fn what_has_no_plain_secret_stays_as_it_came() {
        let sealed = json!({"sealed": "x", "key": "k"});
        for fine in [json!({"grant": {"type": "t", "code": sealed}}), json!({}), json!({"grant": {"more": 1}})] {
            let mut body = fine.clone();
            assert_eq!(by_name(&mut body, ExchangeRequest::SECRETS), None);
            assert_eq!(body, fine);
        }
    }
}
