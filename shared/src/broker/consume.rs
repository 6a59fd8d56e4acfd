//! Deliveries of a work queue and its retries, over all reconnections.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use jiff::Timestamp;
use lapin::options::{BasicCancelOptions, BasicConsumeOptions, BasicNackOptions, BasicQosOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Consumer};
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

use super::acks::Acks;
use super::link::{Link, Supervised};
use super::message::{self, Body, Outgoing};
use super::topology;
use super::users::{Gate, Sender};

/// How long the broker may take to begin consuming, or to end it.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// A message that was delivered. Dropped without an answer it stays ours until the connection ends, and then comes
/// again.
pub struct Delivery {
    /// The work queue (also when it came by way of its retries).
    pub queue: &'static str,
    /// Which attempt this is: 1 on the work queue, whatever a header says; on its retries what our own header says.
    pub attempt: u32,
    /// When it is to be looked at, where it was put off until then and comes by way of its retries.
    pub not_before: Option<Timestamp>,
    /// Whether that was its place in the line of its provider's jobs.
    pub lined_up: bool,
    /// Whether it came from the work queue, and not by way of its retries.
    pub first: bool,
    /// Whether the broker delivered it before, to somebody who did not answer.
    pub redelivered: bool,
    /// Name and version, where the producer set them.
    pub type_name: Option<String>,
    /// The message's id.
    pub message_id: Option<String>,
    /// The encoding of the body.
    pub content_type: Option<String>,
    /// The producer's, for its reply.
    pub correlation_id: Option<String>,
    /// Where the result goes. It may be an address that is refused.
    pub reply_to: Option<String>,
    /// The trace that it belongs to.
    pub traceparent: Option<String>,
    /// Who sent it first.
    pub sender: Sender,
    /// The body. `Debug` shows its length only.
    pub body: Body,
    stamp: Option<u64>,
    tag: u64,
    acker: lapin::Acker,
    /// With its channel, which closes when nobody holds it, and the answer could not be sent.
    acks: Arc<Acks>,
}

impl Delivery {
    fn of(
        (queue, again): (&'static str, bool),
        acks: &Arc<Acks>,
        gate: &Gate,
        delivery: lapin::message::Delivery,
    ) -> Self {
        let attempt = if again { message::attempt(&delivery.properties) } else { 1 };
        let message = message::outgoing(&delivery.properties, gate.sender(&delivery.properties), delivery.data.into());
        Self {
            queue,
            attempt,
            not_before: if again { message::not_before(&delivery.properties) } else { None },
            lined_up: again && message::header(&delivery.properties, message::LINED_UP).is_some(),
            first: !again,
            redelivered: delivery.redelivered,
            type_name: message.type_name,
            message_id: message.id,
            content_type: message.content_type,
            correlation_id: message.correlation_id,
            reply_to: message.reply_to,
            traceparent: message.traceparent,
            sender: message.sender,
            body: message.body,
            stamp: *delivery.properties.timestamp(),
            tag: delivery.delivery_tag,
            acker: delivery.acker,
            acks: Arc::clone(acks),
        }
    }

    /// The same message again, for a retry or for `dead-letters`: only what may travel.
    #[must_use]
    pub fn outgoing(&self) -> Outgoing {
        Outgoing {
            type_name: self.type_name.clone(),
            id: self.message_id.clone(),
            content_type: self.content_type.clone(),
            correlation_id: self.correlation_id.clone(),
            reply_to: self.reply_to.clone(),
            attempt: Some(self.attempt),
            not_before: None,
            lined_up: false,
            origin: Some(self.queue.to_owned()),
            traceparent: self.traceparent.clone(),
            sender: self.sender.clone(),
            body: self.body.clone(),
        }
    }

    /// When the message was made, as far as it says so: its id is a UUID of version 7, or the producer or broker stamped it.
    #[must_use]
    pub fn made(&self, id: Uuid) -> Option<Timestamp> {
        // version 4 and 5 tell no time
        let of_id = id.get_timestamp().filter(|_| id.get_version_num() == 7).map(|time| time.to_unix());
        let seconds = of_id.map(|(seconds, _)| seconds).or(self.stamp)?;
        let nanoseconds = of_id.map_or(0, |(_, nanoseconds)| i32::try_from(nanoseconds).unwrap_or_default());
        Timestamp::new(i64::try_from(seconds).ok()?, nanoseconds).ok()
    }

    /// Whether it can still be answered. When it cannot, the broker delivers it again, to whomever.
    #[must_use]
    pub fn usable(&self) -> bool {
        self.acker.usable()
    }

    /// Tells the broker that the message is done. `false`: this was not sent, and the message will come again.
    pub async fn ack(self) -> bool {
        self.usable() && self.acks.ack(self.tag).await
    }

    /// Gives a message back that was not begun, at shutdown. Never as a way to retry: it comes again at once.
    pub async fn release(self) -> bool {
        give_back(&self.acker).await
    }
}

/// What comes from a work queue and its retries: up to the prefetch from each of the two.
pub struct Deliveries {
    receiver: mpsc::Receiver<Delivery>,
    stop: CancellationToken,
    _stop_on_drop: DropGuard,
}

impl Deliveries {
    pub(super) fn start(supervised: Supervised, queue: &'static str, prefetch: u16, gate: Arc<Gate>) -> Self {
        // as many as may come: the runner bounds nothing, and one at a time costs a switch of tasks each
        let (sender, receiver) = mpsc::channel(usize::from(prefetch));
        let stop = CancellationToken::new();
        tokio::spawn(subscribe(supervised, (queue, prefetch, gate), sender, stop.clone()));
        Self { receiver, _stop_on_drop: stop.clone().drop_guard(), stop }
    }

