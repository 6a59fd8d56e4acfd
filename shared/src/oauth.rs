//! The OAuth 2 half of a provider: what its entry says, how consent is asked for, and the token call.
//!
//! Refuses to know where tokens rest. The token call is ours over reqwest, since the `oauth2` crate's own hides status
//! and headers, on which it depends whether a code or token counts as spent.

mod consent;
mod id_token;
mod provider;
mod refresh;
mod revoke;
mod token_call;

pub use consent::Consent;
pub use id_token::{Account, IdTokenError, IdTokens, JwksError};
pub use provider::{ClientAuth, DeadToken, OAuthProvider, RevocationTokens, Revokes, TokenRequest};
pub use refresh::{RefreshError, refresh};
pub use revoke::{RevokeError, TokenKind, revoke};
pub use token_call::{CodeGrant, TokenAnswer, TokenError, exchange_code};
