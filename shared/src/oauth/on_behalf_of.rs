//! The on-behalf-of grant of the Microsoft identity platform: a user's access token for us becomes one for another API, with a
//! refresh token. <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-on-behalf-of-flow>

use std::time::Duration;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use super::token_call::spend;
use super::{Credential, OAuthProvider, TokenAnswer, TokenError};
use crate::pace::Pass;

/// What is asked for beside the API's scopes: an ID token, which says whose tokens came, and a refresh token.
const BESIDE: [&str; 2] = ["openid", "offline_access"];

/// Spends a user's access token for tokens with these scopes. `times`: how long that may take, and when it begins.
///
/// # Errors
/// [`TokenError`] tells whether the assertion may be spent.
pub async fn on_behalf_of(
    pass: &Pass,
    provider: &OAuthProvider,
    credential: &Credential,
    (assertion, scopes): (&SecretString, &[String]),
    times: (Duration, Timestamp),
) -> Result<TokenAnswer, TokenError> {
    let beside = BESIDE.into_iter().filter(|word| !scopes.iter().any(|scope| scope == word));
    let scope = scopes.iter().map(String::as_str).chain(beside).collect::<Vec<_>>().join(" ");
    let form = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
        ("assertion", assertion.expose_secret()),
        ("requested_token_use", "on_behalf_of"),
        ("scope", scope.as_str()),
    ];
    spend(pass, provider, credential, (&form, &[assertion]), times).await
}
