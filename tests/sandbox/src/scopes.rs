//! What a user can allow, in the protocol's words and in people's.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use crate::refusal::Refusal;

/// One thing that a user can allow.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scope {
    OpenId,
    Profile,
    PostsRead,
    PostsWrite,
}

impl Scope {
    const ALL: [Self; 4] = [Self::OpenId, Self::Profile, Self::PostsRead, Self::PostsWrite];

    fn name(self) -> &'static str {
        match self {
            Self::OpenId => "openid",
            Self::Profile => "profile",
            Self::PostsRead => "posts.read",
            Self::PostsWrite => "posts.write",
        }
    }

    /// For the consent page.
    pub(crate) fn in_words(self) -> &'static str {
        match self {
            Self::OpenId => "Know that it is you",
            Self::Profile => "See your user name",
            Self::PostsRead => "Read your posts",
            Self::PostsWrite => "Publish posts in your name",
        }
    }
}

/// A set of scopes, written separated by spaces (RFC 6749 §3.3).
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Scopes(BTreeSet<Scope>);

impl Scopes {
    /// What is asked for where a request names none: all but an ID token.
    pub(crate) fn usual() -> Self {
        Self([Scope::Profile, Scope::PostsRead, Scope::PostsWrite].into())
    }

    pub(crate) fn contains(&self, scope: Scope) -> bool {
        self.0.contains(&scope)
    }

    pub(crate) fn is_within(&self, granted: &Self) -> bool {
        self.0.is_subset(&granted.0)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Scope> {
        self.0.iter().copied()
    }
}

impl FromStr for Scopes {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let known = |name: &str| Scope::ALL.into_iter().find(|scope| scope.name() == name);
        let scopes: Option<BTreeSet<Scope>> = text.split(' ').filter(|name| !name.is_empty()).map(known).collect();
        match scopes {
            Some(scopes) if !scopes.is_empty() => Ok(Self(scopes)),
            _ => Err(Refusal::oauth("invalid_scope", format!("the scopes here are: {}", Self(Scope::ALL.into())))),
        }
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.iter().map(Scope::name).collect();
        f.write_str(&names.join(" "))
    }
}
