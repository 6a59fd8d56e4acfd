//! A request of ours to a token endpoint, or to one beside it: the client proves who it is, as the provider's entry says.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use base64::prelude::{BASE64_STANDARD, Engine};
use jiff::Timestamp;
use reqwest::{Client, RequestBuilder};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use tokio::time::timeout;
use url::Url;
use url::form_urlencoded::byte_serialize;

use super::credential::{Credential, Proof};
use super::token_call::said;
use super::{ClientAuth, OAuthProvider, TokenRequest};
use crate::http::{Answered, NoAnswer};
use crate::pace::Pass;

/// RFC 7523 §2.2.
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// An answer, and what we proved ourselves with, which it may repeat.
pub(super) struct Replied {
    pub(super) answer: Answered,
    proofs: Vec<SecretString>,
}

impl Replied {
    /// Everything secret that was sent: the proofs, and these of the grant.
    pub(super) fn sent<'a>(&'a self, grant: &[&'a SecretString]) -> Vec<&'a str> {
        self.proofs.iter().chain(grant.iter().copied()).map(ExposeSecret::expose_secret).collect()
    }
}

/// A request as it is written, and what it proves us with.
pub(super) type Written = (RequestBuilder, Vec<SecretString>);

/// Sends these fields to this address, as [`ask_by`] does.
pub(super) async fn ask(
    pass: &Pass,
    provider: &OAuthProvider,
    credential: &Credential,
    to: (&Url, &[(&str, &str)]),
    times: (Duration, Timestamp),
) -> Result<Replied, NoAnswer> {
    let write = |credential: &Credential| authenticated(pass.client(), provider, credential, to, times.1);
    ask_by(pass, provider, credential, times, write).await
}

/// Sends what is written with the credential, and reads the answer to its end, within `limit`. Where the answer is that our
/// client is unknown, which spends nothing, and the vault has a newer secret, the same is sent once more with that.
pub(super) async fn ask_by(
    pass: &Pass,
    provider: &OAuthProvider,
    credential: &Credential,
    (limit, now): (Duration, Timestamp),
    write: impl Fn(&Credential) -> Result<Written, NoAnswer>,
) -> Result<Replied, NoAnswer> {
    let end = Instant::now() + limit;
    let replied = send(pass, write(credential)?, limit).await?;
    if !refuses_client(provider, &replied) {
        return Ok(replied);
    }
    let left = || end.saturating_duration_since(Instant::now());
    let renewed = timeout(left(), credential.renewed(provider, now)).await.ok().flatten();
    match renewed {
        // one that is sent late may lose its answer, and then it would not be known that nothing was spent
        Some(renewed) if left() >= limit / 2 => {
            tracing::info!(
                client_id = provider.client_id,
                "refused, and sent once more with a newer secret of the vault"
            );
            send(pass, write(&renewed)?, left()).await
        }
        _ => Ok(replied),
    }
}

async fn send(pass: &Pass, (request, proofs): Written, limit: Duration) -> Result<Replied, NoAnswer> {
    Ok(Replied { answer: pass.send(request.timeout(limit)).await?, proofs })
}

/// Whether an answer says of our client alone that it is no good (RFC 6749 §5.2).
fn refuses_client(provider: &OAuthProvider, replied: &Replied) -> bool {
    let Answered { status, body, .. } = &replied.answer;
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let is_refusal = (400..=499).contains(status) && *status != 429 && body["error"] == "invalid_client";
    is_refusal && !provider.says_dead(&said(*status, &body, &replied.sent(&[])))
}

/// The request, and what it proves us with.
pub(super) fn authenticated(
    client: &Client,
    provider: &OAuthProvider,
    credential: &Credential,
    (url, fields): (&Url, &[(&str, &str)]),
    now: Timestamp,
) -> Result<Written, NoAnswer> {
    let request = client.post(url.clone()).header("accept", "application/json");
    let (request, proofs) = proved(request, provider, credential, now)?;
    let mut fields: BTreeMap<&str, &str> = fields.iter().copied().collect();
    identify(provider, &proofs, &mut fields);
    let request = match provider.token_request {
        TokenRequest::Form => request.form(&fields),
        TokenRequest::Json => request.json(&fields),
    };
    Ok((request, proofs))
}

/// What a request proves us with, which is in its header already where that is its place; [`identify`] writes the rest.
pub(super) fn proved(
    request: RequestBuilder,
    provider: &OAuthProvider,
    credential: &Credential,
    now: Timestamp,
) -> Result<Written, NoAnswer> {
    let id = provider.client_id.as_str();
    Ok(match &credential.proof {
        Proof::Secret(secret) if provider.client_auth == ClientAuth::Basic => {
            let (name, password) = basic(id, secret.expose_secret());
            let header = BASE64_STANDARD.encode(format!("{name}:{password}")).into();
            (request.basic_auth(name, Some(password)), vec![secret.clone(), header])
        }
        Proof::Secret(secret) => (request, vec![secret.clone()]),
        Proof::Nothing => (request, Vec::new()),
        // good once, so that it is made for this very request
        Proof::Certificate(certified) => {
            (request, vec![certified.assertion(id, &provider.token_url, now).ok_or(NoAnswer::NotSent)?])
        }
    })
}

/// Says who we are in the fields that are yet to be written.
pub(super) fn identify<'a>(
    provider: &'a OAuthProvider,
    proofs: &'a [SecretString],
    fields: &mut BTreeMap<&'a str, &'a str>,
) {
    let id = provider.client_id.as_str();
    match provider.client_auth {
        ClientAuth::Basic => {}
        ClientAuth::None => drop(fields.insert("client_id", id)),
        ClientAuth::Post => {
            fields.insert("client_id", id);
            fields.extend(proofs.iter().map(|secret| ("client_secret", secret.expose_secret())));
        }
        ClientAuth::PrivateKeyJwt => {
            fields.extend([("client_id", id), ("client_assertion_type", JWT_BEARER)]);
            fields.extend(proofs.iter().map(|assertion| ("client_assertion", assertion.expose_secret())));
        }
    }
}

/// RFC 6749 §2.3.1: name and secret are form-encoded before they become Basic credentials.
fn basic(id: &str, secret: &str) -> (String, String) {
    let encoded = |text: &str| byte_serialize(text.as_bytes()).collect();
    (encoded(id), encoded(secret))
}
