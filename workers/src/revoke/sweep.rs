//! Tombstones that nobody's message looks after: late tokens, and those of messages that were put aside.

use std::sync::Arc;
use std::time::Duration;

use sealpost_shared::clock::{Clock, SystemClock};
use sealpost_shared::metrics;
use sealpost_shared::tokens::TokenKeeper;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::providers::Catalogue;

/// Between two sweeps.
const EVERY: Duration = Duration::from_secs(15);

/// Sweeps until `stop`.
pub async fn sweep(keeper: Arc<TokenKeeper>, catalogue: Arc<Catalogue>, stop: CancellationToken) {
    let provider = |name: &_| catalogue.get(name).map(|provider| provider.oauth.clone());
    let once = async || {
        match keeper.sweep_tombstones(&provider, SystemClock.now()).await {
            Ok(left) => metrics::tombstones(left),
            Err(failure) => tracing::warn!(reason = failure.message, "tombstones were not swept"),
        }
        sleep(EVERY).await;
    };
    // one in the middle of a call is found again by the next worker
    while stop.run_until_cancelled(once()).await.is_some() {}
}
