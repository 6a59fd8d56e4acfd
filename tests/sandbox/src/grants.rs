//! Codes, access tokens and refresh tokens, and which consent (grant) each comes from.
//!
//! A grant and all its tokens are one family. A code or a refresh token that comes a second time ends the family,
//! access tokens too: somebody has a copy, and nobody can tell who (RFC 6749 §4.1.2 and §10.4, RFC 9700 §4.14.2).

use std::collections::HashMap;

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::random::unguessable;
use crate::refusal::Refusal;
use crate::scopes::Scopes;

/// Every consent ever given, and what came of it. Nothing is forgotten, so that an old token is recognised as old.
#[derive(Default)]
pub(crate) struct Grants {
    codes: HashMap<String, Code>,
    families: Vec<Family>,
    refresh: HashMap<String, Refresh>,
    access: HashMap<String, Access>,
    reuse: Reuse,
}

/// What came a second time.
#[derive(Default, Clone, Copy, Serialize)]
pub(crate) struct Reuse {
    /// Times that a code came again.
    #[serde(rename = "code_reuses")]
    codes: u64,
    /// Times that a superseded refresh token came again.
    #[serde(rename = "refresh_reuses")]
    refresh_tokens: u64,
    /// Families that were alive until one of these.
    #[serde(rename = "families_ended_by_reuse")]
    families: u64,
}

/// All that was given out, also what is no longer good, in no order.
pub(crate) struct Given<'a> {
    pub(crate) codes: Vec<&'a String>,
    pub(crate) access_tokens: Vec<&'a String>,
    pub(crate) refresh_tokens: Vec<&'a String>,
}

struct Family {
    user: String,
    scopes: Scopes,
    alive: bool,
}

/// A consent that waits to be fetched.
pub(crate) struct Code {
    pub(crate) user: String,
    pub(crate) scopes: Scopes,
    /// Compared as text with what the token request says (RFC 6749 §4.1.3).
    pub(crate) redirect_uri: String,
    /// S256 (RFC 7636). Without one, a verifier in the token request is refused.
    pub(crate) challenge: Option<String>,
    /// For the ID token.
    pub(crate) nonce: Option<String>,
    pub(crate) expires_at: Timestamp,
    /// The family that the code made, once it was used.
    pub(crate) used_for: Option<usize>,
}

struct Refresh {
    family: usize,
    superseded: bool,
}

struct Access {
    family: usize,
    scopes: Scopes,
    expires_at: Timestamp,
    revoked: bool,
}

/// The answer of the token endpoint (RFC 6749 §5.1).
#[derive(Serialize)]
pub(crate) struct Tokens {
    access_token: String,
    token_type: &'static str,
    /// Seconds.
    expires_in: u32,
    refresh_token: String,
    scope: String,
    /// Where the scope `openid` was granted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id_token: Option<String>,
    #[serde(skip)]
    pub(crate) to: Bearer,
    /// The one of the authorization request; none at a refresh (`OpenID` Connect Core §12.2).
    #[serde(skip)]
    pub(crate) nonce: Option<String>,
}

/// Whom a good access token speaks for.
pub(crate) struct Bearer {
    pub(crate) user: String,
    pub(crate) scopes: Scopes,
}

impl Grants {
    /// Keeps a consent and answers its code.
    pub(crate) fn keep(&mut self, code: Code) -> Result<String, Refusal> {
        let name = unguessable("spc_")?;
        self.codes.insert(name.clone(), code);
        Ok(name)
    }

    /// Tokens for a code, once.
    pub(crate) fn redeem(
        &mut self,
        code: &str,
        redirect_uri: &str,
        verifier: Option<&str>,
        ttl: u32,
        now: Timestamp,
    ) -> Result<Tokens, Refusal> {
        let Some(kept) = self.codes.get_mut(code) else {
            return Err(Refusal::oauth("invalid_grant", "unknown code"));
        };
        if let Some(family) = kept.used_for {
            self.reuse.codes += 1;
            self.end_for_reuse(family);
            return Err(Refusal::oauth("invalid_grant", "the code was used before; all that came of it is revoked"));
        }
        if kept.expires_at <= now {
            return Err(Refusal::oauth("invalid_grant", "the code has expired"));
        }
        if kept.redirect_uri != redirect_uri {
            return Err(Refusal::oauth("invalid_grant", "redirect_uri is not the one that the code was made for"));
        }
        if kept.challenge != verifier.map(challenge_of) {
            return Err(Refusal::oauth("invalid_grant", "code_verifier does not match the code_challenge"));
        }
        let family = self.families.len();
        kept.used_for = Some(family);
        let (user, scopes, nonce) = (kept.user.clone(), kept.scopes.clone(), kept.nonce.clone());
        self.families.push(Family { user, scopes: scopes.clone(), alive: true });
        Ok(Tokens { nonce, ..self.issue(family, scopes, ttl, now)? })
    }

