//! Commands seal the secrets of what they send, whether or not workers insist on it.

use sealpost_shared::config::Config;
use sealpost_shared::wire::{PublicKey, WireKeys, is_unsealed};

use crate::step::FollowUp;
use crate::worker;

/// The key that secrets are sealed to.
pub(super) async fn key(config: &Config) -> Result<PublicKey, String> {
    let keys = WireKeys::new(worker::keys(config)?, config.keys.wire.clone());
    let hint = "; secrets in messages are sealed to it, and sealpost keys rotate --wire makes it";
    keys.newest().await.map_err(|error| error.to_string() + hint)
}

/// The message with its secrets sealed. The key is asked for only where there are any.
pub(super) async fn sealed(config: &Config, message: FollowUp) -> Result<FollowUp, String> {
    let body = serde_json::from_slice(&message.body).map_err(|error| error.to_string())?;
    if is_unsealed(message.queue, body) { message.sealed(&key(config).await?) } else { Ok(message) }
}
