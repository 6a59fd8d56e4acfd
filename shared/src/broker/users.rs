//! Who may act for whom: the broker's users, and the tenants of each. Rests on the property `user_id`, in which RabbitMQ
//! takes nothing but the name of the user whose connection publishes. Refuses to believe any other word of a message.

use std::collections::{HashMap, HashSet};
use std::fmt;

use lapin::BasicProperties;
use sealpost_schemas::{Code, Name};
use serde::Deserialize;
use serde::de::{Deserializer, Error, SeqAccess, Visitor};

use super::message::{USER, header};
use crate::failure::Failure;

/// The broker's users, each with the tenants that it may act for. Whoever is not among them may act for nobody.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(transparent)]
pub struct Users(HashMap<String, Tenants>);

#[derive(Clone, Debug)]
enum Tenants {
    All,
    These(HashSet<Name>),
}

/// Who sent a message first, as far as the broker vouches for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Sender {
    /// Sealpost itself; where no users are configured, everybody is taken for it.
    #[default]
    Ours,
    /// A user of the broker.
    User(String),
    /// Somebody who did not say who he is.
    Nobody,
}

/// What the configuration says, and our own names at the broker.
pub(super) struct Gate {
    own: Vec<String>,
    users: Option<Users>,
}

impl Gate {
    pub(super) fn new(own: Vec<String>, users: Option<Users>) -> Self {
        Self { own, users }
    }

    /// Whether messages say who sent them.
    pub(super) const fn is_closed(&self) -> bool {
        self.users.is_some()
    }

    /// Who sent this message first. What we send again carries our name, and theirs in a header, which is believed of
    /// nobody who could not act for everybody anyway.
    pub(super) fn sender(&self, properties: &BasicProperties) -> Sender {
        let Some(users) = &self.users else { return Sender::Ours };
        let Some(user) = properties.user_id().as_ref().map(lapin::types::ShortString::as_str) else {
            return Sender::Nobody;
        };
        let own = self.own.iter().any(|name| name == user);
        if !own && !matches!(users.0.get(user), Some(Tenants::All)) {
            return Sender::User(user.to_owned());
        }
        match header(properties, USER) {
            Some("") => Sender::Nobody,
            Some(first) => Sender::User(first.to_owned()),
            None if own => Sender::Ours,
            None => Sender::User(user.to_owned()),
        }
    }

    /// Refuses what the sender may not do: act for this tenant; for all, if none is named.
    pub(super) fn pass(&self, sender: &Sender, tenant: Option<&Name>) -> Result<(), Failure> {
        let Some(users) = &self.users else { return Ok(()) };
        let user = match sender {
            Sender::Ours => return Ok(()),
            Sender::User(user) => user,
            Sender::Nobody => {
                let problem = "the message has no user_id; set it to the user of the connection that publishes, which \
                               broker.users must name";
                return Err(Failure::reject(Code::NotAllowed, problem));
            }
        };
        let problem = match (users.0.get(user), tenant) {
            (Some(Tenants::All), _) => return Ok(()),
            (Some(Tenants::These(tenants)), Some(tenant)) if tenants.contains(tenant) => return Ok(()),
            (Some(_), Some(tenant)) => {
                format!("broker.users does not let {user:?} act for tenant {:?}", tenant.as_str())
            }
            (Some(_), None) => format!("this is for all tenants, which broker.users lets {user:?} not act for"),
            (None, _) => format!("broker.users does not name {user:?}"),
        };
        Err(Failure::reject(Code::NotAllowed, problem))
    }
}

impl Sender {
    /// What the header says of it, in what we send again.
    pub(super) fn in_header(&self) -> Option<&str> {
        match self {
            Self::Ours => None,
            Self::User(name) => Some(name),
            Self::Nobody => Some(""),
        }
    }
}

impl<'de> Deserialize<'de> for Tenants {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Entry)
    }
}

struct Entry;

impl<'de> Visitor<'de> for Entry {
    type Value = Tenants;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of tenants, or \"*\" for all of them")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Tenants, E> {
        if text == "*" {
            Ok(Tenants::All)
        } else {
            Err(E::custom("must be a list of tenants, or \"*\" for all of them"))
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Tenants, A::Error> {
        let mut tenants = HashSet::new();
        while let Some(tenant) = entries.next_element::<Name>()? {
            if tenant.as_str() == "*" {
                return Err(A::Error::custom("must be \"*\" and no list, where all tenants are meant"));
            }
            tenants.insert(tenant);
        }
        Ok(Tenants::These(tenants))
    }
}

#[cfg(test)]
mod tests;
