//! What the scheduler measures beside its ticks: how much is sealed under older key versions, and what rotations have left.

use std::convert::Infallible;
use std::time::Duration;

use sealpost_schemas::RotationMode;
use sealpost_shared::keys::SealingKeys;
use sealpost_shared::metrics;
use sealpost_shared::records::Store;
use sealpost_shared::tokens::{Sealed, sealed};

/// Between two looks.
const EVERY: Duration = Duration::from_secs(10);

/// Measures for ever. While it cannot, the last values stay.
pub async fn measure(store: &Store, keys: &SealingKeys) -> Infallible {
    let mut told = false;
    loop {
        match look(store, keys).await {
            Ok(()) => told = false,
            Err(reason) => {
                if !std::mem::replace(&mut told, true) {
                    tracing::warn!(reason, "what is sealed under which key version cannot be measured");
                }
            }
        }
        tokio::time::sleep(EVERY).await;
    }
}

async fn look(store: &Store, keys: &SealingKeys) -> Result<(), String> {
    let Sealed { latest, older, .. } = sealed(store, keys, None).await.map_err(|failure| failure.message)?;
    let rotations = store.rotations().await.map_err(|error| error.to_string())?;
    metrics::sealed_under(latest, older);
    for mode in [RotationMode::Rewrap, RotationMode::Refresh] {
        let running = rotations.iter().filter(|rotation| rotation.begin.mode == mode && rotation.ended.is_none());
        let left = running.map(|rotation| u32::from(store.shards().saturating_sub(rotation.shards_done))).sum();
        metrics::rotation_shards_left(mode, left);
        let of_mode = rotations.iter().filter(|rotation| rotation.begin.mode == mode && rotation.begin.everything);
        if let Some(ended) = of_mode.filter_map(|rotation| rotation.ended).max() {
            metrics::rotation_ended(mode, ended);
        }
    }
    Ok(())
}
