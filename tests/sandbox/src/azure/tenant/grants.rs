//! Codes and refresh tokens: whose each is, and what becomes of one that comes again.

use std::collections::{HashMap, HashSet};

use super::refusal::Refused;
use super::scope::Scope;
use crate::app::now;
use crate::azure::directory::Directory;
use crate::azure::world::{Reuse, Settings};
use crate::grants::challenge_of;
use crate::random::unguessable;

#[derive(Default)]
pub(crate) struct Grants {
    codes: HashMap<String, Code>,
    refresh: HashMap<String, Refresh>,
    ended: HashSet<usize>,
    families: usize,
    /// `jti` of client assertions that came, with the client.
    assertions: HashSet<(String, String)>,
}

/// A user who signed in to a client.
#[derive(Clone)]
pub(crate) struct Session {
    pub(crate) tenant: String,
    pub(crate) user: String,
    pub(crate) client_id: String,
    /// For the next ID token only.
    pub(crate) nonce: Option<String>,
    /// What the user consented to.
    pub(crate) scope: Scope,
    /// Signed in with the claims that a challenge asked for.
    pub(crate) met_challenge: bool,
}

pub(crate) struct Code {
    pub(crate) session: Session,
    pub(crate) redirect_uri: String,
    /// S256 (RFC 7636).
    pub(crate) challenge: Option<String>,
    /// Seconds.
    pub(crate) expires_at: i64,
    pub(crate) is_used: bool,
}

#[derive(Clone)]
struct Refresh {
    session: Session,
    family: usize,
    is_superseded: bool,
    expires_at: i64,
}

impl Session {
    /// The name that the user signs in with.
    pub(crate) fn login(&self, directory: &Directory) -> String {
        let tenant = directory.tenant(&self.tenant).map_or("unknown", |tenant| tenant.name.as_str());
        format!("{}@{tenant}.example", self.user)
    }
}

impl Grants {
    pub(crate) fn keep(&mut self, code: Code) -> Result<String, Refused> {
        let name = unguessable("spc_")?;
        self.codes.insert(name.clone(), code);
        Ok(name)
    }

    /// Whose a code is. A wrong verifier does not spend it.
    pub(crate) fn redeem(
        &mut self,
        code: &str,
        client_id: &str,
        redirect_uri: &str,
        verifier: Option<&str>,
    ) -> Result<Session, Refused> {
        let no = |code, message| Err(Refused::grant(code, message));
        let Some(kept) = self.codes.get_mut(code) else {
            return no(9_002_313, "Invalid request. Request is malformed or invalid.");
        };
        if kept.session.client_id != client_id {
            return no(700_005, "Provided Authorization Code is intended to use against other client.");
        }
        if kept.is_used {
            return no(54_005, "OAuth2 Authorization code was already redeemed, please retry with a new valid code.");
        }
        if kept.expires_at <= now().as_second() {
            return no(70_008, "The provided authorization code has expired.");
        }
        if kept.redirect_uri != redirect_uri {
            return no(500_112, "The reply address does not match the one provided when requesting the code.");
        }
        if kept.challenge != verifier.map(challenge_of) {
            return no(501_481, "The Code_Verifier does not match the code_challenge supplied in the request.");
        }
        kept.is_used = true;
        Ok(kept.session.clone())
    }

    /// A refresh token of a new family.
    pub(crate) fn begin(&mut self, session: Session, settings: Settings) -> Result<String, Refused> {
        self.families += 1;
        self.issue(session, self.families, settings)
    }

    /// Whose a refresh token is, and the token that follows it.
    pub(crate) fn refresh(
        &mut self,
        token: &str,
        client_id: &str,
        settings: Settings,
    ) -> Result<(Session, String), Refused> {
        let no = |code, message| Err(Refused::grant(code, message));
        let Some(kept) = self.refresh.get_mut(token) else {
            return no(9_002_313, "Invalid request. Request is malformed or invalid.");
        };
        if kept.session.client_id != client_id {
            return no(700_007, "The refresh token is bound to a different client.");
        }
        if self.ended.contains(&kept.family) {
            let revoked = Refused::grant(50_173, "The provided grant has expired due to it being revoked.");
            return Err(revoked.with(Some("bad_token".into()), None));
        }
        if kept.expires_at <= now().as_second() {
            let expired = Refused::grant(700_082, "The refresh token has expired due to inactivity.");
            return Err(expired.with(Some("token_expired".into()), None));
        }
        if kept.is_superseded && settings.reuse == Reuse::EndsTheFamily {
            self.ended.insert(kept.family);
            return no(70_008, "The refresh token was already rotated (reuse detected).");
        }
        kept.is_superseded = true;
        let Refresh { session, family, .. } = kept.clone();
        let next = self.issue(session.clone(), family, settings)?;
        Ok((session, next))
    }

    /// Ends every session of the user; answers how many refresh tokens there were.
    pub(crate) fn end_all_of(&mut self, tenant: &str, user: &str) -> usize {
        let of = |kept: &&Refresh| kept.session.tenant == tenant && kept.session.user == user;
        let families: Vec<_> = self.refresh.values().filter(of).map(|kept| kept.family).collect();
        self.ended.extend(&families);
        families.len()
    }

    /// False where it came before.
    pub(crate) fn is_new_assertion(&mut self, client_id: &str, jti: &str) -> bool {
        self.assertions.insert((client_id.to_owned(), jti.to_owned()))
    }

    fn issue(&mut self, mut session: Session, family: usize, settings: Settings) -> Result<String, Refused> {
        session.nonce = None;
        let token = unguessable("spr_")?;
        let expires_at = now().as_second() + i64::from(settings.refresh_ttl);
        self.refresh.insert(token.clone(), Refresh { session, family, is_superseded: false, expires_at });
        Ok(token)
    }
}
