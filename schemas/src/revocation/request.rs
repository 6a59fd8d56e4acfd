//! What is to end. Nothing here is optional: a misspelt field is never taken for "everything".

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use serde_json::json;
use uuid::Uuid;

use super::RevocationResult;
use crate::message::queues::REVOCATION_REQUESTS;
use crate::{Answer, Connection, FailureReport, Message, Name, Owner, ProviderId, Queued};

/// Asks for connections to be revoked at their providers and deleted.
#[derive(Clone, Debug)]
pub struct RevocationRequest {
    /// The same id is the same revocation.
    pub id: Uuid,
    /// Which ones.
    pub scope: RevocationScope,
    /// Of whom it speaks, where it speaks of one.
    owner: Option<Owner>,
}

/// Which connections end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RevocationScope {
    /// This one.
    Connection(Connection),
    /// All of this owner.
    Owner(Owner),
    /// All of this tenant.
    Tenant(Name),
}

impl RevocationRequest {
    /// Asks for these to end.
    #[must_use]
    pub fn new(id: Uuid, scope: RevocationScope) -> Self {
        let owner = match &scope {
            RevocationScope::Connection(Connection { tenant, user, .. })
            | RevocationScope::Owner(Owner { tenant, user }) => {
                Some(Owner { tenant: tenant.clone(), user: user.clone() })
            }
            RevocationScope::Tenant(_) => None,
        };
        Self { id, scope, owner }
    }
}

/// The word for a scope.
#[derive(Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Word {
    /// One connection: `owner`, `provider` and `label` say which.
    Connection,
    /// All connections of `owner`.
    Owner,
    /// All connections of `tenant`.
    Tenant,
}

/// Whose connections. Nothing else is taken here.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Whose {
    /// The application's customer or site.
    tenant: Name,
    /// The application's user.
    user: Name,
}

/// Asks for connections to be revoked at their providers and deleted. Each scope needs exactly its fields; any other field
/// is refused, so that a misspelt one is never taken for "everything".
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "RevocationRequest", transform = without_defaults, extend("oneOf" = [
    {"properties": {"scope": {"const": "connection"}, "tenant": false}, "required": ["owner", "provider", "label"]},
    {"properties": {"scope": {"const": "owner"}, "tenant": false, "provider": false, "label": false}, "required": ["owner"]},
    {"properties": {"scope": {"const": "tenant"}, "owner": false, "provider": false, "label": false}, "required": ["tenant"]},
]))]
struct Form {
    /// The same id is the same revocation.
    id: Uuid,
    /// Which connections end.
    scope: Word,
    /// Whose, in scope `connection` and `owner`.
    #[serde(default, deserialize_with = "there")]
    #[schemars(with = "Whose")]
    owner: Option<Whose>,
    /// The tenant, in scope `tenant`.
    #[serde(default, deserialize_with = "there")]
    #[schemars(with = "Name")]
    tenant: Option<Name>,
    /// The provider's name in the catalogue, in scope `connection`.
    #[serde(default, deserialize_with = "there")]
    #[schemars(with = "ProviderId")]
    provider: Option<ProviderId>,
    /// Which of several accounts, in scope `connection`.
    #[serde(default, deserialize_with = "there")]
    #[schemars(with = "Name")]
    label: Option<Name>,
}

/// What may be left out has no default: it is not there.
fn without_defaults(schema: &mut schemars::Schema) {
    let properties = schema.get_mut("properties").and_then(serde_json::Value::as_object_mut);
    for property in properties.into_iter().flat_map(|all| all.values_mut()) {
        property.as_object_mut().map(|property| property.remove("default"));
    }
}

/// A field that is there has a value: null is none.
fn there<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

impl<'de> Deserialize<'de> for RevocationRequest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Form { id, scope, owner, tenant, provider, label } = Form::deserialize(deserializer)?;
        let owner = owner.map(|Whose { tenant, user }| Owner { tenant, user });
        let scope = match (scope, owner, tenant, provider, label) {
            (Word::Connection, Some(owner), None, Some(provider), Some(label)) => {
                RevocationScope::Connection(Connection::of(&owner, &provider, &label))
            }
            (Word::Owner, Some(owner), None, None, None) => RevocationScope::Owner(owner),
            (Word::Tenant, None, Some(tenant), None, None) => RevocationScope::Tenant(tenant),
            (Word::Connection, ..) => {
                return Err(D::Error::custom(
                    "must have owner, provider and label for scope connection, and no other field",
                ));
            }
            (Word::Owner, ..) => return Err(D::Error::custom("must have owner for scope owner, and no other field")),
            (Word::Tenant, ..) => {
                return Err(D::Error::custom("must have tenant for scope tenant, and no other field"));
            }
        };
        Ok(Self::new(id, scope))
    }
}

impl Serialize for RevocationRequest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &self.id)?;
        match &self.scope {
            RevocationScope::Connection(Connection { tenant, user, provider, label }) => {
                map.serialize_entry("scope", &Word::Connection)?;
                map.serialize_entry("owner", &json!({"tenant": tenant, "user": user}))?;
                map.serialize_entry("provider", provider)?;
                map.serialize_entry("label", label)?;
            }
            RevocationScope::Owner(owner) => {
                map.serialize_entry("scope", &Word::Owner)?;
                map.serialize_entry("owner", owner)?;
            }
            RevocationScope::Tenant(tenant) => {
                map.serialize_entry("scope", &Word::Tenant)?;
                map.serialize_entry("tenant", tenant)?;
            }
        }
        map.end()
    }
}

impl JsonSchema for RevocationRequest {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        Form::schema_name()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        Form::json_schema(generator)
    }
}

impl Message for RevocationRequest {
    const NAME: &'static str = "revocation-request";
    const VERSION: u16 = 1;
    fn id(&self) -> Uuid {
        self.id
    }
}

impl Queued for RevocationRequest {
    const QUEUE: &'static str = REVOCATION_REQUESTS;
    fn deadline(&self) -> Option<Timestamp> {
        None
    }
    fn owner(&self) -> Option<&Owner> {
        self.owner.as_ref()
    }
    fn tenant(&self) -> Option<&Name> {
        match &self.scope {
            RevocationScope::Connection(Connection { tenant, .. })
            | RevocationScope::Owner(Owner { tenant, .. })
            | RevocationScope::Tenant(tenant) => Some(tenant),
        }
    }
    fn failed(&self, id: Uuid, failure: FailureReport) -> Option<Answer> {
        Answer::of(RevocationResult::failed(id, self.id, failure)).ok()
    }
    fn unread(id: Uuid, message: Uuid, failure: FailureReport) -> Option<Answer> {
        Answer::of(RevocationResult::failed(id, message, failure)).ok()
    }
}
