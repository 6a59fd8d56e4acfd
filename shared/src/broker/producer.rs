//! The other side of the queues: publishes a request, waits for its reply (Direct Reply-to), listens to events.
//!
//! For commands and `dev`, which ask once and wait. It is not supervised: when its connection ends, so does it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use lapin::options::{
    BasicConsumeOptions, BasicPublishOptions, ConfirmSelectOptions, QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::FieldTable;
use lapin::{Channel, Confirmation, Consumer};
use secrecy::SecretString;
use tokio::sync::{Mutex as AsyncMutex, oneshot};

use super::link::{Link, Purpose, Target};
use super::message::{Body, Outgoing};
use super::topology::EVENTS;
use super::{BrokerError, open};

/// The pseudo-queue of Direct Reply-to (RabbitMQ documentation, "Direct Reply-to").
const REPLIES: &str = "amq.rabbitmq.reply-to";

type Waiting = Arc<Mutex<HashMap<String, oneshot::Sender<Heard>>>>;

/// A reply or an event. `Debug` shows the body's length only.
#[derive(Clone, Debug)]
pub struct Heard {
    /// Name and version.
    pub type_name: String,
    /// An event's topic.
    pub topic: String,
    /// The body.
    pub body: Body,
}

/// Somebody who asks.
pub struct Producer {
    pub(super) link: Link,
    named: bool,
    channel: AsyncMutex<Channel>,
    waiting: Waiting,
}

/// Events as they come.
pub struct Events {
    consumer: Consumer,
    queue: String,
    _channel: Channel,
}

impl Producer {
    /// Connects to the first of these addresses that answers, declares the topology, and is ready for replies. `named`: its
    /// messages say who sends them, as they must where `broker.users` is configured.
    ///
    /// # Errors
    /// If none of them can be reached and used: what the last one said.
    pub async fn connect(urls: &[SecretString], named: bool) -> Result<Self, BrokerError> {
        let link = open::open_any(Purpose::Publish, &Target::all(urls)?).await?;
        let at = Arc::clone(&link.at);
        let problem = |error: lapin::Error| BrokerError::Unreachable { at: at.to_string(), problem: error.to_string() };
        let channel = link.connection.create_channel().await.map_err(problem)?;
        channel.confirm_select(ConfirmSelectOptions::default()).await.map_err(problem)?;
        let options = BasicConsumeOptions { no_ack: true, ..Default::default() };
        let mut replies =
            channel.basic_consume(REPLIES.into(), "".into(), options, FieldTable::default()).await.map_err(problem)?;
        let waiting = Waiting::default();
        let waiters = Arc::clone(&waiting);
        tokio::spawn(async move {
            while let Some(Ok(reply)) = replies.next().await {
                let correlation = reply.properties.correlation_id().as_ref().map(ToString::to_string);
                let waiter =
                    correlation.and_then(|id| waiters.lock().unwrap_or_else(PoisonError::into_inner).remove(&id));
                if let Some(waiter) = waiter {
                    let _ = waiter.send(heard(reply)); // an error means that nobody waits any more
                }
            }
        });
        Ok(Self { link, named, channel: AsyncMutex::new(channel), waiting })
    }

    /// Publishes a message to a work queue and tells when the broker has it.
    ///
    /// # Errors
    /// In words, if it does not count as sent.
    pub async fn send(&self, queue: &str, message: &Outgoing) -> Result<(), String> {
        let properties = message.properties(None)?;
        let properties = if self.named { self.link.signed(properties)? } else { properties };
        let options = BasicPublishOptions { mandatory: true, ..Default::default() };
        // one at a time: with several in flight a returned message could be taken for another one
        let channel = self.channel.lock().await;
        let sent = channel.basic_publish("".into(), queue.into(), options, &message.body, properties).await;
        let confirmation = match sent {
            Ok(confirmation) => confirmation.await,
            Err(error) => Err(error),
        };
        match confirmation {
            Ok(Confirmation::Ack(None)) => Ok(()),
            Ok(Confirmation::Ack(Some(_))) => Err(format!("there is no queue {queue}")),
            Ok(Confirmation::Nack(_) | Confirmation::NotRequested) => Err(format!("queue {queue} is full")),
            Err(error) => Err(format!("publishing to queue {queue} at {}: {error}", self.link.at)),
        }
    }

    /// Publishes a request and waits for its reply.
    ///
    /// # Errors
    /// In words, if it was not sent or no reply came within `limit`.
    pub async fn ask(&self, queue: &str, message: &Outgoing, limit: Duration) -> Result<Heard, String> {
        let correlation = message.id.clone().unwrap_or_default();
        let (sender, receiver) = oneshot::channel();
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).insert(correlation.clone(), sender);
        let asking =
            Outgoing { reply_to: Some(REPLIES.into()), correlation_id: Some(correlation.clone()), ..message.clone() };
        let sent = self.send(queue, &asking).await;
        let heard = match sent {
            Ok(()) => match tokio::time::timeout(limit, receiver).await {
                Ok(Ok(heard)) => Ok(heard),
                _ => Err(format!("no reply to {correlation} within {} s", limit.as_secs())),
            },
            Err(problem) => Err(problem),
        };
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(&correlation);
        heard
    }

    /// Listens to events whose topics match, as in `rotation.*`. Those before this are not heard.
    ///
    /// # Errors
    /// If the broker refuses.
    pub async fn listen(&self, topics: &[&str]) -> Result<Events, String> {
        let problem = |error: lapin::Error| format!("listening to events at {}: {error}", self.link.at);
        let channel = self.link.connection.create_channel().await.map_err(problem)?;
        let options = QueueDeclareOptions { exclusive: true, auto_delete: true, ..Default::default() };
        let queue = channel.queue_declare("".into(), options, FieldTable::default()).await.map_err(problem)?;
        for topic in topics {
            let (queue, options) = (queue.name().clone(), QueueBindOptions::default());
            let binding = channel.queue_bind(queue, EVENTS.into(), (*topic).into(), options, FieldTable::default());
            binding.await.map_err(problem)?;
        }
        let (options, name) = (BasicConsumeOptions { no_ack: true, ..Default::default() }, queue.name().to_string());
        let consuming = channel.basic_consume(queue.name().clone(), "".into(), options, FieldTable::default());
        Ok(Events { consumer: consuming.await.map_err(problem)?, queue: name, _channel: channel })
    }

    /// How many consumers a queue has. `None`: the broker did not say.
    pub async fn consumers(&self, queue: &str) -> Option<u32> {
        // of its own: asking for a queue that is not there ends the channel
        let channel = self.link.connection.create_channel().await.ok()?;
        let options = QueueDeclareOptions { passive: true, ..Default::default() };
        let queue = channel.queue_declare(queue.into(), options, FieldTable::default()).await.ok()?;
        Some(queue.consumer_count())
    }
}

impl Events {
    /// Its queue, which is a reply address too: what is sent there is heard here. It ends with the connection.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.queue
    }

    /// The next event, or reply to [`Self::address`]; `None` when the connection ended.
    pub async fn next(&mut self) -> Option<Heard> {
        self.consumer.next().await?.ok().map(heard)
    }
}

fn heard(delivery: lapin::message::Delivery) -> Heard {
    Heard {
        type_name: delivery.properties.kind().as_ref().map(ToString::to_string).unwrap_or_default(),
        topic: delivery.routing_key.to_string(),
        body: delivery.data.into(),
    }
}
