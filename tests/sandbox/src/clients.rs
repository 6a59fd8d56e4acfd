//! The one registered client, and how it proves itself: `client_secret_basic` or `client_secret_post`.

use axum::http::{HeaderMap, header};
use base64::prelude::{BASE64_STANDARD, Engine};
use url::form_urlencoded;

use crate::fields::Fields;
use crate::refusal::Refusal;

/// The client as registered. Its secret is a practice secret, and still never shown.
pub(crate) struct Client {
    pub(crate) id: String,
    pub(crate) secret: String,
    pub(crate) name: String,
}

impl Client {
    /// Checks the credentials of a call to the token or revocation endpoint (RFC 6749 §2.3.1).
    pub(crate) fn authenticate(&self, headers: &HeaderMap, fields: &Fields) -> Result<(), Refusal> {
        let (id, secret) = match (headers.get(header::AUTHORIZATION), fields.get("client_secret")) {
            (Some(_), Some(_)) => {
                return Err(Refusal::oauth("invalid_request", "the client authenticates in two ways at once"));
            }
            (Some(value), None) => {
                let (id, secret) = value
                    .to_str()
                    .ok()
                    .and_then(basic)
                    .ok_or_else(|| Refusal::invalid_client("the Authorization header is no valid Basic one"))?;
                if fields.get("client_id").is_some_and(|named| named != id) {
                    return Err(Refusal::oauth("invalid_request", "client_id is not who authenticates"));
                }
                (id, secret)
            }
            (None, Some(secret)) => (fields.required("client_id")?.to_owned(), secret.to_owned()),
            (None, None) => return Err(Refusal::invalid_client("the client does not authenticate")),
        };
        if id == self.id && secret == self.secret {
            Ok(())
        } else {
            Err(Refusal::invalid_client("unknown client or wrong secret"))
        }
    }
}

/// Id and secret are form-encoded before they are put together (RFC 6749 §2.3.1): `:` and non-ASCII depend on it.
fn basic(header: &str) -> Option<(String, String)> {
    let (scheme, credentials) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let credentials = String::from_utf8(BASE64_STANDARD.decode(credentials.trim()).ok()?).ok()?;
    let (id, secret) = credentials.split_once(':')?;
    Some((decoded(id)?, decoded(secret)?))
}

/// One form-encoded word: as a form it is a single name without a value.
fn decoded(word: &str) -> Option<String> {
    form_urlencoded::parse(word.as_bytes()).next().map(|(name, _)| name.into_owned())
}
