//! Tokens as a reply carries them: sealed to the client's key, where it gave one. Every token of a reply passes through here.

use sealpost_schemas::{Code, Connection, ExchangeRequest, FailureReport, Secret, Tokens};
use sealpost_shared::failure::Failure;
use sealpost_shared::records::TokenSet;
use sealpost_shared::wire::{ReplyKey, ReplyPlace, seal_reply};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use uuid::Uuid;

/// What the tokens of one reply are bound to.
#[derive(Clone, Copy)]
pub(super) struct Reply<'a> {
    /// The client's public key (JWK), if it gave one.
    pub(super) to: Option<&'a Value>,
    /// Whether there must be one.
    pub(super) must_seal: bool,
    /// The request's id.
    pub(super) request: Uuid,
    /// The connection.
    pub(super) connection: &'a Connection,
}

/// Why nothing can be sealed to the key that a request brings, if it brings one.
pub(super) fn problem_of_key(request: &ExchangeRequest) -> Option<FailureReport> {
    let why = ReplyKey::of(request.reply_key.as_ref()?).err()?;
    let message = format!("reply_key {why}; nothing was sent. Ask again with another key, under a new id");
    Some(FailureReport::new(Code::ReplyKeyRefused, message, false))
}

/// Tokens are asked for, and nothing says to whom they could be sealed.
pub(super) fn no_key() -> FailureReport {
    let message = "the answer carries tokens, and needs a reply_key that they are sealed to (schemas/wire.md); nothing was sent. \
                   Ask again with one, under a new id";
    FailureReport::new(Code::ReplyKeyRequired, message, false)
}

/// The tokens that a device is owed; `None`: there is no access token among them, which is a defect.
pub(super) fn tokens(reply: Reply<'_>, set: &TokenSet) -> Result<Option<Tokens>, Failure> {
    let key = reply.to.map(ReplyKey::of).transpose();
    let key = key.map_err(|why| Failure::reject(Code::ReplyKeyRefused, format!("reply_key {why}")))?;
    if reply.must_seal && key.is_none() {
        let message =
            "the tokens wait, and go to nobody without a reply_key that they are sealed to; pick them up with one";
        return Err(Failure::reject(Code::ReplyKeyRequired, message));
    }
    let one = |field, token: &SecretString| match &key {
        None => Ok(Secret::from(token.expose_secret().to_owned())),
        Some(key) => {
            let place = ReplyPlace { request: reply.request, connection: reply.connection, field };
            let sealed = seal_reply(key, place, token);
            sealed.map_err(|why| Failure::retry(Code::StepPanicked, format!("sealing {field} of the answer: {why}")))
        }
    };
    let one = |field, token: &Option<SecretString>| token.as_ref().map(|token| one(field, token)).transpose();
    let Some(access_token) = one("/tokens/access_token", &set.access_token)? else { return Ok(None) };
    let refresh_token = one("/tokens/refresh_token", &set.refresh_token)?;
    let id_token = one("/tokens/id_token", &set.id_token)?;
    Ok(Some(Tokens { access_token, refresh_token, id_token }))
}
