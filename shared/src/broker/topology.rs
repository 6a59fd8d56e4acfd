//! What must exist on the broker before anything else is done, declared by every process. Arguments hold only what never
//! changes: they cannot be changed later. Length limits are a broker policy, on the producers' queues only.

use std::time::Duration;

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{Channel, ErrorKind, ExchangeKind};
use sealpost_schemas::queues;

use super::BrokerError;

/// Where an operator finds what was put aside.
pub const DEAD_LETTERS: &str = "dead-letters";
/// The topic exchange that every result and event goes to.
pub const EVENTS: &str = "sealpost.events";

/// A message is delivered this often before the broker itself puts it aside: only workers that die with it get there.
const WORK_DELIVERY_LIMIT: i64 = 50;
/// Looking at a dead letter counts as a delivery. `-1` is no limit on RabbitMQ 4 and death on 3.10.
const DEAD_DELIVERY_LIMIT: i64 = 1_000_000;

/// A fixed delay, shared by all queues: an exchange and a queue of this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tier {
    /// The name of exchange and queue.
    pub name: &'static str,
    /// How long a message rests there.
    pub delay: Duration,
}

/// Every tier, shortest first.
pub const TIERS: [Tier; 6] = [
    Tier { name: "delay.1s", delay: Duration::from_secs(1) },
    Tier { name: "delay.5s", delay: Duration::from_secs(5) },
    Tier { name: "delay.30s", delay: Duration::from_secs(30) },
    Tier { name: "delay.2m", delay: Duration::from_mins(2) },
    Tier { name: "delay.10m", delay: Duration::from_mins(10) },
    Tier { name: "delay.1h", delay: Duration::from_hours(1) },
];

impl Tier {
    /// The longest tier that is not longer than what is left, or by half a second at most; the shortest, if all are.
    #[must_use]
    pub fn within(left: Duration) -> Self {
        let most = left + Duration::from_millis(500);
        TIERS.into_iter().rev().find(|tier| tier.delay <= most).unwrap_or(TIERS[0])
    }
}

/// The queue that delayed messages of a work queue come home to. It has no length limit: a home that can refuse blocks
/// its tier for every queue.
#[must_use]
pub fn retries(queue: &str) -> String {
    format!("{queue}.retries")
}

/// Whether a queue is one of Sealpost's own, which no reply may go to.
#[must_use]
pub fn is_own_queue(name: &str) -> bool {
    let home = name.strip_suffix(".retries").unwrap_or(name);
    queues::ALL.contains(&home) || name == DEAD_LETTERS || name.starts_with("delay.")
}

/// The exchange that leads to a producers' queue and nowhere else, whatever the routing key. Who may write to it, may
/// write to that queue; who may write to the default exchange, to every queue there is.
#[must_use]
pub fn entrance(queue: &str) -> String {
    format!("sealpost.{queue}")
}

/// Every queue with its arguments.
pub(super) fn queues() -> Vec<(String, FieldTable)> {
    let home = || [("x-dead-letter-exchange", text("")), ("x-dead-letter-strategy", text("at-least-once"))];
    let work = || {
        let limit =
            [("x-delivery-limit", WORK_DELIVERY_LIMIT.into()), ("x-dead-letter-routing-key", text(DEAD_LETTERS))];
        arguments(limit.into_iter().chain(home()))
    };
    let tier = |delay: Duration| {
        let delay = i64::try_from(delay.as_millis()).unwrap_or(i64::MAX);
        arguments([("x-message-ttl", delay.into())].into_iter().chain(home()))
    };
    let dead = (DEAD_LETTERS.to_owned(), arguments([("x-delivery-limit", DEAD_DELIVERY_LIMIT.into())]));
    let works = queues::ALL.iter().flat_map(|name| [(*name).to_owned(), retries(name)]).map(|name| (name, work()));
    let tiers = TIERS.iter().map(|Tier { name, delay }| ((*name).to_owned(), tier(*delay)));
    [dead].into_iter().chain(works).chain(tiers).collect()
}

