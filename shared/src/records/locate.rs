//! Where a connection's record lies: keyed hashes of names, so that Redis tells nobody whose it is.

use std::fmt;
use std::sync::Arc;

use sealpost_schemas::{Connection, Name, ProviderId};

use crate::keys::IndexKey;
use crate::seal::RecordKey;

/// The shard and the hidden name of one record.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordId {
    /// The logical shard, which an owner's records share.
    pub shard: u16,
    /// The keyed hash of the connection.
    pub key: RecordKey,
}

/// Shard and hidden name, as operators see them in Redis.
impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:03}/{}", self.shard, self.key)
    }
}

impl fmt::Debug for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecordId({self})")
    }
}

/// The keyed hash of an owner, a tenant or a provider.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tag([u8; 32]);

impl Tag {
    pub(super) fn from_hex(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).ok()?;
        Some(Self(bytes))
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tag({self})")
    }
}

/// By what a record is found or picked without its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tags {
    /// Of tenant and user.
    pub owner: Tag,
    /// Of the tenant.
    pub tenant: Tag,
    /// Of the provider.
    pub provider: Tag,
}

/// Hashes names with the index key. The domains below are part of every stored key: they never change.
#[derive(Clone)]
pub(super) struct Locator {
    key: Arc<IndexKey>,
    shards: u16,
}

impl Locator {
    pub(super) fn new(key: Arc<IndexKey>, shards: u16) -> Self {
        Self { key, shards }
    }

    pub(super) fn shards(&self) -> u16 {
        self.shards
    }

    pub(super) fn fingerprint(&self) -> String {
        self.key.fingerprint()
    }

    /// The shard that everything of an owner lies in.
    pub(super) fn shard(&self, tenant: &Name, user: &Name) -> u16 {
        let (tenant, user) = (tenant.as_str().as_bytes(), user.as_str().as_bytes());
        let spread = self.key.hash("sealpost shard", &[tenant, user]);
        let number = spread.iter().take(8).fold(0, |number, byte| (number << 8) | u64::from(*byte));
        // A remainder of a u16 is a u16.
        u16::try_from(number % u64::from(self.shards.max(1))).unwrap_or_default()
    }

    pub(super) fn locate(&self, connection: &Connection) -> RecordId {
        let shard = self.shard(&connection.tenant, &connection.user);
        let (tenant, user) = (connection.tenant.as_str().as_bytes(), connection.user.as_str().as_bytes());
        let (provider, label) = (connection.provider.as_str().as_bytes(), connection.label.as_str().as_bytes());
        let key = self.key.hash("sealpost record", &[tenant, user, provider, label]);
        RecordId { shard, key: RecordKey::from_bytes(key) }
    }

    /// A keyed hash in a domain of its own, for what hides its names elsewhere.
    pub(super) fn hash(&self, domain: &str, parts: &[&[u8]]) -> [u8; 32] {
        self.key.hash(domain, parts)
    }

    pub(super) fn owner(&self, tenant: &Name, user: &Name) -> Tag {
        Tag(self.key.hash("sealpost owner", &[tenant.as_str().as_bytes(), user.as_str().as_bytes()]))
    }

    pub(super) fn tags(&self, connection: &Connection) -> Tags {
        Tags {
            owner: self.owner(&connection.tenant, &connection.user),
            tenant: self.tenant(&connection.tenant),
            provider: self.provider(&connection.provider),
        }
    }

    pub(super) fn refresh_token(&self, token: &[u8]) -> [u8; 32] {
        self.key.hash("sealpost refresh token", &[token])
    }

    pub(super) fn tenant(&self, tenant: &Name) -> Tag {
        Tag(self.key.hash("sealpost tenant", &[tenant.as_str().as_bytes()]))
    }

    pub(super) fn provider(&self, provider: &ProviderId) -> Tag {
        Tag(self.key.hash("sealpost provider", &[provider.as_str().as_bytes()]))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn locator(shards: u16) -> Locator {
        Locator::new(Arc::new(IndexKey::from_bytes(&[7; IndexKey::LEN])), shards)
    }

    fn connection(tenant: &str, user: &str, provider: &str, label: &str) -> Connection {
        let name = |text| Name::new(text).unwrap();
        let provider = ProviderId::new(provider).unwrap();
        Connection { tenant: name(tenant), user: name(user), provider, label: name(label) }
    }

    #[test]
    fn every_part_of_a_connection_counts_and_none_runs_into_the_next() {
        let connections = [
            connection("a", "bc", "d", "e"),
            connection("ab", "c", "d", "e"),
            connection("a", "b", "cd", "e"),
            connection("a", "bc", "d", "f"),
            connection("a", "bc", "x", "e"),
        ];
        let keys: HashSet<_> = connections.iter().map(|one| locator(256).locate(one).key).collect();
        assert_eq!(keys.len(), connections.len());
    }

    #[test]
    fn an_owner_has_one_shard_and_owners_spread_over_all() {
        let shard = |user: &str, label| locator(16).locate(&connection("acme", user, "gitea", label)).shard;
        assert_eq!(shard("ada", "one"), shard("ada", "two"));
        let met: HashSet<_> = (0..400).map(|user| shard(&user.to_string(), "one")).collect();
        assert_eq!(met, (0..16).collect());
    }

    #[test]
    fn equal_names_in_different_roles_have_different_tags() {
        let tags = locator(1).tags(&connection("x", "x", "x", "x"));
        assert_eq!(HashSet::from([tags.owner, tags.tenant, tags.provider]).len(), 3);
    }
}
