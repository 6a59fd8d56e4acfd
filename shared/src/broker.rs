//! RabbitMQ: topology, deliveries, publishing, delays, replies and dead letters, over connections that come back.
//!
//! The only place with lapin. Knows how messages travel; refuses to know what is in them, and what a step is.

mod acks;
mod consume;
mod dead;
mod depth;
mod error;
mod inspect;
mod link;
mod mend;
mod message;
mod open;
mod pool;
mod producer;
mod topology;
mod users;
mod wire;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use sealpost_schemas::{Code, Name};
use secrecy::SecretString;
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::Instrument;

pub use consume::{Deliveries, Delivery};
pub use dead::{DeadLetter, DeadLetterError, DeadLetters};
pub use depth::{Depth, DepthGauge};
pub use error::{BrokerError, PublishError};
pub use inspect::{Inspection, inspect};
pub use message::{Body, Outgoing};
pub use producer::{Events, Heard, Producer};
pub use topology::{DEAD_LETTERS, EVENTS, TIERS, Tier, entrance, is_own_queue, retries};
pub use users::{Sender, Users};

use link::{Purpose, State, Supervised, Target};
use message::Verdict;
use pool::Pool;
use users::Gate;

use crate::failure::Failure;
use crate::trace;

/// An event is tried this often.
const EVENT_TRIES: u32 = 3;
/// The pause between tries of an event.
const EVENT_PAUSE: Duration = Duration::from_millis(100);
/// Addresses of Direct Reply-to begin with this.
const DIRECT_REPLY: &str = "amq.rabbitmq.reply-to.";

/// Where the broker is, and how it is used.
pub struct BrokerConfig {
    /// `amqp[s]://user:password@host:port/vhost`; when one does not answer, the next is tried.
    pub urls: Vec<SecretString>,
    /// How many unanswered messages each consumer holds.
    pub prefetch: u16,
    /// A publish that is not confirmed within this time has failed.
    pub confirm_timeout: Duration,
    /// Who may act for whom; without it everybody may act for everybody.
    pub users: Option<Users>,
}

impl Default for BrokerConfig {
    fn default() -> Self {
        Self { urls: Vec::new(), prefetch: 32, confirm_timeout: Duration::from_secs(10), users: None }
    }
}

/// Where a message goes: an exchange and a routing key.
#[derive(Clone, Debug)]
pub struct Route {
    exchange: Cow<'static, str>,
    key: String,
}

impl Route {
    /// Straight to a queue.
    pub fn queue(name: impl Into<String>) -> Self {
        Self { exchange: "".into(), key: name.into() }
    }

    fn event(topic: &str) -> Self {
        Self { exchange: EVENTS.into(), key: topic.to_owned() }
    }

    fn home_by(tier: Tier, queue: &str) -> Self {
        Self { exchange: tier.name.into(), key: retries(queue) }
    }

    /// The name of our queue or exchange; a producer's queue has none that is ours to tell.
    fn kind(&self) -> &str {
        match (self.exchange.as_ref(), self.is_own()) {
            ("", true) => &self.key,
            ("", false) => "reply",
            (exchange, _) => exchange,
        }
    }

    /// Whether the topology has it, so that it cannot be missing for long.
    fn is_own(&self) -> bool {
        !self.exchange.is_empty() || is_own_queue(&self.key)
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.exchange.as_ref(), self.key.as_str()) {
            ("", queue) => write!(f, "queue {queue:?}"),
            (exchange, key) => write!(f, "exchange {exchange} with key {key:?}"),
        }
    }
}

/// The broker. Cheap to clone; the connections end with the last clone, or with [`close`](Self::close).
#[derive(Clone)]
pub struct Broker(Arc<Inner>);

struct Inner {
    prefetch: u16,
    consume: Supervised,
    publish: Supervised,
    reply: Supervised,
    publishing: Pool,
    replying: Pool,
    gate: Arc<Gate>,
    closing: CancellationToken,
    _close_on_drop: DropGuard,
}

impl Broker {
    /// Returns at once; the connections are made, and made anew, in the background, for ever. Needs a tokio runtime.
    ///
    /// # Errors
    /// If a URL is not one.
    pub fn start(config: &BrokerConfig) -> Result<Self, BrokerError> {
        let targets = Target::all(&config.urls)?;
        let own = targets.iter().map(|target| target.uri.authority.userinfo.username.clone()).collect();
        let gate = Arc::new(Gate::new(own, config.users.clone()));
        let closing = CancellationToken::new();
        let declaring = Arc::default();
        let connection =
            |purpose| Supervised::start(purpose, Arc::clone(&targets), Arc::clone(&declaring), closing.clone());
        let (consume, publish, reply) =
            (connection(Purpose::Consume), connection(Purpose::Publish), connection(Purpose::Reply));
        Ok(Self(Arc::new(Inner {
            prefetch: config.prefetch.max(1),
            publishing: Pool::new(publish.clone(), config.confirm_timeout, gate.is_closed()),
            replying: Pool::new(reply.clone(), config.confirm_timeout, gate.is_closed()),
            consume,
            publish,
            reply,
            gate,
            _close_on_drop: closing.clone().drop_guard(),
            closing,
        })))
    }

    /// Waits until everything is connected and declared.
    ///
    /// # Errors
    /// What an operator must do something about (the broker is too old, a queue exists with other arguments). It is tried
    /// again in the background all the same.
    pub async fn connected(&self) -> Result<(), BrokerError> {
        for connection in self.connections() {
            connection.settled().await?;
        }
        Ok(())
    }

