//! Tokens as a reply carries them. Every token of a reply passes through [`in_reply`].

use sealpost_schemas::{Connection, Secret, Tokens};
use sealpost_shared::failure::Failure;
use sealpost_shared::records::TokenSet;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use uuid::Uuid;

/// What the tokens of one reply are bound to.
#[derive(Clone, Copy)]
pub(super) struct Reply<'a> {
    /// The client's public key (JWK), if it gave one.
    pub(super) to: Option<&'a Value>,
    /// The request's id.
    pub(super) request: Uuid,
    /// The connection.
    pub(super) connection: &'a Connection,
}

/// The one place where a token becomes a reply's field.
#[expect(clippy::unnecessary_wraps, reason = "what seals it may fail")]
fn in_reply(reply: Reply<'_>, field: &'static str, token: &SecretString) -> Result<Secret, Failure> {
    // what it is to be sealed to and bound to
    let _ = (reply.to, reply.request, reply.connection, field);
    Ok(Secret::from(token.expose_secret().to_owned()))
}

/// The tokens that a device is owed; `None`: there is no access token among them, which is a defect.
pub(super) fn tokens(reply: Reply<'_>, set: &TokenSet) -> Result<Option<Tokens>, Failure> {
    let one =
        |field, token: &Option<SecretString>| token.as_ref().map(|token| in_reply(reply, field, token)).transpose();
    let Some(access_token) = one("tokens.access_token", &set.access_token)? else { return Ok(None) };
    let refresh_token = one("tokens.refresh_token", &set.refresh_token)?;
    let id_token = one("tokens.id_token", &set.id_token)?;
    Ok(Some(Tokens { access_token, refresh_token, id_token }))
}
