//! Runs a step on the deliveries of its queue: decode, run, publish what follows, reply, tell, ack, in this order.
//!
//! Knows `Step` and no concrete one.

pub(crate) mod emit;
mod end;
mod job;
mod read;
mod reply_to;
mod secrets;

use std::sync::Arc;
use std::time::Duration;

use sealpost_shared::broker::Broker;
use sealpost_shared::clock::Clock;
use sealpost_shared::wire::WireKeys;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use sealpost_schemas::Queued;

pub use reply_to::ReplyPrefixes;

use crate::step::Step;

/// What every runner needs.
#[derive(Clone)]
pub struct Runner<C> {
    /// Where messages come from and go to.
    pub broker: Broker,
    /// The clock of deadlines.
    pub clock: C,
    /// Cancelled when no new message is to be taken.
    pub stop: CancellationToken,
    /// How long what is in flight may take after that.
    pub grace: Duration,
    /// Where replies may go.
    pub replies: ReplyPrefixes,
    /// Whether somebody sends notices here.
    pub notices: bool,
    /// What opens the secrets of messages.
    pub wire: WireKeys,
    /// Whether a message is refused that brings one unsealed.
    pub require_sealed: bool,
}

impl<C: Clock + Clone> Runner<C> {
    /// Works until `stop`, then finishes what is in flight within the grace period and gives the rest back.
    pub async fn work<S: Step>(self, step: S) {
        let queue = S::Input::QUEUE;
        let (step, tasks) = (Arc::new(step), TaskTracker::new());
        let mut deliveries = self.broker.consume(queue);
        while let Some(Some(delivery)) = self.stop.run_until_cancelled(deliveries.recv()).await {
            let (runner, step) = (self.clone(), step.clone());
            // boxed, since what a task is made of is moved several times
            tasks.spawn(Box::pin(async move { job::handle(&runner, &*step, delivery).await }));
        }
        deliveries.stop().await;
        tasks.close();
        if timeout(self.grace, tasks.wait()).await.is_err() {
            tracing::warn!(queue, unfinished = tasks.len(), "the grace period is over; what is unfinished goes back");
        }
    }
}