    /// What keeps it from working, if anything does.
    ///
    /// # Errors
    /// In words, for `/readyz`.
    pub fn ready(&self) -> Result<(), String> {
        for connection in self.connections() {
            let name = connection.purpose.as_str();
            match connection.state() {
                State::Up(_) => {}
                State::Connecting(None) => return Err(format!("{name}: connecting to the broker")),
                State::Connecting(Some(error)) => return Err(format!("{name}: {error}")),
                State::Closed => return Err(format!("{name}: {}", BrokerError::Closed)),
            }
        }
        Ok(())
    }

    /// Whether everything is connected and declared.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.ready().is_ok()
    }

    /// Consumes a work queue and its retries.
    #[must_use]
    pub fn consume(&self, queue: &'static str) -> Deliveries {
        Deliveries::start(self.0.consume.clone(), queue, self.0.prefetch, Arc::clone(&self.0.gate))
    }

    /// Whether the sender of a message may act for this tenant; for all, if none is named.
    ///
    /// # Errors
    /// A rejection, if it may not.
    pub fn allows(&self, sender: &Sender, tenant: Option<&Name>) -> Result<(), Failure> {
        self.0.gate.pass(sender, tenant)
    }

    /// Publishes a message that must arrive: mandatory, persistent, confirmed.
    ///
    /// # Errors
    /// If it does not count as sent.
    pub async fn publish(&self, to: &Route, message: &Outgoing) -> Result<(), PublishError> {
        self.send(&self.0.publishing, to, true, message, None).await
    }

    /// Has a message come home to `<queue>.retries` before so long is over, or about then, and after a second at least. It says itself
    /// for when it is meant ([`Outgoing::not_before`]): who gets it sooner sends it on.
    ///
    /// # Errors
    /// If it does not count as sent.
    pub async fn delay(&self, queue: &str, left: Duration, message: &Outgoing) -> Result<(), PublishError> {
        self.send(&self.0.publishing, &Route::home_by(Tier::within(left), queue), true, message, None).await
    }

    /// Puts a message aside for an operator. `reason` is cut to 1000 bytes, control characters become spaces.
    ///
    /// # Errors
    /// If it does not count as sent.
    pub async fn dead_letter(
        &self,
        message: &Outgoing,
        code: Code,
        reason: &str,
        at: Timestamp,
    ) -> Result<(), PublishError> {
        let verdict = Verdict { code, reason, at };
        self.send(&self.0.publishing, &Route::queue(DEAD_LETTERS), true, message, Some(verdict)).await
    }

    /// Tells whoever listens. That nobody does is no failure. One listener's full queue refuses it for all: it is tried
    /// three times.
    ///
    /// # Errors
    /// If all tries failed.
    pub async fn event(&self, topic: &str, message: &Outgoing) -> Result<(), PublishError> {
        let route = Route::event(topic);
        let mut tries = 0;
        loop {
            tries += 1;
            match self.send(&self.0.publishing, &route, false, message, None).await {
                Ok(()) => return Ok(()),
                Err(error) if tries == EVENT_TRIES => return Err(error),
                Err(_) => tokio::time::sleep(EVENT_PAUSE).await,
            }
        }
    }

    /// Answers a producer: one try, on a connection of its own, since a forged address of Direct Reply-to ends it. A
    /// queue that is gone is an error; that nobody waits at a Direct Reply-to any more is not seen.
    ///
    /// # Errors
    /// If it does not count as sent, or the address is one of our own queues.
    pub async fn reply(&self, to: &str, message: &Outgoing) -> Result<(), PublishError> {
        if is_own_queue(to) {
            return Err(PublishError::ReplyTo { to: to.to_owned() });
        }
        // A message to a Direct Reply-to is delivered *and* returned.
        let mandatory = !to.starts_with(DIRECT_REPLY);
        self.send(&self.0.replying, &Route::queue(to), mandatory, message, None).await
    }

    /// Ends the connections; what was delivered and not answered is delivered again, to whomever.
    pub async fn close(&self) {
        self.0.closing.cancel();
        for connection in self.connections() {
            connection.closed().await;
        }
    }

    fn connections(&self) -> [&Supervised; 3] {
        [&self.0.consume, &self.0.publish, &self.0.reply]
    }

    async fn send(
        &self,
        pool: &Pool,
        to: &Route,
        mandatory: bool,
        message: &Outgoing,
        verdict: Option<Verdict<'_>>,
    ) -> Result<(), PublishError> {
        let properties = message
            .properties(verdict.as_ref())
            .map_err(|problem| PublishError::NotSent { to: to.to_string(), problem })?;
        let span = trace::send(to.kind());
        let sent = pool.publish(to, mandatory, properties, message.body.clone()).instrument(span.clone()).await;
        if let Err(error) = &sent {
            trace::failed(&span, &error.label());
        }
        sent
    }
}

/// Log targets of lapin that print bodies: to be switched off whatever the log filter says. Below `info`, all of lapin
/// prints what it sends and receives; see [`may_log`].
#[must_use]
pub const fn quiet_targets() -> &'static [&'static str] {
    &["lapin::returned_messages"]
}

/// Whether a log line may be written: not if it comes from lapin and may hold a body or a password.
#[must_use]
pub fn may_log(metadata: &tracing::Metadata<'_>) -> bool {
    let target = metadata.target();
    let ours = target.split("::").next().is_some_and(|root| root == "lapin" || root.starts_with("amq_protocol"));
    !ours || (*metadata.level() <= tracing::Level::INFO && !quiet_targets().contains(&target))
}