    /// The next message; `None` after [`stop`](Self::stop) or when the broker connections were closed.
    pub async fn recv(&mut self) -> Option<Delivery> {
        loop {
            let delivery = self.receiver.recv().await?;
            if delivery.usable() {
                return Some(delivery);
            }
        }
    }

    /// Ends the consumers and gives back what was not received. What was received can still be answered.
    pub async fn stop(&mut self) {
        self.stop.cancel();
        while let Some(delivery) = self.receiver.recv().await {
            delivery.release().await;
        }
    }
}

async fn subscribe(
    supervised: Supervised,
    (queue, prefetch, gate): (&'static str, u16, Arc<Gate>),
    sender: mpsc::Sender<Delivery>,
    stop: CancellationToken,
) {
    loop {
        let link = tokio::select! {
            () = stop.cancelled() => return,
            link = supervised.up() => link,
        };
        let Some(link) = link else { return };
        match session(&link, (queue, prefetch, &gate), &sender, &stop).await {
            Ok(()) => return,
            Err(problem) => link.give_up(format!("consuming from {queue}: {problem}")),
        }
        supervised.gone(link.id).await;
    }
}

/// Consumes over one connection: `Ok` when told to stop.
async fn session(
    link: &Arc<Link>,
    (queue, prefetch, gate): (&'static str, u16, &Gate),
    sender: &mpsc::Sender<Delivery>,
    stop: &CancellationToken,
) -> Result<(), String> {
    let opening = async {
        let channel = link.connection.create_channel().await?;
        channel.basic_qos(prefetch, BasicQosOptions::default()).await?;
        let first = consumer(&channel, queue).await?;
        let retries = consumer(&channel, &topology::retries(queue)).await?;
        Ok::<_, lapin::Error>((channel, [first, retries]))
    };
    let opened = tokio::time::timeout(ANSWER_WITHIN, opening).await.map_err(|_| "no answer from the broker")?;
    let (channel, mut consumers) = opened.map_err(|error| error.to_string())?;
    let acks = Arc::new(Acks::of(channel.clone()));
    loop {
        let [first, retries] = &mut consumers;
        let (delivery, again) = tokio::select! {
            () = stop.cancelled() => break,
            delivery = first.next() => (delivery, false),
            delivery = retries.next() => (delivery, true),
        };
        let delivery = delivery.ok_or("the broker ended the consumer")?.map_err(|error| error.to_string())?;
        tokio::select! {
            () = stop.cancelled() => {
                give_back(&delivery.acker).await;
                break;
            }
            place = sender.reserve() => match place {
                Ok(place) => place.send(Delivery::of((queue, again), &acks, gate, delivery)),
                Err(_) => break,
            }
        }
    }
    let [first, retries] =
        consumers.each_ref().map(|consumer| channel.basic_cancel(consumer.tag(), BasicCancelOptions::default()));
    let _ = tokio::time::timeout(ANSWER_WITHIN, async { tokio::join!(first, retries) }).await;
    for consumer in &mut consumers {
        while let Some(Some(Ok(delivery))) = consumer.next().now_or_never() {
            give_back(&delivery.acker).await;
        }
    }
    Ok(())
}

async fn consumer(channel: &Channel, queue: &str) -> lapin::Result<Consumer> {
    channel.basic_consume(queue.into(), "".into(), BasicConsumeOptions::default(), FieldTable::default()).await
}

async fn give_back(acker: &lapin::Acker) -> bool {
    let options = BasicNackOptions { requeue: true, ..Default::default() };
    matches!(acker.nack(options).await, Ok(true))
}
