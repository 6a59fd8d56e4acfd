//! Commands seal the secrets of what they send, whether or not workers insist on it.

use sealpost_schemas::{ExchangeRequest, PublishJob, Queued};
use sealpost_shared::config::Config;
use sealpost_shared::wire::{PublicKey, WireKeys};
use serde_json::Value;

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
    match message.queue {
        ExchangeRequest::QUEUE if has_plain::<ExchangeRequest>(&message) => {
            message.sealed::<ExchangeRequest>(&key(config).await?)
        }
        PublishJob::QUEUE if has_plain::<PublishJob>(&message) => message.sealed::<PublishJob>(&key(config).await?),
        _ => Ok(message),
    }
}

fn has_plain<M: Queued>(message: &FollowUp) -> bool {
    let body: Value = serde_json::from_slice(&message.body).unwrap_or_default();
    M::SECRETS.iter().any(|field| body.pointer(field).is_some_and(Value::is_string))
}
