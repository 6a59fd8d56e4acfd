//! `revocation-requests`: connections that end, and the receipt. One connection and an owner's are ended here; a tenant's
//! fan out into `revocation-shards`, one message a shard.

mod position;
mod receipts;
mod shard;
mod sweep;

use std::collections::BTreeSet;
use std::sync::Arc;

use sealpost_schemas::{Code, Connection, Message, Name, Owner, RevocationRequest, RevocationScope, RevocationShard};
use sealpost_shared::failure::Failure;
use sealpost_shared::ids;
use sealpost_shared::records::{Revocation, Stored};
use sealpost_shared::tokens::{Ending, TokenKeeper};
use uuid::Uuid;

use self::receipts::{Parts, whole};
use crate::providers::Catalogue;
use crate::step::{Attempt, Emission, FollowUp, FollowUps, Step};

pub use self::shard::RevokeShard;
pub use self::sweep::sweep;

/// How many connections one message ends before it comes again for the rest.
const BUDGET: usize = 50;

/// How many such portions of an owner's connections one message tries, where they cannot be ended: each may take as long as two calls,
/// and the broker waits half an hour for an ack if nothing else is set (RabbitMQ, "Consumer Delivery Acknowledgement Timeout").
const PORTIONS: usize = 4;

/// How many of them at the same time.
const AT_ONCE: usize = 8;

/// The step.
pub struct Revoke {
    /// Where connections are kept.
    pub keeper: Arc<TokenKeeper>,
    /// The providers.
    pub catalogue: Arc<Catalogue>,
}

/// What follows: the receipt, or a message a shard.
pub enum Revoked {
    /// It is done.
    Receipt(Box<sealpost_schemas::RevocationResult>),
    /// The shards of a tenant.
    Shards(Vec<RevocationShard>),
}

impl Step for Revoke {
    type Input = RevocationRequest;
    type Output = Revoked;

    async fn run(&self, request: &RevocationRequest, at: Attempt) -> Result<Revoked, Failure> {
        match &request.scope {
            RevocationScope::Connection(connection) => {
                let Connection { tenant, user, .. } = connection.clone();
                self.owned(request, &Owner { tenant, user }, Some(connection), at).await
            }
            RevocationScope::Owner(owner) => self.owned(request, owner, None, at).await,
            RevocationScope::Tenant(tenant) => Ok(Revoked::Shards(self.shards(request, tenant))),
        }
    }
}

impl Revoke {
    /// Ends one connection of an owner, or all.
    async fn owned(
        &self,
        request: &RevocationRequest,
        owner: &Owner,
        one: Option<&Connection>,
        at: Attempt,
    ) -> Result<Revoked, Failure> {
        let store = self.keeper.store();
        let unreadable = |_| Failure::reject(Code::MalformedMessage, "the request does not serialize");
        let fingerprint = store.fingerprint(&serde_json::to_vec(request).map_err(unreadable)?);
        let Some(revocation) = store.begin_revocation(owner, request.id, &fingerprint).await? else {
            let message = "another revocation of this owner has this id; give each an id of its own";
            return Err(Failure::reject(Code::IdReused, message));
        };
        let stored: Vec<_> = match one {
            Some(connection) => vec![store.stored_of(owner, store.locate(connection))],
            None => self.all_of(owner, &revocation).await?,
        };
        let ending = Ending {
            revocation: &revocation,
            provider: |name: &_| self.catalogue.get(name).map(|provider| provider.oauth.clone()),
            now: at.now,
            attempt: at.number,
        };
        let mut parts = Parts::of(request.id, Some(owner));
        // those that cannot be ended hold up no others: not in this message, and not in the next
        let mut left = stored;
        let first = (at.number as usize - 1) * BUDGET * PORTIONS % left.len().max(1);
        left.rotate_left(first);
        for _ in 0..PORTIONS {
            if parts.done() < BUDGET {
                let rest = left.split_off(left.len().min(BUDGET));
                parts.end(&self.keeper, &ending, std::mem::replace(&mut left, rest)).await?;
            }
        }
        parts.name(one);
        if !left.is_empty() {
            parts.come_again();
        }
        let parts = parts.finished()?;
        let receipts = store.receipts(&revocation).await?;
        let named = |record: &_| match one {
            Some(connection) => Some(connection.clone()),
            None => parts.connection(record).or_else(|| self.by_default(owner, record)),
        };
        Ok(Revoked::Receipt(Box::new(whole((request.id, owner), receipts, named))))
    }

    /// What is there of an owner: records, and tombstones of records that are gone.
    async fn all_of(&self, owner: &Owner, revocation: &Revocation) -> Result<Vec<Stored>, Failure> {
        let store = self.keeper.store();
        let mut ids = store.owned(owner).await?;
        let stored = store.stored(&ids).await?;
        // one of a later consent is not looked at
        ids.retain(|id| stored.iter().all(|known| known.id != *id || revocation.is_about(known)));
        let buried = store.tombstones_owned(owner).await?;
        ids.extend(buried.into_iter().filter(|id| !ids.contains(id)).collect::<BTreeSet<_>>());
        Ok(ids.into_iter().map(|id| store.stored_of(owner, id)).collect())
    }

    /// The name of a record that was ended before, where it has the label that most have.
    fn by_default(&self, owner: &Owner, record: &sealpost_shared::records::RecordId) -> Option<Connection> {
        let label = Name::new("default")?;
        let mut all = self.catalogue.all().map(|(provider, _)| Connection::of(owner, provider, &label));
        all.find(|connection| self.keeper.store().locate(connection) == *record)
    }

    fn shards(&self, request: &RevocationRequest, tenant: &Name) -> Vec<RevocationShard> {
        let shard = |shard| RevocationShard {
            id: shard_id((tenant, request.id), shard, 0),
            request: request.id,
            tenant: tenant.clone(),
            shard,
            part: 0,
            tried: 0,
            left: 0,
            cursor: None,
        };
        (0..self.keeper.store().shards()).map(shard).collect()
    }
}

/// The same whenever the same part of the same request is made. Of a tenant no other one knows.
fn shard_id((tenant, request): (&Name, Uuid), shard: u16, part: u32) -> Uuid {
    ids::follow_up(None, request, RevocationShard::NAME, &format!("{shard} {part} {tenant}"))
}

impl FollowUps for Revoked {
    fn emission(self) -> Result<Emission, serde_json::Error> {
        match self {
            Self::Receipt(result) => Emission::answer(*result),
            Self::Shards(shards) => {
                let messages = shards.iter().map(|shard| FollowUp::of(shard).map(FollowUp::answering));
                Ok(Emission {
                    messages: messages.collect::<Result<_, _>>()?,
                    outcome: "fanned-out",
                    ..Emission::default()
                })
            }
        }
    }
}