    /// A new family at once, without a code: the tests' short cut.
    pub(crate) fn mint(&mut self, user: String, scopes: Scopes, ttl: u32, now: Timestamp) -> Result<Tokens, Refusal> {
        self.families.push(Family { user, scopes: scopes.clone(), alive: true });
        self.issue(self.families.len() - 1, scopes, ttl, now)
    }

    /// New tokens for a refresh token, which is thereby superseded. Access tokens issued before live on.
    pub(crate) fn refresh(
        &mut self,
        token: &str,
        scopes: Option<Scopes>,
        ttl: u32,
        now: Timestamp,
    ) -> Result<Tokens, Refusal> {
        let Some(kept) = self.refresh.get_mut(token) else {
            return Err(Refusal::oauth("invalid_grant", "unknown refresh token"));
        };
        let family = kept.family;
        if kept.superseded {
            self.reuse.refresh_tokens += 1;
            self.end_for_reuse(family);
            return Err(Refusal::oauth("invalid_grant", "the refresh token was used before; the grant is revoked"));
        }
        if !self.families[family].alive {
            return Err(Refusal::oauth("invalid_grant", "the grant is revoked"));
        }
        let granted = self.families[family].scopes.clone();
        let scopes = scopes.unwrap_or_else(|| granted.clone());
        if !scopes.is_within(&granted) {
            return Err(Refusal::oauth("invalid_scope", format!("the user allowed only: {granted}")));
        }
        kept.superseded = true;
        self.issue(family, scopes, ttl, now)
    }

    fn issue(&mut self, family: usize, scopes: Scopes, ttl: u32, now: Timestamp) -> Result<Tokens, Refusal> {
        let (access_token, refresh_token) = (unguessable("spa_")?, unguessable("spr_")?);
        let scope = scopes.to_string();
        let expires_at = now + SignedDuration::from_secs(ttl.into());
        let to = Bearer { user: self.families[family].user.clone(), scopes: scopes.clone() };
        self.access.insert(access_token.clone(), Access { family, scopes, expires_at, revoked: false });
        self.refresh.insert(refresh_token.clone(), Refresh { family, superseded: false });
        let (id_token, nonce) = (None, None);
        Ok(Tokens { access_token, token_type: "Bearer", expires_in: ttl, refresh_token, scope, id_token, to, nonce })
    }

    /// RFC 7009: a refresh token (also a superseded one: it names the grant as well) ends its family, an access token
    /// only itself. False for a token that is none or no longer any.
    pub(crate) fn revoke(&mut self, token: &str) -> bool {
        if let Some(kept) = self.refresh.get(token) {
            return std::mem::replace(&mut self.families[kept.family].alive, false);
        }
        self.access.get_mut(token).is_some_and(|kept| !std::mem::replace(&mut kept.revoked, true))
    }

    /// Whom the access token speaks for, while it is good.
    pub(crate) fn bearer(&self, token: &str, now: Timestamp) -> Option<Bearer> {
        let kept = self.access.get(token)?;
        let family = &self.families[kept.family];
        (family.alive && !kept.revoked && kept.expires_at > now)
            .then(|| Bearer { user: family.user.clone(), scopes: kept.scopes.clone() })
    }

    /// The user withdraws every consent; answers how many families that ended.
    pub(crate) fn end_all_of(&mut self, user: &str) -> usize {
        let alive = self.families.iter_mut().filter(|family| family.alive && family.user == user);
        alive.map(|family| family.alive = false).count()
    }

    /// The user's access tokens expire now; answers how many did.
    pub(crate) fn expire_all_of(&mut self, user: &str, now: Timestamp) -> usize {
        let families = &self.families;
        let good = |kept: &&mut Access| families[kept.family].user == user && kept.expires_at > now;
        self.access.values_mut().filter(good).map(|kept| kept.expires_at = now).count()
    }

    /// The family of a refresh token, or of a code that was used, and its user.
    pub(crate) fn whose(&self, spent: &str) -> Option<(usize, String)> {
        let of_code = || self.codes.get(spent).and_then(|code| code.used_for);
        let family = self.refresh.get(spent).map(|kept| kept.family).or_else(of_code)?;
        Some((family, self.families[family].user.clone()))
    }

    /// Every code and token so far.
    pub(crate) fn given(&self) -> Given<'_> {
        Given {
            codes: self.codes.keys().collect(),
            access_tokens: self.access.keys().collect(),
            refresh_tokens: self.refresh.keys().collect(),
        }
    }

    /// What came a second time so far.
    pub(crate) fn reuse(&self) -> Reuse {
        self.reuse
    }

    fn end_for_reuse(&mut self, family: usize) {
        if std::mem::replace(&mut self.families[family].alive, false) {
            self.reuse.families += 1;
        }
    }
}

/// S256 of RFC 7636 §4.2.
pub(crate) fn challenge_of(verifier: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(verifier))
}

#[cfg(test)]
mod tests {
    use super::challenge_of;

    /// The example of RFC 7636, appendix B.
    #[test]
    fn a_challenge_is_made_as_the_rfc_shows() {
        let challenge = challenge_of("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        assert_eq!(challenge, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }
}
