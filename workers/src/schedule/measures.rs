//! What the scheduler measures beside its ticks: how much is sealed under older key versions, and what rotations have left.

use std::convert::Infallible;
use std::time::Duration;

use sealpost_schemas::RotationMode;
use sealpost_shared::keys::Keys;
use sealpost_shared::metrics;
use sealpost_shared::records::Store;
use sealpost_shared::seal::KeyId;
use sealpost_shared::tokens::{latest_and_older, usage};

/// Between two looks.
const EVERY: Duration = Duration::from_secs(10);

/// Measures for ever. While it cannot, the last values stay.
pub async fn measure(store: &Store, keys: &Keys, key: &KeyId) -> Infallible {
    let mut told = false;
    loop {
        match look(store, keys, key).await {
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

async fn look(store: &Store, keys: &Keys, key: &KeyId) -> Result<(), String> {
    let used = usage(store, keys, key).await.map_err(|failure| failure.message)?;
    let rotations = store.rotations().await.map_err(|error| error.to_string())?;
    let (latest, older) = latest_and_older(&used, key);
    metrics::sealed_under(latest, older);
    for mode in [RotationMode::Rewrap, RotationMode::Refresh] {
        let running = rotations.iter().filter(|rotation| rotation.begin.mode == mode && rotation.ended.is_none());
        let left = running.map(|rotation| u32::from(store.shards().saturating_sub(rotation.shards_done))).sum();
        metrics::rotation_shards_left(mode, left);
    }
    Ok(())
}
