//! Parks that are over: found by nothing but being there, and told.

use std::sync::Arc;
use std::time::Duration;

use sealpost_schemas::codec::Encoding;
use sealpost_schemas::{Answer, Code};
use sealpost_shared::broker::{Broker, Outgoing, PublishError};
use sealpost_shared::clock::{Clock, SystemClock};
use sealpost_shared::failure::Failure;
use sealpost_shared::metrics;
use sealpost_shared::tokens::TokenKeeper;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::runner::emit::label;

/// Between two sweeps.
const EVERY: Duration = Duration::from_secs(15);

/// Between two tries to tell.
const PAUSE: Duration = Duration::from_secs(1);

/// Sweeps until `stop`.
pub async fn sweep_parks(keeper: Arc<TokenKeeper>, broker: Broker, stop: CancellationToken) {
    let once = async || {
        if let Err(failure) = sweep(&keeper, &broker).await {
            tracing::warn!(reason = failure.message, "parks were not swept");
        }
        if let Ok(left) = keeper.store().count_parks().await {
            metrics::parks(left);
        }
        sleep(EVERY).await;
    };
    while stop.run_until_cancelled(once()).await.is_some() {}
}

/// Ends what is over. What is told is told before that is noted, so that another sweep tells it where this one ends in between.
async fn sweep(keeper: &TokenKeeper, broker: &Broker) -> Result<(), Failure> {
    for id in keeper.overdue_parks(SystemClock.now()).await? {
        let over = match keeper.expire_park(&id).await {
            Ok(over) => over,
            Err(failure) if failure.code == Code::StoreUnavailable => return Err(failure),
            Err(failure) => {
                tracing::warn!(record = %id, code = failure.code.as_str(), reason = failure.message, "a park stays");
                continue;
            }
        };
        for event in &over.events {
            tell(broker, event).await;
        }
        keeper.told_of_park(&id, &over).await?;
    }
    Ok(())
}

/// Waits for a broker that is away.
async fn tell(broker: &Broker, event: &Answer) {
    let outgoing = Outgoing {
        type_name: Some(event.type_name.clone()),
        id: Some(event.id.to_string()),
        content_type: Some(Encoding::Json.content_type().into()),
        body: event.event.clone().into(),
        ..Outgoing::default()
    };
    loop {
        let sent = broker.event(event.topic, &outgoing).await;
        metrics::published("event", label(&sent));
        match sent {
            Err(error @ PublishError::Refused { .. }) => {
                return tracing::warn!(topic = event.topic, %error, "an event is given up");
            }
            Err(error) => tracing::warn!(topic = event.topic, %error, "an event waits"),
            Ok(()) => return,
        }
        sleep(PAUSE).await;
    }
}
