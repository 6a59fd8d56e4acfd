//! Refreshing one record in a sweep, and sealing it anew whatever came of that.

use crate::tokens::Providers;
use std::sync::Arc;

use jiff::SignedDuration;
use sealpost_schemas::{Answer, Code, RotationCounts};

use super::{Sweep, TokenKeeper, Walk};
use crate::failure::{Failure, Verdict};
use crate::records::{Custody, Record, RecordId, State};
use crate::tokens::Access;

impl TokenKeeper {
    /// Refreshes a record that is in the sweep's scope and was not refreshed since it was scheduled. A record that could
    /// not be refreshed is sealed anew all the same, so that an old key version is not needed for ever.
    pub(super) async fn renew<P>(
        self: &Arc<Self>,
        walk: &Walk<'_, P>,
        id: &RecordId,
    ) -> Result<(RotationCounts, Vec<Answer>), Failure>
    where
        P: Providers,
    {
        let Some(record) = self.store.load(id).await? else { return Ok(Default::default()) };
        if !walk.scope.has(&record) {
            return Ok(Default::default());
        }
        let mut counts = RotationCounts::default();
        let events = match self.refreshed(walk, &record, &mut counts).await {
            Ok(events) => events,
            // the provider asks for fewer requests, or the store is away: the page comes again
            Err(failure) if comes_again(&failure, walk.sweep) => return Err(failure),
            Err(failure) => {
                tracing::warn!(record = %id, code = failure.code.as_str(), reason = failure.message, "not refreshed");
                counts.failed += 1;
                failure.events
            }
        };
        match self.reseal(walk, vec![*id]).await.pop().unwrap_or_else(|| Ok(RotationCounts::default())) {
            // counted once
            Ok(more) if counts == RotationCounts::default() => counts = more,
            Ok(_) => {}
            Err(failure) if counts.failed > 0 => {
                tracing::warn!(record = %id, code = failure.code.as_str(), reason = failure.message, "left behind");
            }
            Err(failure) => return Err(failure.with_events(events)),
        }
        Ok((counts, events))
    }

    async fn refreshed<P>(
        self: &Arc<Self>,
        walk: &Walk<'_, P>,
        record: &Record,
        counts: &mut RotationCounts,
    ) -> Result<Vec<Answer>, Failure>
    where
        P: Providers,
    {
        let data = &record.metadata;
        let done = walk.sweep.since.is_some_and(|since| data.refreshed_at >= since);
        if done || data.standing.state != State::Active || data.custody != Custody::Vault {
            return Ok(Vec::new());
        }
        let content = self.open(record, None, walk.sweep.now).await?;
        if content.tokens.refresh_token.is_none() {
            return Ok(Vec::new());
        }
        let name = &content.connection.provider;
        let unknown = || Failure::reject(Code::UnknownProvider, format!("provider {name} is not in the catalogue"));
        let provider = (walk.sweep.provider)(name).ok_or_else(unknown)?;
        match self.newer_than(data.generation, &content.connection, &provider).await? {
            Access::Granted { events, .. } => {
                counts.refreshed += 1;
                Ok(events)
            }
            Access::Refused { events, .. } => {
                counts.ended += 1;
                Ok(events)
            }
        }
    }
}

/// How long a provider that does not answer keeps a rotation from its end. After that its records are left behind.
const PATIENCE: SignedDuration = SignedDuration::from_hours(1);

fn comes_again<P>(failure: &Failure, sweep: &Sweep<'_, P>) -> bool {
    let away = matches!(failure.code, Code::RateLimited | Code::StoreUnavailable | Code::KeySourceUnavailable);
    let patient = || sweep.since.is_some_and(|since| sweep.now.duration_since(since) < PATIENCE);
    let deferred = matches!(failure.verdict, Verdict::Defer { .. });
    away && !failure.of_one || deferred && (failure.code != Code::ProviderUnavailable || patient())
}
