//! An exchange request.

use clap::{ArgGroup, Args};
use jiff::Timestamp;
use sealpost_schemas::{ExchangeRequest, Grant};
use serde_json::{Value, json};

use super::asked::Asked;
use super::message;
use super::secret::SecretFrom;
use super::{Sending, Whose};
use crate::ops::read;

/// Consent, and whose it is.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("grant").args(["code", "assertion", "refresh_token", "file"]).required(true))]
#[command(after_help = "Secrets are named by where they are: env:VARIABLE, file:PATH, or - for stdin.")]
pub struct Exchange {
    #[command(flatten)]
    whose: Whose,
    /// Where the authorization code is.
    #[arg(long, value_name = "FROM", requires_all = ["code_verifier", "redirect_uri"])]
    code: Option<SecretFrom>,
    /// Where its PKCE verifier is.
    #[arg(long, value_name = "FROM", requires = "code")]
    code_verifier: Option<SecretFrom>,
    /// The redirect URI of the authorization request, to the letter.
    #[arg(long, value_name = "URI", requires = "code")]
    redirect_uri: Option<String>,
    /// Where the nonce of the authorization request is, if it had one.
    #[arg(long, value_name = "FROM", requires = "code")]
    nonce: Option<SecretFrom>,
    /// The issuer that the code came with (`iss`).
    #[arg(long, requires = "code")]
    iss: Option<String>,
    /// Where a user's access token is that was issued for us: the owner must be its `tid` and `oid`.
    #[arg(long, value_name = "FROM")]
    assertion: Option<SecretFrom>,
    /// Where a refresh token is that another system held.
    #[arg(long, value_name = "FROM")]
    refresh_token: Option<SecretFrom>,
    /// A scope that was asked for; may be repeated.
    #[arg(long = "scope", value_name = "SCOPE", conflicts_with = "file")]
    scopes: Vec<String>,
    /// Allows consent by another account of the provider than the stored one.
    #[arg(long, conflicts_with = "file")]
    replace_subject: bool,
    /// After this nothing is begun any more, as in `2026-11-22T12:00:00Z`.
    #[arg(long, value_name = "TIME", value_parser = read::time, conflicts_with = "file")]
    deadline: Option<Timestamp>,
    #[command(flatten)]
    pub(super) sending: Sending,
}

impl Exchange {
    pub(super) fn asked(&self) -> Result<Asked, String> {
        let made = message::made::<ExchangeRequest>(&self.sending, || self.parts())?;
        let brings_tokens = made.1.store_on_device || matches!(made.1.grant, Grant::Pickup(_));
        if brings_tokens && !self.sending.json {
            return Err("the answer has the only copy of the user's tokens, which a table does not show; ask with --json and keep \
                        what it prints. Nothing was sent"
                .into());
        }
        Ok(Asked::new(made, |request| Some(request.connection())))
    }

    fn parts(&self) -> Result<Value, String> {
        let mut parts = self.whose.fields();
        parts["grant"] = self.grant()?;
        parts["scopes"] = json!((!self.scopes.is_empty()).then_some(&self.scopes));
        parts["replace_subject"] = json!(self.replace_subject.then_some(true));
        parts["deadline"] = json!(self.deadline);
        Ok(parts)
    }

    fn grant(&self) -> Result<Value, String> {
        let secrets = [&self.code, &self.code_verifier, &self.nonce, &self.assertion, &self.refresh_token];
        if secrets.into_iter().flatten().filter(|from| matches!(from, SecretFrom::Stdin)).count() > 1 {
            return Err("only one secret can come from stdin; name files or variables for the others".into());
        }
        let read = |from: &Option<SecretFrom>, option| from.as_ref().map(|from| from.read(option)).transpose();
        if self.assertion.is_some() {
            return Ok(json!({"type": "on_behalf_of", "assertion": read(&self.assertion, "--assertion")?}));
        }
        if self.refresh_token.is_some() {
            return Ok(
                json!({"type": "refresh_token", "refresh_token": read(&self.refresh_token, "--refresh-token")?}),
            );
        }
        Ok(json!({
            "type": "authorization_code",
            "code": read(&self.code, "--code")?,
            "redirect_uri": self.redirect_uri,
            "code_verifier": read(&self.code_verifier, "--code-verifier")?,
            "nonce": read(&self.nonce, "--nonce")?,
            "iss": self.iss,
        }))
    }
}
