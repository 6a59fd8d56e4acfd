//! The authorization request that a user's browser is sent with (RFC 6749 §4.1.1, PKCE: RFC 7636).

use oauth2::basic::BasicClient;
use oauth2::{AuthUrl, ClientId, CsrfToken, PkceCodeChallenge, RedirectUrl, Scope};
use secrecy::SecretString;
use url::Url;

use super::OAuthProvider;

/// A consent that was begun: its code comes back to the redirect URI with this state.
pub struct Consent {
    /// Where the browser goes.
    pub url: Url,
    /// What must come back unchanged.
    pub state: String,
    /// What proves, with the code, that we began it.
    pub verifier: SecretString,
}

impl Consent {
    /// Begins a consent.
    ///
    /// # Errors
    /// If the redirect URI is not a URL.
    pub fn begin(provider: &OAuthProvider, redirect_uri: &str) -> Result<Self, String> {
        let redirect =
            RedirectUrl::new(redirect_uri.into()).map_err(|e| format!("redirect URI {redirect_uri}: {e}"))?;
        let client = BasicClient::new(ClientId::new(provider.client_id.clone()))
            .set_auth_uri(AuthUrl::from_url(provider.authorize_url.clone()))
            .set_redirect_uri(redirect);
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let scopes = provider.scopes.iter().cloned().map(Scope::new);
        let (url, state) =
            client.authorize_url(CsrfToken::new_random).add_scopes(scopes).set_pkce_challenge(challenge).url();
        Ok(Self { url, state: state.into_secret(), verifier: verifier.into_secret().into() })
    }
}
