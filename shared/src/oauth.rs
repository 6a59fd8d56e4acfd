//! The OAuth 2 half of a provider: what its entry says, how consent is asked for, and the token call.
//!
//! Refuses to know where tokens rest. The token call is ours over reqwest, since the `oauth2` crate's own hides status
//! and headers, on which it depends whether a code or token counts as spent.

mod by_ring;
mod certificate;
mod consent;
mod credential;
mod entra;
mod id_token;
mod on_behalf_of;
mod provider;
mod refresh;
mod request;
mod revoke;
mod token_call;

pub use consent::Consent;
pub use credential::Credential;
pub use entra::{account_of, claims_another};
pub use id_token::{Account, IdTokenError, IdTokens, JwksError};
pub use on_behalf_of::on_behalf_of;
pub use provider::{AccountId, ClientAuth, DeadToken, OAuthProvider, RevocationTokens, Revokes, TokenRequest};
pub use refresh::{RefreshError, refresh};
pub use revoke::{RevokeError, Revoked, TokenKind, revoke};
pub use token_call::{CodeGrant, TokenAnswer, TokenError, exchange_code};