/// Every exchange with its kind.
pub(super) fn exchanges() -> Vec<(String, ExchangeKind)> {
    let fanouts =
        queues::PRODUCERS.iter().map(|queue| entrance(queue)).chain(TIERS.iter().map(|tier| tier.name.into()));
    [(EVENTS.into(), ExchangeKind::Topic)].into_iter().chain(fanouts.map(|name| (name, ExchangeKind::Fanout))).collect()
}

/// Declares everything.
pub(super) async fn declare(channel: &Channel, at: &str) -> Result<(), BrokerError> {
    for (name, arguments) in queues() {
        queue(channel, at, &name, arguments).await?;
    }
    for (name, kind) in exchanges() {
        exchange(channel, at, &name, kind).await?;
    }
    for name in queues::PRODUCERS {
        bind(channel, at, name, &entrance(name)).await?;
    }
    for Tier { name, .. } in TIERS {
        bind(channel, at, name, name).await?;
    }
    Ok(())
}

/// Declares a queue; one that is there stays as it is, and must have these arguments.
pub(super) async fn queue(channel: &Channel, at: &str, name: &str, arguments: FieldTable) -> Result<(), BrokerError> {
    let declared = channel.queue_declare(name.into(), QueueDeclareOptions::durable(), arguments).await;
    declared.map(drop).map_err(|error| problem(at, format!("queue {name}"), &error))
}

/// The same of an exchange.
pub(super) async fn exchange(channel: &Channel, at: &str, name: &str, kind: ExchangeKind) -> Result<(), BrokerError> {
    let options = ExchangeDeclareOptions { durable: true, ..Default::default() };
    let declared = channel.exchange_declare(name.into(), kind, options, FieldTable::default()).await;
    declared.map_err(|error| problem(at, format!("exchange {name}"), &error))
}

async fn bind(channel: &Channel, at: &str, queue: &str, exchange: &str) -> Result<(), BrokerError> {
    let (name, options) = (ShortString::from(queue), QueueBindOptions::default());
    let bound = channel.queue_bind(name, exchange.into(), "".into(), options, FieldTable::default()).await;
    bound.map_err(|error| problem(at, format!("the binding of {queue}"), &error))
}

/// What all queues have, and more.
fn arguments(more: impl IntoIterator<Item = (&'static str, AMQPValue)>) -> FieldTable {
    let mut arguments = FieldTable::default();
    let all = [("x-queue-type", text("quorum")), ("x-overflow", text("reject-publish"))];
    for (key, value) in all.into_iter().chain(more) {
        arguments.insert(key.into(), value);
    }
    arguments
}

fn text(text: &str) -> AMQPValue {
    AMQPValue::LongString(text.into())
}

pub(super) fn problem(at: &str, what: String, error: &lapin::Error) -> BrokerError {
    let at = at.to_owned();
    match error.kind() {
        ErrorKind::ProtocolError(said) if said.get_id() == 406 => {
            BrokerError::Mismatch { at, what, said: said.get_message().to_string() }
        }
        _ => BrokerError::Undeclared { at, what, problem: error.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{TIERS, Tier, is_own_queue};

    #[test]
    fn a_way_to_a_time_begins_with_the_longest_delay_that_fits() {
        let name = |millis| Tier::within(Duration::from_millis(millis)).name;
        assert_eq!(name(0), "delay.1s");
        assert_eq!(name(4400), "delay.1s");
        assert_eq!(name(4990), "delay.5s");
        assert_eq!(name(29_000), "delay.5s");
        assert_eq!(name(86_400_000), "delay.1h");
        assert!(TIERS.is_sorted_by_key(|tier| tier.delay));
    }

    #[test]
    fn no_queue_of_ours_passes_as_a_reply_address() {
        for own in ["publish-jobs", "publish-jobs.retries", "delay.1s", "dead-letters", "rotation-shards"] {
            assert!(is_own_queue(own), "{own}");
        }
        for other in ["amq.rabbitmq.reply-to.g1h2", "my-results", "publish-jobs.results", "dead-letters.mine"] {
            assert!(!is_own_queue(other), "{other}");
        }
    }
}
