//! What an administrator or a policy does to a user: every token call for that user is refused, until it is taken back or, if
//! it is a claims challenge, until the user has signed in with those claims.

use std::collections::HashMap;

use serde::Deserialize;

use super::grants::Session;
use super::refusal::Refused;

#[derive(Default)]
pub(crate) struct Troubles(HashMap<(String, String), Trouble>);

/// As the answer will say it.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Trouble {
    error: String,
    code: u32,
    #[serde(default)]
    message: String,
    #[serde(default)]
    suberror: Option<String>,
    #[serde(default)]
    claims: Option<String>,
}

impl Troubles {
    /// None takes it back.
    pub(crate) fn put(&mut self, tenant: String, user: String, trouble: Option<Trouble>) {
        match trouble {
            Some(trouble) => drop(self.0.insert((tenant, user), trouble)),
            None => drop(self.0.remove(&(tenant, user))),
        }
    }

    /// The claims that this user is to sign in with.
    pub(crate) fn claims_of(&self, tenant: &str, user: &str) -> Option<&str> {
        self.0.get(&(tenant.to_owned(), user.to_owned()))?.claims.as_deref()
    }

    pub(crate) fn check(&self, session: &Session) -> Result<(), Refused> {
        let Some(trouble) = self.0.get(&(session.tenant.clone(), session.user.clone())) else { return Ok(()) };
        if trouble.claims.is_some() && session.met_challenge {
            return Ok(());
        }
        let refused = Refused::new(&trouble.error, trouble.code, &trouble.message);
        Err(refused.with(trouble.suberror.clone(), trouble.claims.clone()))
    }
}
