//! Ids of messages: fresh ones, and those derived from what they follow.

use sealpost_schemas::{Connection, Message, Notice, Owner, PublishOutcome, RotationScope};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// A new id that sorts by the time it was made (UUID v7).
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the place that ids come from")]
pub fn fresh() -> Uuid {
    Uuid::now_v7()
}

/// The id of what follows from a message (UUID v5): the same follow-up of the same message has the same id, so that a
/// duplicate is recognised, and another outcome has another, so that a later truth is not taken for one. Producers
/// choose ids per owner, so the owner is part of it.
#[must_use]
pub fn follow_up(owner: Option<&Owner>, message: Uuid, name: &str, outcome: &str) -> Uuid {
    let (tenant, user) = owner.map_or(("", ""), |owner| (owner.tenant.as_str(), owner.user.as_str()));
    let mut text = Vec::new();
    for part in [tenant, user, name, outcome] {
        text.extend_from_slice(&(part.len() as u64).to_be_bytes());
        text.extend_from_slice(part.as_bytes());
    }
    Uuid::new_v5(&message, &text)
}

/// The id of a notice: one for each outcome of a job, however often that is told, and another one when it tells of new tokens
/// too; but for an outcome that is not known, since whether tokens wait is looked up there each time anew.
#[must_use]
pub fn notice(notice: &Notice) -> Uuid {
    let is_known = !matches!(notice.outcome, PublishOutcome::Unknown | PublishOutcome::Conflict);
    let outcome = serde_json::json!([notice.outcome, is_known && notice.tokens_refreshed]).to_string();
    follow_up(Some(&notice.owner), notice.job, Notice::NAME, &outcome)
}

/// The rotation that a tick of this scope begins. What is not about everything is never taken for what is, whatever id its
/// tick has: who may have one tenant's records rotated can guess the id of the scheduled tick.
#[must_use]
pub fn rotation(tick: Uuid, scope: &RotationScope) -> Uuid {
    let RotationScope { tenant, provider } = scope;
    if tenant.is_none() && provider.is_none() {
        return tick;
    }
    follow_up(None, tick, "rotation", &serde_json::json!([tenant, provider]).to_string())
}

/// The id of the request that brings this refresh token in: the same for the same connection, token and scopes, wherever
/// it is made. It tells nothing of a token that nobody can guess.
#[must_use]
pub fn import(connection: &Connection, token: &SecretString, scopes: Option<&[String]>) -> Uuid {
    let Connection { tenant, user, provider, label } = connection;
    let owner = Owner { tenant: tenant.clone(), user: user.clone() };
    let what = serde_json::json!([provider, label, hex::encode(token_digest(token)), scopes]).to_string();
    follow_up(Some(&owner), Uuid::nil(), "import", &what)
}

/// SHA-256 of a token, to tell whether two are the same.
#[must_use]
pub fn token_digest(token: &SecretString) -> [u8; 32] {
    Sha256::digest(token.expose_secret()).into()
}

#[cfg(test)]
mod tests {
    use sealpost_schemas::{Name, Owner};

    use super::{follow_up, fresh, notice};

    #[test]
    fn a_follow_up_depends_on_owner_message_name_and_outcome() {
        let owner =
            |tenant: &str, user: &str| Owner { tenant: Name::new(tenant).unwrap(), user: Name::new(user).unwrap() };
        let (acme, message) = (owner("acme", "u"), fresh());
        let id = follow_up(Some(&acme), message, "publish-result", "published");
        assert_eq!(id, follow_up(Some(&acme), message, "publish-result", "published"));
        for other in [
            follow_up(Some(&owner("acm", "eu")), message, "publish-result", "published"),
            follow_up(Some(&acme), fresh(), "publish-result", "published"),
            follow_up(Some(&acme), message, "publish-resul", "tpublished"),
            follow_up(Some(&acme), message, "publish-result", "unknown"),
            follow_up(None, message, "publish-result", "published"),
        ] {
            assert_ne!(id, other);
        }
    }

    #[test]
    fn a_notice_of_new_tokens_is_another_one_but_where_the_outcome_is_not_known() {
        for (outcome, apart) in [("published", true), ("failed", true), ("unknown", false), ("conflict", false)] {
            let of = |refreshed: bool| {
                let (job, phone) = (uuid::Uuid::nil(), "+237650000000");
                notice(&serde_json::from_value(serde_json::json!({
                    "id": job, "job": job, "owner": {"tenant": "acme", "user": "ada"}, "provider": "practice", "phone": phone,
                    "language": "en", "outcome": outcome, "tokens_refreshed": refreshed,
                })).unwrap())
            };
            assert_eq!(of(true) != of(false), apart, "{outcome}");
        }
    }
}
