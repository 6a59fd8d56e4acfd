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
    /// What the ID token must repeat (`OpenID` Connect Core §3.1.2.1), where one is asked for.
    pub nonce: Option<SecretString>,
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
        let asking = client.authorize_url(CsrfToken::new_random).add_scopes(scopes).set_pkce_challenge(challenge);
        let (mut url, state) = asking.url();
        let nonce = provider.scopes.iter().any(|scope| scope == "openid").then(CsrfToken::new_random);
        if let Some(nonce) = &nonce {
            url.query_pairs_mut().append_pair("nonce", nonce.secret());
        }
        let nonce = nonce.map(|nonce| nonce.into_secret().into());
        Ok(Self { url, state: state.into_secret(), verifier: verifier.into_secret().into(), nonce })
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::super::provider::tests::provider;
    use super::Consent;

    #[test]
    fn a_nonce_is_asked_for_where_an_id_token_is() {
        let begin = |scopes: &str| Consent::begin(&provider(scopes), "http://127.0.0.1:1/callback").unwrap();
        let consent = begin("scopes = ['openid', 'posts.write']");
        let sent: Vec<_> = consent.url.query_pairs().filter(|(name, _)| name == "nonce").collect();
        let [(_, sent)] = &sent[..] else { panic!("{}", consent.url) };
        let nonce = consent.nonce.unwrap();
        assert!(nonce.expose_secret() == sent && sent.len() >= 16 && *sent != consent.state);
        let consent = begin("scopes = ['posts.write']");
        assert!(consent.nonce.is_none() && !consent.url.as_str().contains("nonce"));
    }
}
