//! `revocation-shards`: a tenant's connections in one shard end, within a budget a message, and the last shard that is done
//! answers for all.

use std::sync::Arc;

use sealpost_schemas::{Answer, Code, ProviderId, RevocationResult, RevocationShard};
use sealpost_shared::failure::Failure;
use sealpost_shared::oauth::OAuthProvider;
use sealpost_shared::records::{Cursor, Held, RecordId, Revocation, Stored, Tag};
use sealpost_shared::tokens::{Ending, TokenKeeper};

use super::receipts::{Parts, counted, done};
use super::{BUDGET, shard_id};
use crate::providers::Catalogue;
use crate::step::{Attempt, Emission, FollowUp, FollowUps, Step};

/// About how many things are read at once.
const PAGE: usize = 256;

/// The step of one shard.
pub struct RevokeShard {
    /// Where connections are kept.
    pub keeper: Arc<TokenKeeper>,
    /// The providers.
    pub catalogue: Arc<Catalogue>,
}

/// What follows: receipts of what ended, a continuation, and the last word on the whole.
pub struct Ended {
    told: Option<Answer>,
    continuation: Option<RevocationShard>,
    whole: Option<RevocationResult>,
}

impl Step for RevokeShard {
    type Input = RevocationShard;
    type Output = Ended;

    async fn run(&self, shard: &RevocationShard, at: Attempt) -> Result<Ended, Failure> {
        let store = self.keeper.store();
        let shards = store.shards();
        if shard.shard >= shards {
            let message = format!("shard: this store has shards 0 to {}", shards - 1);
            return Err(Failure::reject(Code::MalformedMessage, message));
        }
        let fingerprint = store.fingerprint(shard.tenant.as_str().as_bytes());
        let begun = store.begin_tenants_revocation(&shard.tenant, shard.shard, shard.request, &fingerprint);
        let reused = || Failure::reject(Code::IdReused, "another revocation of this tenant has this id");
        let revocation = begun.await?.ok_or_else(reused)?;
        let mut parts = Parts::of(shard.request, None);
        let ending = Ending {
            revocation: &revocation,
            provider: |name: &_| self.catalogue.get(name).map(|provider| provider.oauth.clone()),
            now: at.now,
            attempt: at.number,
        };
        if self.records(shard, &ending, &mut parts).await? {
            let continuation = Some(continued(shard));
            return Ok(Ended { told: parts.event(), continuation, whole: None });
        }
        if parts.is_done() {
            // of those that were met just now there are none, or they wait for the next attempt
            self.tombstones(shard, &ending, &mut parts).await?;
        }
        let told = parts.finished()?.event();
        let counts = counted(store.receipts(&revocation).await?.into_values());
        let (tenant, request) = (&shard.tenant, shard.request);
        let finished = store.finish_revocation((tenant, request), (shard.shard, shards), counts).await;
        match finished {
            Ok(all) => {
                let whole = all.map(|all| done((request, None, tenant.as_str()), Vec::new(), all));
                Ok(Ended { told, continuation: None, whole })
            }
            Err(error) => Err(Failure::from(error).with_events(told)),
        }
    }
}

impl RevokeShard {
    /// Ends what is stored, as far as the budget goes; whether more may be left.
    async fn records<P>(
        &self,
        shard: &RevocationShard,
        ending: &Ending<'_, P>,
        parts: &mut Parts<'_>,
    ) -> Result<bool, Failure>
    where
        P: Fn(&ProviderId) -> Option<OAuthProvider> + Sync,
    {
        let store = self.keeper.store();
        let tenant = store.tag_of(&shard.tenant);
        for version in self.keeper.oldest_first(shard.shard).await? {
            let mut cursor = Some(Cursor::default());
            while let Some(from) = cursor {
                let (held, next) = store.walk_held(shard.shard, &version, from, PAGE).await?;
                let ids: Vec<_> = held.into_iter().filter_map(record).collect();
                let wanted = of(&store.stored(&ids).await?, tenant, ending.revocation);
                for some in wanted.chunks(BUDGET) {
                    let left = BUDGET.saturating_sub(parts.len());
                    parts.end(&self.keeper, ending, some.iter().take(left).copied().collect()).await?;
                    if parts.len() >= BUDGET {
                        return Ok(true);
                    }
                }
                cursor = next;
            }
        }
        Ok(false)
    }

    /// Goes on with what is buried, also by others.
    async fn tombstones<P>(
        &self,
        shard: &RevocationShard,
        ending: &Ending<'_, P>,
        parts: &mut Parts<'_>,
    ) -> Result<(), Failure>
    where
        P: Fn(&ProviderId) -> Option<OAuthProvider> + Sync,
    {
        let store = self.keeper.store();
        let tenant = store.tag_of(&shard.tenant);
        let mut buried: Vec<Stored> = Vec::new();
        for id in store.tombstones_in(shard.shard).await? {
            let Some(tombstone) = store.load_tombstone(&id).await? else { continue };
            let tags = tombstone.tags;
            if tags.tenant == tenant && buried.iter().all(|known| known.id != id.record) {
                buried.push(Stored { id: id.record, owner: tags.owner, tenant, epoch: 0 });
            }
            if buried.len() > BUDGET {
                break;
            }
        }
        let more = buried.len() > BUDGET;
        buried.truncate(BUDGET);
        parts.end(&self.keeper, ending, buried).await?;
        if more {
            parts.come_again();
        }
        Ok(())
    }
}

fn continued(shard: &RevocationShard) -> RevocationShard {
    let part = shard.part.saturating_add(1);
    RevocationShard { id: shard_id((&shard.tenant, shard.request), shard.shard, part), part, ..shard.clone() }
}

/// Those of a tenant that the revocation is about.
fn of(stored: &[Stored], tenant: Tag, revocation: &Revocation) -> Vec<Stored> {
    stored.iter().filter(|one| one.tenant == tenant && revocation.is_about(one)).copied().collect()
}

fn record(held: Held) -> Option<RecordId> {
    match held {
        Held::Record(id) => Some(id),
        Held::Entry(_) | Held::Tombstone(_) | Held::Park(_) => None,
    }
}

impl FollowUps for Ended {
    fn emission(self) -> Result<Emission, serde_json::Error> {
        let continuation = self.continuation.iter().map(|shard| FollowUp::of(shard).map(FollowUp::answering));
        let messages: Vec<_> = continuation.collect::<Result<_, _>>()?;
        let outcome = if messages.is_empty() { "shard-done" } else { "continued" };
        let answer = self.whole.map(Answer::of).transpose()?;
        Ok(Emission { messages, answer, events: self.told.into_iter().collect(), outcome, ..Emission::default() })
    }
}
