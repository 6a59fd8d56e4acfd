//! Secrets that come unsealed where they must be sealed: they go nowhere from here.

use sealpost_schemas::codec::Encoding;
use sealpost_schemas::{Code, Queued};
use sealpost_shared::broker::Delivery;
use sealpost_shared::failure::Failure;
use sealpost_shared::wire::unsealed;
use serde_json::Value;

/// What stands beside secrets and is none.
const OPEN: [&str; 4] = ["type", "redirect_uri", "iss", "expires_at"];

/// Takes unsealed secrets out of a delivery, so that whatever becomes of it is without them: `null` stands in their places. The
/// refusal, where a message that can be read has one.
///
/// A message that cannot be read may have one where none should be. Of the objects that have secrets every text goes that is not
/// known to be none; and what is not even JSON or MessagePack goes whole.
pub(super) fn take_out<M: Queued>(
    read: &mut Result<(M, Encoding), Failure>,
    delivery: &mut Delivery,
) -> Option<Failure> {
    let Ok((message, encoding)) = read else {
        if !M::SECRETS.is_empty() {
            let encoding = Encoding::of(delivery.content_type.as_deref()).ok();
            match encoding.and_then(|encoding| Some((encoding, encoding.tree(&delivery.body).ok()?))) {
                Some((encoding, tree)) => replace(delivery, encoding, without_texts(tree, M::SECRETS)),
                None => delivery.body = Vec::new().into(),
            }
        }
        return None;
    };
    let (fields, encoding) = (unsealed(message), *encoding);
    let field = fields.first()?;
    let tree = encoding.tree(&delivery.body).ok().map(|mut tree| {
        for field in &fields {
            if let Some(place) = tree.pointer_mut(field) {
                *place = Value::Null;
            }
        }
        tree
    });
    replace(delivery, encoding, tree.or(Some(Value::Null)));
    let message = format!(
        "{field}: the secret came unsealed, and was not kept; seal it to the key that sealpost keys jwks shows \
         (schemas/wire.md), and know that this one has been in the broker's files"
    );
    Some(Failure::reject(Code::SealedRequired, message))
}

/// Puts this body in the place of the delivery's, if there is one.
fn replace(delivery: &mut Delivery, encoding: Encoding, body: Option<Value>) {
    if let Some(body) = body {
        delivery.body = encoding.encode(&body).unwrap_or_default().into();
    }
}

/// The body without texts in the objects that have these secrets; `None`: there are none.
fn without_texts(mut body: Value, secrets: &[&str]) -> Option<Value> {
    let mut changed = false;
    for field in secrets {
        let (holder, name) = field.rsplit_once('/')?;
        let Some(fields) = body.pointer_mut(holder) else { continue };
        let Value::Object(fields) = fields else {
            changed |= std::mem::take(fields) != Value::Null;
            continue;
        };
        for (other, value) in fields {
            let sealed = value.get("sealed").is_some_and(Value::is_string);
            if other == name && !sealed || value.is_string() && !OPEN.contains(&other.as_str()) {
                changed |= value.take() != Value::Null;
            }
        }
    }
    changed.then_some(body)
}

#[cfg(test)]
mod tests {
    use sealpost_schemas::{ExchangeRequest, PublishJob, Queued};
    use serde_json::json;

    use super::without_texts;

    #[test]
    fn of_what_cannot_be_read_nothing_stays_that_may_be_a_secret() {
        let sealed = json!({"sealed": "x", "key": "k"});
        for (before, after) in [
            (
                json!({"grant": {"type": "t", "code": "s", "cod": "s", "iss": "i", "nonce": sealed}}),
                json!({"grant": {"type": "t", "code": null, "cod": null, "iss": "i", "nonce": sealed}}),
            ),
            (
                json!({"grant": {"type": "t", "code": ["s"], "nonce": {"s": 5}}}),
                json!({"grant": {"type": "t", "code": null, "nonce": null}}),
            ),
            (json!({"grant": "s", "id": "i"}), json!({"grant": null, "id": "i"})),
            (json!({"grant": ["s"]}), json!({"grant": null})),
        ] {
            assert_eq!(without_texts(before, ExchangeRequest::SECRETS), Some(after));
        }
        let tokens = json!({"device_tokens": {"access_token": "s", "refresh_token": "s", "expires_at": "e"}});
        let bare = json!({"device_tokens": {"access_token": null, "refresh_token": null, "expires_at": "e"}});
        assert_eq!(without_texts(tokens, PublishJob::SECRETS), Some(bare));
    }

    #[test]
    fn what_has_no_plain_secret_stays_as_it_came() {
        let sealed = json!({"sealed": "x", "key": "k"});
        for fine in [json!({"grant": {"type": "t", "code": sealed}}), json!({}), json!([]), json!({"code": "c"})] {
            assert_eq!(without_texts(fine, ExchangeRequest::SECRETS), None);
        }
    }
}
