//! The scheduler: publishes rotation ticks when their cron expression says.
//!
//! A tick's id is derived from its time, so that several schedulers make one rotation.

mod measures;

use std::time::Duration;

use croner::Cron;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Unit};
use sealpost_schemas::{RotationMode, RotationScope, RotationTick};
use sealpost_shared::broker::{Broker, Route};
use sealpost_shared::clock::Clock;
use sealpost_shared::ids;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::runner::emit::label;
use crate::step::FollowUp;

pub use measures::measure;
use sealpost_shared::metrics;

/// Between tries to hand a tick to the broker.
const PAUSE: Duration = Duration::from_secs(1);

/// Publishes a tick of this mode at each time of the cron expression (UTC), until `stop`.
///
/// # Errors
/// If the expression cannot be read, or names no time to come.
pub async fn ticks(
    (mode, cron): (RotationMode, &str),
    broker: &Broker,
    clock: &impl Clock,
    stop: &CancellationToken,
) -> Result<(), String> {
    let (key, schedule) = (metrics::mode_label(mode), parsed(mode, cron)?);
    let problem = |error| format!("schedule.{key} = {cron:?}: {error}; it names no time to come");
    loop {
        let now = clock.now().to_zoned(TimeZone::UTC);
        let next = schedule.find_next_occurrence(&now, false).map_err(problem)?.timestamp();
        tracing::info!(at = %next, mode = key, "next rotation");
        if stop.run_until_cancelled(wait_until(clock, next)).await.is_none() {
            return Ok(());
        }
        stop.run_until_cancelled(publish(broker, &tick(mode, next))).await;
    }
}

/// The cron expression of this mode's ticks.
///
/// # Errors
/// If it cannot be read.
pub fn parsed(mode: RotationMode, cron: &str) -> Result<Cron, String> {
    let key = metrics::mode_label(mode);
    cron.parse().map_err(|error| format!("schedule.{key} = {cron:?}: {error}; write five fields, as in \"0 3 * * *\""))
}

/// The tick of this time, the same from every scheduler. One of mode `refresh` is for what is due by then.
#[must_use]
pub fn tick(mode: RotationMode, scheduled_for: Timestamp) -> RotationTick {
    let id = ids::follow_up(None, Uuid::nil(), "rotation-tick", &format!("{mode:?} {scheduled_for}"));
    let due_before = (mode == RotationMode::Refresh).then_some(scheduled_for);
    RotationTick { id, mode, scope: RotationScope::default(), due_before, scheduled_for }
}

async fn publish(broker: &Broker, tick: &RotationTick) {
    let Ok(message) = FollowUp::of(tick) else { return };
    let (route, outgoing) = (Route::queue(message.queue), message.outgoing());
    loop {
        let sent = broker.publish(&route, &outgoing).await;
        metrics::published("tick", label(&sent));
        match sent {
            Ok(()) => return tracing::info!(tick = %tick.id, "rotation tick published"),
            Err(error) => tracing::warn!(%error, "the rotation tick was not taken; trying again"),
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Looks at the clock now and then: the machine may have slept.
async fn wait_until(clock: &impl Clock, time: Timestamp) {
    while let Ok(left) = time.since(clock.now()).and_then(|span| span.total(Unit::Second)) {
        if left <= 0.0 {
            return;
        }
        tokio::time::sleep(Duration::from_secs_f64(left.min(30.0))).await;
    }
}

#[cfg(test)]
mod tests {
    use sealpost_schemas::RotationMode;

    use super::tick;

    #[test]
    fn two_schedulers_make_the_same_tick() {
        let (three, four) = ("2026-11-22T03:00:00Z".parse().unwrap(), "2026-11-22T04:00:00Z".parse().unwrap());
        assert_eq!(tick(RotationMode::Rewrap, three).id, tick(RotationMode::Rewrap, three).id);
        assert_ne!(tick(RotationMode::Rewrap, three).id, tick(RotationMode::Rewrap, four).id);
        assert_ne!(tick(RotationMode::Rewrap, three).id, tick(RotationMode::Refresh, three).id);
    }
}
